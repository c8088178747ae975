//! UNMAP (SBC-3 5.28) and GET LBA STATUS (SBC-3 5.4): which blocks a thin unit has, and giving them back.
//!
//! An anchored block (SBC-3 4.7.3.4) is space of the file system that is reserved and has never been written: it reads as zeros, and a
//! write to it does not fail for want of space. It is the file system that remembers which they are, so that no death changes it.

use std::fs::File;
use std::sync::Arc;

use scsi::command::{GetLbaStatus, Unmap};
use scsi::medium_data::{self, LbaStatus, Provisioning};
use scsi::parameter_list;
use scsi::sense::Sense;
use scsi::units::{Blocks, Lba};

use super::io;
use super::read_write::out_of_range;
use super::write_same::{Zeros, release};
use crate::backend::allocation::{self, Cache, Look, Place};
use crate::engine::Op;
use crate::execute::Step;
use crate::failure;
use crate::spc::answer;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::{Io, Work};

/// UNMAP. Blocks are given back, or anchored, one range after the other; all of the list is checked first.
pub fn unmap(task: &Task, unit: &mut Unit, request: &Unmap) -> Step {
    let ranges = match ranges(task, unit, request) {
        Ok(ranges) => ranges,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let taken = usize::from(request.list_length).min(task.data.bytes());
    let outcome = Outcome::good(taken, usize::from(request.list_length));
    let Some(file) = allocation::file_of(unit).filter(|_| !ranges.is_empty()) else {
        return Step::Done(outcome);
    };
    let block = u64::from(unit.info.block_size.get());
    let how = if request.anchor { Zeros::Anchor } else { Zeros::Unmap };
    let (io, durable) = (io(unit), unit.write_through());
    Step::Work(Work::new(io.clone(), async move {
        let runs: Vec<_> = ranges.iter().map(|(lba, blocks)| (lba.0 * block, blocks.0 * block)).collect();
        if let Err(stop) = release(&io, &file, &runs, how).await {
            return Outcome::check(stop.sense);
        }
        match durable {
            true => io.sync().await.map_or_else(Outcome::check, |()| outcome),
            false => outcome,
        }
    }))
}

/// The ranges that an UNMAP names, if they are sound.
pub fn ranges(task: &Task, unit: &mut Unit, request: &Unmap) -> Result<Vec<(Lba, Blocks)>, Sense> {
    unit.medium()?;
    unit.check_writable()?;
    if request.anchor && !unit.info.anchors {
        return Err(Sense::invalid_field_in_cdb(1, Some(0)));
    }
    let most = parameter_list::unmap_list_bytes(&unit.info);
    let mut list = vec![0; usize::from(request.list_length).min(most).min(task.data.bytes())];
    task.data.read_at(0, &mut list);
    parameter_list::unmap(&unit.info, &list, request.list_length)
}

/// GET LBA STATUS: the runs from an address on, as the file system has them.
pub fn lba_status(task: &Task, unit: &mut Unit, request: &GetLbaStatus) -> Step {
    if let Err(sense) = unit.medium() {
        return Step::Done(Outcome::check(sense));
    }
    let info = &unit.info;
    if let Err(sense) = info.check_range(request.lba, Blocks(1)) {
        return Step::Done(Outcome::check(out_of_range(sense, request.lba, info.blocks)));
    }
    let (first, end, block) = (request.lba.0, info.blocks.0, u64::from(info.block_size.get()));
    let length = request.allocation_length;
    // A unit that is not thin has all of its blocks, whatever its file looks like.
    let Some(file) = allocation::file_of(unit).filter(|_| unit.info.thin_provisioned) else {
        let all = LbaStatus { lba: request.lba, blocks: Blocks(end - first), status: Provisioning::Mapped };
        return Step::Done(answer(task, Ok(medium_data::lba_status(&[all], length))));
    };
    if unit.blank {
        let none =
            LbaStatus { lba: request.lba, blocks: Blocks(end - first), status: Provisioning::Deallocated };
        return Step::Done(answer(task, Ok(medium_data::lba_status(&[none], length))));
    }
    let (io, data) = (io(unit), task.data.clone());
    let mut survey = Survey { io: io.clone(), file, anchors: unit.info.anchors, cache: Cache::Ask };
    Step::Work(Work::new(io, async move {
        let mut runs: Vec<LbaStatus> = Vec::new();
        let most = medium_data::statuses_wanted(length);
        let mut lba = first;
        // One more look than there are descriptors, for runs that turn out to be one.
        for _ in 0..=most {
            if lba >= end {
                break;
            }
            let (place, until) = match survey.look(lba * block, end * block).await {
                Ok(found) => found,
                Err(error) => return Outcome::check(failure::of_io(Op::Read, &error, Some(lba))),
            };
            // A block of which a part is there is there.
            let (status, until) = match (place, until / block) {
                (Place::Hole, whole) if whole > lba => (Provisioning::Deallocated, whole),
                (Place::Reserved, whole) if whole > lba => (Provisioning::Anchored, whole),
                _ => (Provisioning::Mapped, until.div_ceil(block).max(lba + 1)),
            };
            let full = runs.len() == most;
            match runs.last_mut() {
                Some(last) if last.status == status => last.blocks.0 += until - lba,
                _ if full => break,
                _ => runs.push(LbaStatus { lba: Lba(lba), blocks: Blocks(until - lba), status }),
            }
            lba = until;
        }
        let bytes = medium_data::lba_status(&runs, length);
        Outcome::good(data.write(bytes.as_slice()), bytes.wanted())
    }))
}

/// A command's looks at what a file has where.
struct Survey {
    io: Io,
    file: Arc<File>,
    anchors: bool,
    cache: Cache,
}

impl Survey {
    /// What there is at an offset, and where that ends.
    async fn look(&mut self, offset: u64, end: u64) -> std::io::Result<(Place, u64)> {
        let file = self.file.clone();
        if !self.anchors {
            let (data, until) = self.io.errand(move || allocation::extent(&file, offset, end)).await?;
            return Ok((if data { Place::Data } else { Place::Hole }, until));
        }
        let until = match self.ask(offset, end).await? {
            Look::Found(place, until) => return Ok((place, until)),
            Look::Unsure(until) => until,
        };
        // Once for a command: what is written while it looks may be seen either way. That data was lost hears whoever has
        // the medium synchronised; here it is data, or not known.
        if self.io.sync().await.is_err() {
            return Ok((Place::Data, until));
        }
        self.cache = Cache::WriteBack;
        let found = self.ask(offset, end).await?;
        self.cache = Cache::Written;
        match found {
            Look::Found(place, until) => Ok((place, until)),
            Look::Unsure(until) => Ok((Place::Data, until)),
        }
    }

    async fn ask(&self, offset: u64, end: u64) -> std::io::Result<Look> {
        let (file, cache) = (self.file.clone(), self.cache);
        self.io.errand(move || allocation::place(&file, offset, end, cache)).await
    }
}

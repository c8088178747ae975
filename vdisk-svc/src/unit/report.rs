//! What core-svc is told of a unit, and what of it outlives this process.
//!
//! Told and noted before the command that changed it ends: [`crate::dispatch`] asks for both with every answer.

use ipc::message::record::{Reply, ReplyKind};
use scsi::asc::Asc;
use scsi::device_info::DeviceInfo;
use scsi::mode_page::ModeParameters;
use scsi::sense::Sense;
use scsi::unit_report::{Generations, UnitReport};

use super::drive::Drive;
use super::operation::Operation;
use super::{State, Unit};
use crate::notebook::{Notebook, Topic};
use crate::spc::buffer::Buffers;

impl Unit {
    /// WRITE BUFFER has changed a buffer: it is noted before the command ends.
    pub fn touch_buffers(&mut self) {
        self.buffers_unkept = true;
        self.untold = true;
    }

    /// What core-svc is told of it.
    pub fn report(&self) -> &UnitReport {
        &self.report
    }

    /// What a command hears that was meant for the medium before this one.
    pub fn medium_changed(&self) -> Sense {
        Sense::unit_attention(match self.info.removable {
            true => Asc::MEDIUM_MAY_HAVE_CHANGED,
            false => Asc::INQUIRY_DATA_HAS_CHANGED,
        })
    }

    /// Changes what core-svc is told of it. A change by a command is told before the command is answered; after any other
    /// change, say so with [`crate::dispatch::Dispatch::tell_soon`].
    pub fn change_report(&mut self, change: impl FnOnce(&mut UnitReport)) {
        let before = self.report;
        // Who has made an earlier change must be told of this one.
        self.report.origin = 0;
        change(&mut self.report);
        if self.report.generations.news_since(&before.generations).next().is_none() && self.report.origin == 0
        {
            self.report.origin = before.origin;
        }
        if self.report != before {
            self.report_version += 1;
            self.untold = true;
            self.unkept = true;
        }
    }

    /// Takes up what a former incarnation, or a former grant of the device, has left in the notebook. What is returned is for
    /// the administrator.
    pub fn remember(&mut self, notebook: &Notebook) -> Option<String> {
        let number = self.number();
        if let Some(report) = notebook.recall(number, Topic::Report).and_then(UnitReport::decode) {
            let Generations { mode, threshold, log, .. } = report.generations;
            let now = self.report.generations;
            self.report.generations = Generations { mode, threshold, log, ..now };
            self.report.origin = report.origin;
        }
        let medium = self.config.medium_generation;
        if let Some(drive) =
            notebook.recall(number, Topic::Medium).and_then(|bytes| Drive::decode(bytes, medium))
        {
            self.drive = drive;
            self.report.keeps_nexus_state = self.drive.is_held();
            self.tell_generations();
        }
        if let Some(buffers) = notebook.recall(number, Topic::Buffers).and_then(Buffers::decode) {
            self.buffers = buffers;
        }
        let kept = notebook.recall(number, Topic::ModePages);
        if let Some(parameters) = kept.and_then(|bytes| ModeParameters::decode(&self.info, bytes)) {
            self.settings.force(&self.info, parameters);
        }
        let block = self.info.block_size.get();
        let kept = notebook.recall(number, Topic::LongOperation);
        self.operation = kept.and_then(|bytes| Operation::decode(bytes, block));
        // Of the medium and its size the grant and the medium know better.
        self.tell_generations();
        self.report_settings();
        self.remember_loss(notebook.recall(number, Topic::Loss))
    }

    /// What has changed since this was asked last and has to outlive this process.
    pub fn take_unkept(&mut self) -> impl Iterator<Item = (Topic, Vec<u8>)> + use<> {
        // A unit that was replaced has a successor, which says what is so now.
        let current = !self.replaced;
        let report = (std::mem::take(&mut self.unkept) && current)
            .then(|| (Topic::Report, self.report.encode().to_vec()));
        let modes = std::mem::take(&mut self.settings.unkept) && current;
        let modes = modes.then(|| (Topic::ModePages, self.settings.current().encode()));
        let drive = std::mem::take(&mut self.drive_unkept) && current;
        let drive = drive.then(|| (Topic::Medium, self.drive.encode(self.config.medium_generation)));
        let buffers = std::mem::take(&mut self.buffers_unkept) && current;
        let buffers = buffers.then(|| (Topic::Buffers, self.buffers.encode()));
        let loss = std::mem::take(&mut self.loss_unkept) && current;
        let medium = self.config.medium_generation;
        let loss = loss.then(|| (Topic::Loss, self.deferred.encode(self.syncs.lost, medium)));
        report.into_iter().chain(modes).chain(drive).chain(buffers).chain(loss)
    }

    /// Whether the report has changed since [`take_untold`](Self::take_untold) was asked last.
    pub fn is_untold(&self) -> bool {
        self.untold
    }

    /// Whether the report has changed since this was asked last.
    #[inline]
    pub fn take_untold(&mut self) -> bool {
        std::mem::take(&mut self.untold)
    }

    /// The report's version, and the record that tells it.
    pub fn told(&self) -> (u64, Reply) {
        let mut reply = Reply::new(ReplyKind::UnitReport, 0, u64::from(self.number()));
        let bytes = self.report.encode();
        reply.sense[..bytes.len()].copy_from_slice(&bytes);
        reply.sense_len = bytes.len() as u8;
        (self.report_version, reply)
    }

    /// Changes the drive for a command of `nexus`; `change` says whether it is any different. Told and noted before the
    /// command ends.
    pub fn change_drive(&mut self, nexus: u64, change: impl FnOnce(&mut Drive) -> bool) {
        if change(&mut self.drive) {
            let before = self.report.generations;
            self.tell_generations();
            if self.report.generations != before {
                // Who has loaded a medium knows of it.
                self.report.origin = nexus;
            }
            self.touch_drive();
        }
    }

    /// A nexus was preempted: it does not prevent the removal of the medium any more.
    pub fn allow(&mut self, nexus: u64) {
        self.change_drive(0, |drive| nexus != 0 && drive.forget(nexus));
    }

    /// The drive has changed: it is noted before an answer goes out.
    pub(super) fn touch_drive(&mut self) {
        self.drive_unkept = true;
        let held = self.drive.is_held();
        self.change_report(|report| report.keeps_nexus_state = held);
        self.untold = true;
    }

    /// Has core-svc told of the settings that it acts on.
    pub fn report_settings(&mut self) {
        let control = self.settings.current().control(&self.info);
        self.change_report(|report| report.control = control);
    }

    /// Has core-svc know which medium this is and how large. Nothing has to be remembered for that across a death: the
    /// supervisor counts media, and a capacity that is another one than before has another number.
    pub(super) fn tell_generations(&mut self) {
        let known = matches!(self.state, State::Open(_) | State::Opening(_)) && self.info.blocks.0 > 0;
        let capacity = if known { capacity_number(&self.info) } else { 0 };
        // A medium that an initiator has ejected and loaded again may be another one, for all that others know.
        let media = self.config.medium_generation.wrapping_add(self.drive.loads() << 16);
        let removable = self.config.removable;
        self.change_report(|report| {
            report.generations.capacity = capacity;
            // What another image makes of a fixed disk is another disk.
            *(if removable { &mut report.generations.medium } else { &mut report.generations.inquiry }) =
                media;
        });
    }
}

/// A number that is another one for another capacity, and never 0.
fn capacity_number(info: &DeviceInfo) -> u32 {
    let mixed = (info.blocks.0 ^ u64::from(info.block_size.get()) << 47).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed >> 32) as u32).max(1)
}

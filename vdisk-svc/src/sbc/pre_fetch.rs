//! PRE-FETCH(10) and (16) (SBC-3 5.8, 5.9), and READ DEFECT DATA (SBC-3 5.17, 5.18).

use scsi::command::{PreFetch, ReadDefectData};
use scsi::medium_data;

use super::io;
use super::read_write::out_of_range;
use crate::backend::allocation;
use crate::engine::Op;
use crate::execute::Step;
use crate::failure;
use crate::spc::answer;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::Work;

/// PRE-FETCH: the page cache takes whatever it is asked to read, as long as there is memory, so that the blocks always
/// fit and the status is CONDITION MET. With IMMED the reading begins after the answer, and a failure to do it is told
/// to nobody: the READ that follows will have it.
pub fn begin(unit: &mut Unit, request: &PreFetch) -> Step {
    if let Err(sense) = unit.medium() {
        return Step::Done(Outcome::check(sense));
    }
    let info = &unit.info;
    if let Err(sense) = info.check_range(request.lba, request.blocks) {
        return Step::Done(Outcome::check(out_of_range(sense, request.lba, info.blocks)));
    }
    let blocks = if request.blocks.0 == 0 { info.blocks.0 - request.lba.0 } else { request.blocks.0 };
    let block = u64::from(info.block_size.get());
    let (offset, len, immed) = (request.lba.0 * block, blocks * block, request.immed);
    let Some(file) = allocation::file_of(unit) else { return Step::Done(Outcome::CONDITION_MET) };
    let io = io(unit);
    Step::Work(Work::new(io.clone(), async move {
        if immed {
            io.answer_early(Outcome::CONDITION_MET).await;
        }
        match io.errand(move || allocation::pre_fetch(&file, offset, len)).await {
            Err(error) if !immed => Outcome::check(failure::of_io(Op::Read, &error, Some(io.lba(offset)))),
            _ => Outcome::CONDITION_MET,
        }
    }))
}

/// READ DEFECT DATA: a file has no defects that are known here.
pub fn defect_data(task: &Task, unit: &mut Unit, request: &ReadDefectData) -> Outcome {
    match unit.medium() {
        Ok(_) => answer(task, medium_data::defect_data(request)),
        Err(sense) => Outcome::check(sense),
    }
}

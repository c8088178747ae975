//! READ CAPACITY(10) and (16) (SBC-3 5.15, 5.16).

use scsi::read_capacity;

use crate::spc::answer;
use crate::task::{Outcome, Task};
use crate::unit::Unit;

/// READ CAPACITY(10).
pub fn read_capacity_10(task: &Task, unit: &mut Unit) -> Outcome {
    if let Err(sense) = unit.medium() {
        return Outcome::check(sense);
    }
    answer(task, Ok(read_capacity::read_capacity_10(&unit.info)))
}

/// READ CAPACITY(16).
pub fn read_capacity_16(task: &Task, unit: &mut Unit, allocation_length: u32) -> Outcome {
    if let Err(sense) = unit.medium() {
        return Outcome::check(sense);
    }
    answer(task, Ok(read_capacity::read_capacity_16(&unit.info, allocation_length)))
}

//! Commands of MMC-6: a CD drive whose medium is an image.
//!
//! What a drive says derives from its `DeviceInfo` and the state of its tray ([`crate::unit::drive`]).

use scsi::command::{GetConfiguration, GetEventStatus, ReadToc, ReadTrackInformation};
use scsi::mmc::{self, Disc};

use crate::spc::answer;
use crate::task::{Outcome, Task};
use crate::unit::Unit;

/// READ TOC/PMA/ATIP (MMC-6 6.25).
pub fn read_toc(task: &Task, unit: &mut Unit, request: &ReadToc) -> Outcome {
    answer(task, unit.ready().and_then(|()| mmc::table_of_contents(&unit.info, request)))
}

/// GET CONFIGURATION (MMC-6 6.6). Answered whatever is in.
pub fn get_configuration(task: &Task, unit: &Unit, request: &GetConfiguration) -> Outcome {
    answer(task, Ok(mmc::configuration(&unit.info, disc(unit), request)))
}

/// GET EVENT STATUS NOTIFICATION (MMC-6 6.7). An event is told to each nexus once.
pub fn get_event_status(task: &Task, unit: &mut Unit, request: &GetEventStatus) -> Outcome {
    let disc = disc(unit);
    let event = if request.asks_for_media() {
        let medium = disc.present.then(|| unit.report().generations.medium);
        unit.watchers.poll(task.identity.nexus, medium)
    } else {
        mmc::MediaEvent::NoChange
    };
    answer(task, Ok(mmc::event_status(disc, event, request)))
}

/// READ DISC INFORMATION (MMC-6 6.21).
pub fn read_disc_information(task: &Task, unit: &mut Unit, allocation_length: u16) -> Outcome {
    answer(task, unit.ready().map(|()| mmc::disc_information(allocation_length)))
}

/// READ TRACK INFORMATION (MMC-6 6.26).
pub fn read_track_information(task: &Task, unit: &mut Unit, request: &ReadTrackInformation) -> Outcome {
    answer(task, unit.ready().and_then(|()| mmc::track_information(&unit.info, request)))
}

/// READ FORMAT CAPACITIES (MMC-6 6.23). Answered whatever is in.
pub fn read_format_capacities(task: &Task, unit: &Unit, allocation_length: u16) -> Outcome {
    answer(task, Ok(mmc::format_capacities(&unit.info, disc(unit), allocation_length)))
}

/// MECHANISM STATUS (MMC-6 6.9).
pub fn mechanism_status(task: &Task, unit: &Unit, allocation_length: u16) -> Outcome {
    answer(task, Ok(mmc::mechanism_status(disc(unit), allocation_length)))
}

/// What is in the drive.
fn disc(unit: &Unit) -> Disc {
    Disc { present: unit.has_medium(), open: unit.drive.is_open(), held: unit.drive.is_held() }
}

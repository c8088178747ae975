//! Log pages (SPC-4 7.3, SBC-3 6.3): counters of what a unit has done, in the form of LOG SENSE, and LOG SELECT, which sets
//! them back.
//!
//! One list of pages. Counters are in [`Activity`]; they are of one incarnation of their unit, and nothing of them is saved.
//! To add a page: a line in `PAGES`, a function that puts its parameters.

mod parameters;
mod select;

pub use select::parse;

use crate::command::{LogControl, LogSense};
use crate::device_info::{DeviceInfo, DeviceType};
use crate::mode_page::Exceptions;
use crate::parameter::ParameterData;
use crate::sense::Sense;
use parameters::Parameters;

/// SUBPAGE CODE for all subpages, and of the page that lists pages with their subpages.
const ALL_SUBPAGES: u8 = 0xFF;
/// DS: the page is not saved.
const DS: u8 = 0x80;
/// SPF: the page has a SUBPAGE CODE.
const SPF: u8 = 0x40;

/// What a unit has done since its counters were set back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// READ commands.
    pub reads: u64,
    /// WRITE commands.
    pub writes: u64,
    /// Bytes that went to initiators.
    pub read_bytes: u64,
    /// Bytes that came from initiators.
    pub written_bytes: u64,
    /// READs that ended in MEDIUM ERROR.
    pub read_errors: u64,
    /// WRITEs that ended in MEDIUM ERROR.
    pub write_errors: u64,
    /// VERIFYs that ended in MEDIUM ERROR or MISCOMPARE.
    pub verify_errors: u64,
    /// Microseconds without a command.
    pub idle_us: u64,
}

impl Activity {
    /// Sets the counters of a page back, or of all pages (00h).
    pub fn set_back(&mut self, page: u8) {
        let all = page == 0;
        if all || page == 0x02 {
            (self.written_bytes, self.write_errors) = (0, 0);
        }
        if all || page == 0x03 {
            (self.read_bytes, self.read_errors) = (0, 0);
        }
        if all || page == 0x05 {
            self.verify_errors = 0;
        }
        if all || page == 0x19 {
            (self.reads, self.writes, self.read_bytes, self.written_bytes) = (0, 0, 0, 0);
            self.idle_us = 0;
        }
    }
}

/// The resources behind a thin unit, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// What the file system could still give.
    pub available: u64,
    /// What the unit has taken.
    pub used: u64,
}

/// Everything that log pages are made of.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// The unit.
    pub info: &'a DeviceInfo,
    /// What it has done.
    pub activity: &'a Activity,
    /// What is behind it, if it is thin and somebody knows.
    pub resources: Option<Resources>,
    /// Minutes since the unit began to be served. How old a file is says nothing of how long it was in use.
    pub minutes: u32,
    /// An informational exception to report: ADDITIONAL SENSE CODE and QUALIFIER, zero for none.
    pub exception: crate::asc::Asc,
}

/// The exception that a unit reports: acknowledged data that was lost, or the one that TEST pretends.
pub fn exception(settings: Exceptions, data_lost: bool) -> crate::asc::Asc {
    match (data_lost, settings.test) {
        (true, _) => crate::asc::Asc::FAILURE_PREDICTION_THRESHOLD_EXCEEDED,
        (false, true) => crate::asc::Asc::FAILURE_PREDICTION_THRESHOLD_EXCEEDED_FALSE,
        (false, false) => crate::asc::Asc::NO_ADDITIONAL_SENSE,
    }
}

/// A log page without subpages.
struct Page {
    code: u8,
    /// Which units have it.
    of: fn(&DeviceInfo) -> bool,
    put: fn(&Log<'_>, &mut Parameters),
}

/// The pages besides 00h, in order of their code.
const PAGES: &[Page] = &[
    Page { code: 0x02, of: is_disk, put: parameters::write_errors },
    Page { code: 0x03, of: is_disk, put: parameters::read_errors },
    Page { code: 0x05, of: is_disk, put: parameters::verify_errors },
    Page { code: 0x0C, of: |info| info.thin_provisioned, put: parameters::provisioning },
    Page { code: 0x0D, of: is_disk, put: parameters::temperature },
    Page { code: 0x15, of: is_disk, put: parameters::background_scan },
    Page { code: 0x19, of: is_disk, put: parameters::statistics },
    Page { code: 0x2F, of: is_disk, put: parameters::exceptions },
];

fn is_disk(info: &DeviceInfo) -> bool {
    info.device_type == DeviceType::Disk
}

fn pages_of(info: &DeviceInfo) -> impl Iterator<Item = &'static Page> {
    PAGES.iter().filter(|page| (page.of)(info))
}

/// Whether a unit has a page, so that LOG SELECT can name it. 00h stands for all of them.
pub fn has_page(info: &DeviceInfo, code: u8) -> bool {
    code == 0 || pages_of(info).any(|page| page.code == code)
}

/// Answers LOG SENSE.
///
/// Fails with INVALID FIELD IN CDB for a page or subpage that there is not, and for a PARAMETER POINTER past the last parameter.
pub fn respond(log: &Log<'_>, request: &LogSense) -> Result<ParameterData, Sense> {
    let mut data = ParameterData::new(request.allocation_length);
    match (request.page, request.subpage) {
        (0x00, 0x00) => {
            data.put(&[0x00, 0x00, 0, 0, 0x00]);
            pages_of(log.info).for_each(|page| data.put_u8(page.code));
            no_parameters(request)?;
        }
        (0x00, ALL_SUBPAGES) => {
            data.put(&[SPF, ALL_SUBPAGES, 0, 0, 0x00, 0x00, 0x00, ALL_SUBPAGES]);
            pages_of(log.info).for_each(|page| data.put(&[page.code, 0x00]));
            no_parameters(request)?;
        }
        (code, subpage) => {
            let page = pages_of(log.info).find(|page| page.code == code);
            let page = page.ok_or(Sense::invalid_field_in_cdb(2, Some(5)))?;
            if subpage != 0 {
                return Err(Sense::invalid_field_in_cdb(3, None));
            }
            data.put(&[DS | code, 0, 0, 0]);
            let mut parameters = Parameters::new(request, &mut data);
            (page.put)(log, &mut parameters);
            if parameters.past_the_last() {
                return Err(Sense::invalid_field_in_cdb(5, None));
            }
        }
    }
    let length = (data.full_len() - 4) as u16;
    data.patch(2, &length.to_be_bytes());
    Ok(data)
}

/// The lists of pages have no parameters to begin with.
fn no_parameters(request: &LogSense) -> Result<(), Sense> {
    if request.pointer != 0 { Err(Sense::invalid_field_in_cdb(5, None)) } else { Ok(()) }
}

impl LogControl {
    /// The value of a counter under this page control. No threshold is compared with, so that all are as high as can be.
    fn of(self, cumulative: u64) -> u64 {
        match self {
            Self::Cumulative => cumulative,
            Self::DefaultCumulative => 0,
            Self::Threshold | Self::DefaultThreshold => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests;

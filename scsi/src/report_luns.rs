//! REPORT LUNS (SPC-4 6.33): the logical units that an I_T nexus can reach.

use crate::command::{ReportLuns, SelectReport};
use crate::lun::Lun;
use crate::parameter::ParameterData;

/// The LUN list. `luns` are those that are mapped for this nexus. The one well known logical unit is there for everybody.
pub fn respond(luns: impl IntoIterator<Item = Lun>, request: &ReportLuns) -> ParameterData {
    let mut data = ParameterData::new(request.allocation_length);
    data.put_u64(0);
    if request.select != SelectReport::WellKnown {
        luns.into_iter().for_each(|lun| data.put(&lun.to_bytes()));
    }
    if request.select != SelectReport::Addressable {
        data.put(&Lun::REPORT_LUNS.to_bytes());
    }
    let length = u32::try_from(data.full_len() - 8).unwrap_or(u32::MAX);
    data.patch(0, &length.to_be_bytes());
    data
}

#[cfg(test)]
mod tests;

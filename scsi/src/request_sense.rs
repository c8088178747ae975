//! REQUEST SENSE (SPC-4 6.39): sense data as parameter data, with status GOOD.

use crate::command::RequestSense;
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// The answer: a pending unit attention condition, or what else is wrong, or [`Sense::none`].
pub fn respond(sense: &Sense, request: &RequestSense) -> ParameterData {
    let mut data = ParameterData::new(request.allocation_length);
    data.put(sense.encode(request.descriptor).as_slice());
    data
}

#[cfg(test)]
mod tests;

//! Diagnostic pages (SPC-4 7.2): there is one, the list of them. What else can be diagnosed is the default self-test.

use crate::asc::Asc;
use crate::command::ReceiveDiagnosticResults;
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// PAGE CODE of Supported Diagnostic Pages.
const SUPPORTED_PAGES: u8 = 0x00;

/// Answers RECEIVE DIAGNOSTIC RESULTS: with the page that is asked for, or that of the latest SEND DIAGNOSTIC, which can have
/// been no other.
///
/// Fails with INVALID FIELD IN CDB for a page that there is not.
pub fn respond(request: &ReceiveDiagnosticResults) -> Result<ParameterData, Sense> {
    if request.page.is_some_and(|page| page != SUPPORTED_PAGES) {
        return Err(Sense::invalid_field_in_cdb(2, None));
    }
    let mut data = ParameterData::new(request.allocation_length);
    data.put(&[SUPPORTED_PAGES, 0, 0, 1, SUPPORTED_PAGES]);
    Ok(data)
}

/// Checks the parameter list of SEND DIAGNOSTIC, as much of it as has come: nothing, or the page whose PAGE LENGTH is zero.
///
/// Fails with PARAMETER LIST LENGTH ERROR for one that ends within a page, and with INVALID FIELD IN PARAMETER LIST for a page
/// that there is not, or that has another length.
pub fn parse(list: &[u8]) -> Result<(), Sense> {
    if list.is_empty() {
        return Ok(());
    }
    let too_short = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);
    let [page, _, high, low] = *list.first_chunk().ok_or(too_short)?;
    if page != SUPPORTED_PAGES {
        return Err(Sense::invalid_field_in_parameter_list(0, None));
    }
    match u16::from_be_bytes([high, low]) {
        0 => Ok(()),
        _ => Err(Sense::invalid_field_in_parameter_list(2, None)),
    }
}

#[cfg(test)]
mod tests;

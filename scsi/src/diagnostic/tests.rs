//! Diagnostic pages, byte by byte.

use super::*;

fn ask(page: Option<u8>, allocation_length: u16) -> Result<Vec<u8>, Sense> {
    respond(&ReceiveDiagnosticResults { page, allocation_length }).map(ParameterData::into_vec)
}

#[test]
fn supported_diagnostic_pages() {
    assert_eq!(ask(Some(0x00), 255), Ok(vec![0x00, 0x00, 0x00, 0x01, 0x00]));
    assert_eq!(ask(None, 255), Ok(vec![0x00, 0x00, 0x00, 0x01, 0x00]), "of the latest SEND DIAGNOSTIC");
    assert_eq!(ask(None, 4), Ok(vec![0x00, 0x00, 0x00, 0x01]), "truncated");
    assert_eq!(ask(Some(0x40), 255), Err(Sense::invalid_field_in_cdb(2, None)), "Translate Address");
}

#[test]
fn list_of_send_diagnostic() {
    assert_eq!(parse(&[]), Ok(()));
    assert_eq!(parse(&[0x00, 0, 0, 0]), Ok(()));
    assert_eq!(parse(&[0x00, 0, 0]), Err(Sense::illegal_request(Asc { code: 0x1A, qualifier: 0x00 })));
    assert_eq!(parse(&[0x3F, 0, 0, 0]), Err(Sense::invalid_field_in_parameter_list(0, None)));
    assert_eq!(parse(&[0x00, 0, 0, 1, 0]), Err(Sense::invalid_field_in_parameter_list(2, None)));
}

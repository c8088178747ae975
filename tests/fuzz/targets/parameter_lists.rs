//! The other bytes that somebody else wrote: parameter lists without a state, sense data, unit reports of a handler. The
//! first byte says which.
#![no_main]

use bulkhead_fuzz::Bytes;
use libfuzzer_sys::fuzz_target;
use scsi::sense::Sense;
use scsi::target_port_groups;
use scsi::unit_report::UnitReport;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.u8() % 3 {
        0 => {
            if let Ok(states) = target_port_groups::decode_set(bytes.0, |group| group < 8) {
                assert!(states.iter().all(|(group, _)| *group < 8));
            }
        }
        1 => {
            let _ = Sense::parse(bytes.0);
        }
        _ => {
            let Some(report) = UnitReport::decode(bytes.0) else { return };
            assert_eq!(UnitReport::decode(&report.encode()), Some(report));
        }
    }
});

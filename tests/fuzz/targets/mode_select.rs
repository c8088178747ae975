//! Any MODE SELECT parameter list, on any unit, again and again: what is accepted reads back, is kept and restored as it
//! is, and sending back what MODE SENSE tells changes nothing.
#![no_main]

use bulkhead_fuzz::Bytes;
use libfuzzer_sys::fuzz_target;
use scsi::cdb::Cdb;
use scsi::command::Command;
use scsi::mode_page::{self, ModeParameters};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let (info, path) = (bytes.unit(), bytes.path());
    let mut current = ModeParameters::default();
    while !bytes.0.is_empty() {
        let ten = bytes.u8() & 1 != 0;
        let Ok(next) = mode_page::parse(&info, &current, ten, bytes.piece()) else { continue };
        current = next;
        let kept = current.encode();
        assert_eq!(ModeParameters::decode(&info, &kept), Some(current), "settings that do not come back");
        let all = [0x5A, 0, 0x3F, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0];
        if let Ok(Command::ModeSense(request)) = Cdb::new(&all).and_then(|cdb| Command::decode(&cdb))
            && let Ok(told) = mode_page::respond(&info, &path, &current, None, &request)
        {
            assert_eq!(mode_page::parse(&info, &current, true, told.as_slice()), Ok(current));
        }
    }
});

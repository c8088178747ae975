//! What comes from a socket: headers, additional header segments, login and text keys in any order and phase.
#![no_main]

use bulkhead_fuzz::Bytes;
use iscsi_svc::login::negotiate::{Negotiation, Phase};
use iscsi_svc::login::text;
use iscsi_svc::pdu::{ahs, initiator::Pdu};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((head, rest)) = data.split_first_chunk::<48>() {
        let _ = Pdu::parse(*head);
        if let Ok(segments) = ahs::parse(rest) {
            assert!(segments.extended_cdb.len() <= rest.len());
        }
    }
    let mut bytes = Bytes(data);
    let (mut negotiation, mut out) = (Negotiation::default(), Vec::new());
    let phases = [Phase::Security, Phase::Operational, Phase::FullFeature];
    while !bytes.0.is_empty() {
        let phase = phases[usize::from(bytes.u8()) % phases.len()];
        let Ok(pairs) = text::pairs(bytes.piece()) else { continue };
        for (key, value) in pairs {
            let before = out.len();
            let _ = negotiation.take(phase, key, value, &mut out);
            assert!(out.len() - before < 1024 + key.len() + value.len(), "an answer without bound");
        }
    }
    if let Ok(answers) = text::pairs(&out) {
        assert!(answers.iter().all(|(key, _)| !key.is_empty()));
    }
});

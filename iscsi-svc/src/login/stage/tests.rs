//! Logins as initiators do them, and every way to be refused.

use super::*;
use proptest::prelude::*;

struct One;

impl Directory for One {
    fn target(&self, name: &str) -> Option<TargetInfo> {
        (name == "iqn.2026-11.org.example:disk").then(|| TargetInfo {
            target: 3,
            portal_group: 1,
            alias: String::new(),
        })
    }

    fn has_session(&self, tsih: u16) -> bool {
        tsih == 7
    }
}

fn request(flags: u8) -> LoginRequest {
    let mut bytes = [0; 48];
    bytes[0] = 0x43;
    bytes[1] = flags;
    bytes[8..14].copy_from_slice(&[0x40, 0, 1, 0x37, 0, 0]);
    bytes[19] = 9;
    zerocopy::transmute!(bytes)
}

const NAMES: &[u8] = b"InitiatorName=iqn.1993-08.org.debian:01:abc\0TargetName=iqn.2026-11.org.example:disk\0SessionType=Normal\0";

fn refused(step: Step) -> Status {
    match step {
        Step::Refuse(answer, status) => {
            assert_eq!(answer.header[36..38], (status as u16).to_be_bytes());
            status
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn login_through_both_stages() {
    let mut login = Login::default();
    let data = [NAMES, b"AuthMethod=CHAP,None\0"].concat();
    let Step::Respond(answer) = login.request(&request(0x81), &data, &One) else { panic!() };
    assert_eq!(answer.header[..2], [0x23, 0x81]);
    assert_eq!(answer.text, b"AuthMethod=None\0TargetPortalGroupTag=1\0");
    let data = b"HeaderDigest=None\0InitialR2T=No\0MaxRecvDataSegmentLength=65536\0";
    let Step::Enter(mut answer, session) = login.request(&request(0x87), data, &One) else { panic!() };
    assert_eq!(answer.text, b"HeaderDigest=None\0InitialR2T=No\0MaxRecvDataSegmentLength=262144\0");
    set_tsih(&mut answer.header, 0x1234);
    assert_eq!(answer.header[..2], [0x23, 0x87]);
    assert_eq!(answer.header[8..16], [0x40, 0, 1, 0x37, 0, 0, 0x12, 0x34]);
    assert_eq!(answer.header[5..8], [0, 0, answer.text.len() as u8]);
    assert_eq!(session.initiator, "iqn.1993-08.org.debian:01:abc");
    assert_eq!(session.target.unwrap().1.target, 3);
    assert_eq!(session.parameters.max_send_data, 65536);
    assert!(!session.parameters.initial_r2t);
}

#[test]
fn login_straight_to_operational() {
    let step = Login::default().request(&request(0x87), NAMES, &One);
    assert!(matches!(step, Step::Enter(..)));
}

#[test]
fn login_discovery_needs_no_target() {
    let data = b"InitiatorName=iqn.1993-08.org.debian:01:abc\0SessionType=Discovery\0";
    let Step::Enter(_, session) = Login::default().request(&request(0x87), data, &One) else { panic!() };
    assert_eq!(session.session_type, SessionType::Discovery);
    assert_eq!(session.target, None);
}

#[test]
fn login_text_in_two_pdus() {
    let mut login = Login::default();
    let Step::Respond(answer) = login.request(&request(0x44), &NAMES[..20], &One) else { panic!() };
    assert_eq!((answer.header[1], answer.text.len()), (0x04, 0));
    assert!(matches!(login.request(&request(0x87), &NAMES[20..], &One), Step::Enter(..)));
}

#[test]
fn login_refusals() {
    let refuse = |flags, data: &[u8]| refused(Login::default().request(&request(flags), data, &One));
    assert_eq!(refuse(0x87, b"SessionType=Normal\0"), Status::MissingParameter);
    assert_eq!(refuse(0x87, b"InitiatorName=iqn.a\0"), Status::MissingParameter);
    assert_eq!(refuse(0x87, b"InitiatorName=iqn.a\0TargetName=iqn.b\0"), Status::NotFound);
    assert_eq!(refuse(0x87, b"InitiatorName=iqn.a\0SessionType=Odd\0"), Status::SessionTypeNotSupported);
    assert_eq!(refuse(0x87, b"InitiatorName\0"), Status::InitiatorError);
    assert_eq!(refuse(0x81, &[NAMES, b"AuthMethod=CHAP\0"].concat()), Status::AuthenticationFailure);
    // Backwards, to stage 2, from stage 3, and T together with C.
    for flags in [0x84, 0x82, 0x8f, 0xc7] {
        assert_eq!(refuse(flags, NAMES), Status::InitiatorError, "{flags:#x}");
    }
}

#[test]
fn login_version_too_new() {
    let mut newer = request(0x87);
    newer.version_min = 1;
    assert_eq!(refused(Login::default().request(&newer, NAMES, &One)), Status::UnsupportedVersion);
}

#[test]
fn login_into_a_session() {
    let mut join = request(0x87);
    join.tsih = U16::new(7);
    assert_eq!(refused(Login::default().request(&join, NAMES, &One)), Status::TooManyConnections);
    join.tsih = U16::new(8);
    assert_eq!(refused(Login::default().request(&join, NAMES, &One)), Status::SessionDoesNotExist);
}

#[test]
fn login_that_never_ends() {
    let mut login = Login::default();
    login.request(&request(0x04), NAMES, &One);
    let last = (0..200).map(|_| login.request(&request(0x04), b"", &One)).last();
    assert_eq!(refused(last.unwrap()), Status::InitiatorError);
}

proptest! {
    #[test]
    fn login_arbitrary(steps in prop::collection::vec((any::<[u8; 48]>(), prop::collection::vec(any::<u8>(), 0..100), any::<bool>()), 1..20)) {
        let mut login = Login::default();
        for (header, data, sane) in steps {
            let pdu = if sane { request(header[1]) } else { zerocopy::transmute!(header) };
            login.request(&pdu, if sane { NAMES } else { &data }, &One);
        }
    }
}

//! Keys as initiators offer them: result functions, ranges, what is answered.

use super::*;
use proptest::prelude::*;

fn ask(negotiation: &mut Negotiation, phase: Phase, key: &str, value: &str) -> String {
    let mut out = Vec::new();
    negotiation.take(phase, key, value, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn operational(key: &str, value: &str) -> (String, Parameters) {
    let mut negotiation = Negotiation::default();
    let answer = ask(&mut negotiation, Phase::Operational, key, value);
    (answer, negotiation.parameters)
}

#[test]
fn digest_first_of_the_initiators_list() {
    assert_eq!(operational("HeaderDigest", "CRC32C,None").0, "HeaderDigest=CRC32C\0");
    let (answer, parameters) = operational("DataDigest", "None,CRC32C");
    assert_eq!((answer.as_str(), parameters.data_digest), ("DataDigest=None\0", false));
    assert_eq!(operational("HeaderDigest", "MD5").0, "HeaderDigest=Reject\0");
}

#[test]
fn booleans() {
    assert_eq!(operational("InitialR2T", "No").0, "InitialR2T=No\0");
    assert_eq!(operational("InitialR2T", "Yes").0, "InitialR2T=Yes\0");
    assert_eq!(operational("ImmediateData", "No").0, "ImmediateData=No\0");
    assert_eq!(operational("DataPDUInOrder", "No").0, "DataPDUInOrder=Yes\0");
    assert_eq!(operational("IFMarker", "Yes").0, "IFMarker=No\0");
    assert_eq!(operational("ImmediateData", "yes").0, "ImmediateData=Reject\0");
}

#[test]
fn numbers_by_result_function() {
    assert_eq!(operational("MaxBurstLength", "262144").0, "MaxBurstLength=262144\0");
    assert_eq!(operational("MaxBurstLength", "511").0, "MaxBurstLength=Reject\0");
    assert_eq!(operational("FirstBurstLength", "16777215").0, "FirstBurstLength=262144\0");
    assert_eq!(operational("DefaultTime2Wait", "2").0, "DefaultTime2Wait=2\0");
    assert_eq!(operational("ErrorRecoveryLevel", "2").0, "ErrorRecoveryLevel=0\0");
    assert_eq!(operational("MaxConnections", "8").0, "MaxConnections=1\0");
}

#[test]
fn declarations_are_not_answered() {
    let (answer, parameters) = operational("MaxRecvDataSegmentLength", "0x10000");
    assert_eq!((answer.as_str(), parameters.max_send_data), ("", 65536));
    let mut negotiation = Negotiation::default();
    assert_eq!(ask(&mut negotiation, Phase::Security, "InitiatorName", "IQN.2001-04.com.example"), "");
    assert_eq!(negotiation.initiator_name.as_deref(), Some("iqn.2001-04.com.example"));
}

#[test]
fn keys_unknown_or_not_ours_to_take() {
    assert_eq!(operational("X-com.example.magic", "1").0, "X-com.example.magic=NotUnderstood\0");
    assert_eq!(operational("TargetAddress", "192.0.2.1").0, "TargetAddress=Reject\0");
    assert_eq!(operational("TargetAlias", "NotUnderstood").0, "");
    assert_eq!(operational("OFMarkInt", "2048~8192").0, "OFMarkInt=Reject\0");
}

#[test]
fn keys_repeated_or_out_of_stage() {
    let mut negotiation = Negotiation::default();
    let mut out = Vec::new();
    let mut take = |phase, key, value| negotiation.take(phase, key, value, &mut out);
    assert_eq!(take(Phase::Operational, "InitialR2T", "No"), Ok(()));
    assert_eq!(take(Phase::Operational, "InitialR2T", "No"), Err(NegotiationError::Repeated));
    assert_eq!(take(Phase::Security, "InitiatorName", "iqn.a"), Ok(()));
    assert_eq!(take(Phase::Operational, "InitiatorName", "iqn.a"), Ok(()));
    assert_eq!(take(Phase::Operational, "InitiatorName", "iqn.b"), Err(NegotiationError::Repeated));
    assert_eq!(take(Phase::Operational, "AuthMethod", "None"), Err(NegotiationError::Stage));
    assert_eq!(take(Phase::Security, "HeaderDigest", "None"), Err(NegotiationError::Stage));
    assert_eq!(take(Phase::FullFeature, "MaxRecvDataSegmentLength", "512"), Ok(()));
    assert_eq!(take(Phase::FullFeature, "MaxRecvDataSegmentLength", "1024"), Ok(()));
    assert_eq!(take(Phase::FullFeature, "HeaderDigest", "None"), Err(NegotiationError::Stage));
}

#[test]
fn auth_method() {
    let mut negotiation = Negotiation::default();
    assert_eq!(ask(&mut negotiation, Phase::Security, "AuthMethod", "CHAP,None"), "AuthMethod=None\0");
    assert_eq!(negotiation.auth, Some(AuthMethod::None));
    let mut negotiation = Negotiation::default();
    assert_eq!(ask(&mut negotiation, Phase::Security, "AuthMethod", "CHAP"), "AuthMethod=Reject\0");
    assert!(negotiation.auth_refused);
}

proptest! {
    #[test]
    fn take_arbitrary(pairs in prop::collection::vec((0..TABLE.len(), ".{0,30}"), 0..60)) {
        let mut negotiation = Negotiation::default();
        let mut out = Vec::new();
        for (index, value) in pairs {
            let _ = negotiation.take(Phase::Operational, TABLE[index].key, &value, &mut out);
        }
        prop_assert!((512..=0xff_ffff).contains(&negotiation.parameters.max_send_data));
        prop_assert!((512..=0xff_ffff).contains(&negotiation.parameters.max_burst));
        prop_assert!(negotiation.parameters.data_pdu_in_order);
    }
}

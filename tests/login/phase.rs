//! The login phase and its end: names, keys, sessions and their reinstatement.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::manifest::{Manifest, TARGET};
use harness::target::Target;

fn answer<'a>(session: &'a Session, key: &str) -> anyhow::Result<&'a str> {
    let found = session.answers.iter().find(|(known, _)| known == key);
    found.map(|(_, value)| value.as_str()).with_context(|| format!("no answer to {key}"))
}

/// RFC 7143 11.13.5: 02 03 is "Not found".
pub fn unknown_target() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let login = Login { target: Some("iqn.2026-11.test.bulkhead:other".to_owned()), ..Login::normal(1) };
    let status = login.status(target.portal)?;
    ensure!(status == (2, 3), "status {status:02x?}");
    target.stop()
}

/// RFC 7143 11.13.5: 02 07 is "Missing parameter".
pub fn no_initiator_name() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut wire = harness::initiator::wire::Wire::connect(target.portal)?;
    let mut request = Login::normal(1).request();
    let cut = request.data.iter().position(|byte| *byte == 0).context("a key")?;
    request.data.drain(..=cut);
    wire.send(&request)?;
    let response = wire.receive()?.pdu;
    ensure!(response.bhs[36..38] == [2, 7], "status {:02x?}", &response.bhs[36..38]);
    wire.wait_closed(Duration::from_secs(10))?;
    target.stop()
}

/// RFC 7143 13: AND, OR, the lower number, a list, declared, and what nobody knows.
pub fn negotiation() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let login = Login::normal(1)
        .with("MaxBurstLength", "65536")
        .with("FirstBurstLength", "4096")
        .with("ImmediateData", "No")
        .with("InitialR2T", "Yes")
        .with("DefaultTime2Wait", "2")
        .with("DefaultTime2Retain", "0")
        .with("DataPDUInOrder", "Yes")
        .with("DataSequenceInOrder", "Yes")
        .with("HeaderDigest", "CRC32C,None")
        .with("X-org.example.unknown", "1");
    let session = login.session(target.portal)?;
    for (key, wanted) in [
        ("MaxBurstLength", "65536"),
        ("FirstBurstLength", "4096"),
        ("ImmediateData", "No"),
        ("InitialR2T", "Yes"),
        ("HeaderDigest", "CRC32C"),
        ("DataDigest", "None"),
        ("MaxConnections", "1"),
        ("ErrorRecoveryLevel", "0"),
        ("X-org.example.unknown", "NotUnderstood"),
    ] {
        let found = answer(&session, key)?;
        ensure!(found == wanted, "{key}: {found} instead of {wanted}");
    }
    ensure!(answer(&session, "TargetPortalGroupTag")? == "1");
    session.logout()?;
    target.stop()
}

/// RFC 7143 6.3.5: the same InitiatorName and ISID without a TSIH take over from the older session.
pub fn reinstatement() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut old = Login::normal(1).session(target.portal)?;
    let mut new = Login::normal(1).session(target.portal)?;
    old.wire.wait_closed(Duration::from_secs(10)).context("the older session")?;
    new.clear_unit_attentions(0)?;
    new.logout()?;
    target.stop()
}

/// Another ISID is another session.
pub fn two_sessions() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut one = Login::normal(1).session(target.portal)?;
    let mut other = Login::normal(2).session(target.portal)?;
    one.clear_unit_attentions(0)?;
    other.clear_unit_attentions(0)?;
    one.ping(b"still there")?;
    one.logout()?;
    other.logout()?;
    target.stop()
}

/// RFC 7143 appendix C.
pub fn discovery() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = Login::discovery(1).session(target.portal)?;
    let found = session.text(&[("SendTargets", "All")])?;
    let wanted = [("TargetName", TARGET.to_owned()), ("TargetAddress", format!("{},1", target.portal))];
    for (key, value) in wanted {
        ensure!(found.iter().any(|(k, v)| k == key && *v == value), "no {key}={value} in {found:?}");
    }
    session.logout()?;
    target.stop()
}

/// RFC 7143 11.14.
pub fn logout() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    for _ in 0..20 {
        let mut session = Login::normal(1).session(target.portal)?;
        session.clear_unit_attentions(0)?;
        session.logout()?;
    }
    target.stop()
}

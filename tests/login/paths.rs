//! One disk behind two ports: what each port says of the other, states of port groups, and maps for chosen initiators.

use std::fmt::Debug;

use anyhow::{Context, ensure};
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::{Command, Done};
use harness::manifest::{Manifest, SECOND, TARGET};
use harness::target::Target;
use nix::sys::signal::Signal;

/// ASYMMETRIC ACCESS STATE CHANGED.
const CHANGED: Option<(u8, u8, u8)> = Some((0x06, 0x2a, 0x06));
/// NOT READY, TARGET PORT IN STANDBY STATE.
const STANDBY: Option<(u8, u8, u8)> = Some((0x02, 0x04, 0x0b));

fn groups(mode: &str) -> String {
    format!(
        "[alua]\nmode = \"{mode}\"\n\
         [[port_group]]\nid = 10\nname = \"left\"\ntargets = [\"{TARGET}\"]\npreferred = true\n\
         [[port_group]]\nid = 20\nname = \"right\"\ntargets = [\"{SECOND}\"]\nstate = \"nonoptimized\"\n"
    )
}

/// A session through each port, both quiet at LUN 0.
fn two_paths(target: &Target) -> anyhow::Result<(Session, Session)> {
    let mut left = Login::normal(1).session(target.portal)?;
    let second = Login { target: Some(SECOND.to_owned()), ..Login::normal(2) };
    let mut right = second.session(target.portal)?;
    left.clear_unit_attentions(0)?;
    right.clear_unit_attentions(0)?;
    Ok((left, right))
}

fn read(session: &mut Session, cdb: &[u8]) -> anyhow::Result<Vec<u8>> {
    let done = session.execute(Command::read(0, cdb, 1024))?;
    ensure!(done.status == 0, "{cdb:02x?}: status {:02x}, sense {:02x?}", done.status, done.sense);
    Ok(done.data)
}

fn ready(session: &mut Session) -> anyhow::Result<Done> {
    session.execute(Command::none(0, &cdb::TEST_UNIT_READY))
}

fn same<T: PartialEq + Debug>(what: &str, got: T, wanted: T) -> anyhow::Result<()> {
    ensure!(got == wanted, "{what}: {got:02x?}, not {wanted:02x?}");
    Ok(())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Runs `bulkhead alua`.
fn alua(target: &Target, arguments: &[&str]) -> anyhow::Result<()> {
    let output = target.bulkhead(&[&["alua"], arguments].concat())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "bulkhead alua {arguments:?}: {said}");
    Ok(())
}

/// SPC-4 7.8 and 6.37: both ports tell of both, and each of itself.
pub fn both_ports() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16).two_ways().append(&groups("both")))?;
    let (mut left, mut right) = two_paths(&target)?;
    for (session, port, group, name) in [(&mut left, 1, 10, TARGET), (&mut right, 2, 20, SECOND)] {
        let standard = read(session, &cdb::inquiry(None, 96))?;
        same("TPGS and MULTIP", (standard[5] & 0x30, standard[6] & 0x10), (0x30, 0x10))?;
        let identification = read(session, &cdb::inquiry(Some(0x83), 512))?;
        ensure!(contains(&identification, &[0x01, 0x14, 0, 4, 0, 0, 0, port]), "relative port {port}");
        ensure!(contains(&identification, &[0x01, 0x15, 0, 4, 0, 0, 0, group]), "port group {group}");
        ensure!(contains(&identification, format!("{name},t,0x0001").as_bytes()), "port name {name}");
        let ports = read(session, &cdb::inquiry(Some(0x88), 512))?;
        for name in [TARGET, SECOND] {
            ensure!(
                contains(&ports, format!("{name},t,0x0001").as_bytes()),
                "no port {name} in {ports:02x?}"
            );
        }
        let groups = read(session, &cdb::report_target_port_groups(512))?;
        let wanted = [
            0, 0, 0, 24, 0x80, 0xcf, 0, 10, 0, 0, 0, 1, 0, 0, 0, 1, 0x01, 0xcf, 0, 20, 0, 0, 0, 1, 0, 0, 0, 2,
        ];
        same("REPORT TARGET PORT GROUPS", groups.as_slice(), &wanted[..])?;
    }
    let first = |pages: &[u8]| pages.get(4..24).map(<[u8]>::to_vec);
    let names = [&mut left, &mut right].map(|session| read(session, &cdb::inquiry(Some(0x83), 512)));
    let [one, other] = names.map(|page| page.ok().and_then(|page| first(&page)));
    ensure!(one.is_some() && one == other, "two paths to one unit have its name in common");
    left.logout()?;
    right.logout()?;
    target.stop()
}

/// SPC-4 5.15.2: the administrator takes one path away, core-svc dies, an initiator gives it back.
pub fn states() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16).two_ways().append(&groups("both")))?;
    let (mut left, mut right) = two_paths(&target)?;
    alua(&target, &["right", "standby"])?;
    same("the other path hears", ready(&mut left)?.sense_code(), CHANGED)?;
    same("the path hears", ready(&mut right)?.sense_code(), CHANGED)?;
    let done = right.execute(Command::read(0, &cdb::read16(0, 1), 512))?;
    same("I/O on the standby path", done.sense_code(), STANDBY)?;
    let done = left.execute(Command::read(0, &cdb::read16(0, 1), 512))?;
    same("I/O on the other path", (done.status, done.data.len()), (0, 512))?;

    let before = target.signal("core", Signal::SIGKILL)?;
    target.wait_restarted("core", before.restarts)?;
    same("after the death of the core", ready(&mut right)?.sense_code(), STANDBY)?;
    same("after the death of the core", ready(&mut left)?.status, 0)?;

    let list = vec![0, 0, 0, 0, 0x02, 0, 0, 10, 0x00, 0, 0, 20];
    let done = right.execute(Command::write(0, &cdb::set_target_port_groups(12), list))?;
    same("SET TARGET PORT GROUPS", (done.status, done.sense), (0, Vec::new()))?;
    same("who did it need not hear", ready(&mut right)?.status, 0)?;
    same("the others do", ready(&mut left)?.sense_code(), CHANGED)?;
    same("the first path is the standby one now", ready(&mut left)?.sense_code(), STANDBY)?;
    let output = target.bulkhead(&["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let access = status["access"].as_array().context("status has no access states")?;
    let states: Vec<_> =
        access.iter().map(|row| (row["port_group"].as_str(), row["state"].as_str())).collect();
    same("status", states, vec![(Some("left"), Some("standby")), (Some("right"), Some("active"))])?;

    alua(&target, &["right", "unavailable"])?;
    same("PERIPHERAL QUALIFIER 001b", read(&mut right, &cdb::inquiry(None, 96))?[0], 0x20)?;
    same("of a page too", read(&mut right, &cdb::inquiry(Some(0x83), 96))?[0], 0x20)?;
    same("not through the other port", read(&mut left, &cdb::inquiry(None, 96))?[0], 0x00)?;
    left.logout()?;
    right.logout()?;
    target.stop()
}

/// A core that hangs is asked, and killed before it has heard: its successor is asked again.
pub fn asked_of_a_dead_core() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16).two_ways().append(&groups("implicit")))?;
    let (mut left, mut right) = two_paths(&target)?;
    let before = target.signal("core", Signal::SIGSTOP)?;
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| alua(&target, &["right", "standby", "--device-group", "default"]));
        target.signal("core", Signal::SIGKILL)?;
        asked.join().unwrap_or_else(|_| anyhow::bail!("panicked"))
    })?;
    target.wait_restarted("core", before.restarts)?;
    same("the path hears", ready(&mut right)?.sense_code(), CHANGED)?;
    same("and is in standby", ready(&mut right)?.sense_code(), STANDBY)?;
    same("the other path hears", ready(&mut left)?.sense_code(), CHANGED)?;
    left.logout()?;
    right.logout()?;
    target.stop()
}

/// What cannot be asked is said, and does nothing.
pub fn refusals() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16).two_ways().append(&groups("explicit")))?;
    for (arguments, wanted) in [
        (["alua", "middle", "standby"], "there is no port group \"middle\""),
        (["alua", "left", "asleep"], "there is no state \"asleep\""),
        (["alua", "left", "standby"], "only initiators may change"),
    ] {
        let output = target.bulkhead(&arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && said.contains(wanted), "{arguments:?}: {said}");
    }
    let (mut left, right) = two_paths(&target)?;
    same("nothing has changed", ready(&mut left)?.status, 0)?;
    left.logout()?;
    right.logout()?;
    target.stop()
}

/// An initiator of an access group sees other LUNs, one of which it may only read; so it is after the core's death.
pub fn access_group() -> anyhow::Result<()> {
    let group = "[[target.access_group]]\nname = \"readers\"\ninitiators = [\"*:initiator?\"]\n\
                 luns = [{ lun = 0, device = \"null0\" }, { lun = 300, device = \"disk0\", read_only = true }]\n";
    let target = Target::start(&Manifest::usual(16).append(group))?;
    let mut reader = Login::normal(7).session(target.portal)?;
    let mut writer = Login::normal(17).session(target.portal)?;
    for (session, second) in [(&mut reader, [0x41, 0x2c]), (&mut writer, [0x00, 0x01])] {
        let luns = read(session, &cdb::report_luns(256))?;
        same("the second LUN", luns.get(16..18), Some(&second[..]))?;
    }
    writer.clear_unit_attentions(0)?;
    let block = vec![0x5a; 512];
    let done = writer.execute(Command::write(0, &cdb::write16(3, 1), block.clone()))?;
    same("the other writes", done.status, 0)?;
    reader.clear_unit_attentions(300)?;
    for death in [false, true] {
        if death {
            let before = target.signal("core", Signal::SIGKILL)?;
            target.wait_restarted("core", before.restarts)?;
        }
        let done = reader.execute(Command::write(300, &cdb::write16(3, 1), vec![0; 512]))?;
        same("a write to a read-only LUN", done.sense_code(), Some((0x07, 0x27, 0x00)))?;
        let done = reader.execute(Command::read(300, &cdb::read16(3, 1), 512))?;
        same("a read of it", (done.status, &done.data), (0, &block))?;
        let done = reader.execute(Command::read(300, &[0x1a, 0x08, 0x08, 0, 64, 0], 64))?;
        same("WP of MODE SENSE", done.data.get(2).map(|specific| specific & 0x80), Some(0x80))?;
    }
    let done = writer.execute(Command::read(0, &[0x1a, 0x08, 0x08, 0, 64, 0], 64))?;
    same("WP for the other", done.data.get(2).map(|specific| specific & 0x80), Some(0))?;
    reader.logout()?;
    writer.logout()?;
    target.stop()
}

//! Commands in the full feature phase.

use anyhow::ensure;
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::Command;
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;

fn ready(target: &Target, login: &Login, lun: u16) -> anyhow::Result<Session> {
    let mut session = login.session(target.portal)?;
    session.clear_unit_attentions(lun)?;
    Ok(session)
}

/// RFC 7143 11.18.
pub fn ping() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = Login::normal(1).session(target.portal)?;
    for length in [0, 1, 4, 1000, 8000] {
        let data = Random::new(length).bytes(length as usize);
        ensure!(session.ping(&data)? == data, "a ping of {length} bytes");
    }
    session.logout()?;
    target.stop()
}

/// SAM-5 5.14: a new nexus hears of the power-on first; INQUIRY and REPORT LUNS are answered all the same.
pub fn unit_attention() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = Login::normal(1).session(target.portal)?;
    ensure!(session.execute(Command::read(0, &cdb::inquiry(None, 36), 36))?.status == 0, "INQUIRY");
    let first = session.execute(Command::none(0, &cdb::TEST_UNIT_READY))?;
    ensure!(first.is_unit_attention(), "status {:02x}, sense {:02x?}", first.status, first.sense);
    ensure!(first.sense_code().is_some_and(|(_, asc, _)| asc == 0x29), "sense {:02x?}", first.sense);
    ensure!(session.execute(Command::none(0, &cdb::TEST_UNIT_READY))?.status == 0, "told twice");
    session.logout()?;
    target.stop()
}

/// SPC-4 6.33.
pub fn report_luns() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = Login::normal(1).session(target.portal)?;
    let done = session.execute(Command::read(0, &cdb::report_luns(256), 256))?;
    let wanted = [&[0, 0, 0, 16, 0, 0, 0, 0][..], &[0; 8], &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    ensure!(done.data == wanted, "{:02x?}", done.data);
    ensure!(done.residual == 256 - 24, "residual {}", done.residual);
    session.logout()?;
    target.stop()
}

/// Writes and reads back lengths around every limit.
fn write_and_read(session: &mut Session, seed: u64) -> anyhow::Result<()> {
    let mut random = Random::new(seed);
    for blocks in [1, 7, 8, 9, 16, 127, 128, 129, 512, 1024, 2000] {
        let (lba, length) = (random.between(0, 4096), blocks as usize * 512);
        let data = random.bytes(length);
        let done = session.execute(Command::write(0, &cdb::write16(lba, blocks), data.clone()))?;
        ensure!(done.status == 0, "write of {blocks} blocks: {:02x} {:02x?}", done.status, done.sense);
        let done = session.execute(Command::read(0, &cdb::read16(lba, blocks), length))?;
        ensure!(done.status == 0 && done.data == data, "read of {blocks} blocks at {lba} differs");
    }
    Ok(())
}

/// Immediate, unsolicited and solicited data in short and long pieces (RFC 7143 4.2.5.1).
pub fn data_forms() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    for (number, (immediate, initial_r2t)) in
        [("Yes", "Yes"), ("Yes", "No"), ("No", "Yes"), ("No", "No")].into_iter().enumerate()
    {
        for (segment, first, burst) in
            [("512", "512", "512"), ("8192", "16384", "65536"), ("262144", "65536", "1048576")]
        {
            let login = Login::normal(1)
                .with("ImmediateData", immediate)
                .with("InitialR2T", initial_r2t)
                .with("MaxRecvDataSegmentLength", segment)
                .with("FirstBurstLength", first)
                .with("MaxBurstLength", burst);
            let mut session = ready(&target, &login, 0)?;
            let what = format!("ImmediateData={immediate}, InitialR2T={initial_r2t}, segments of {segment}");
            write_and_read(&mut session, number as u64).map_err(|error| error.context(what))?;
            session.logout()?;
        }
    }
    target.stop()
}

/// RFC 7143 13.1.
pub fn digests() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    for (header, data) in [("CRC32C", "CRC32C"), ("CRC32C", "None"), ("None", "CRC32C")] {
        let login = Login::normal(1).with("HeaderDigest", header).with("DataDigest", data);
        let mut session = ready(&target, &login, 0)?;
        write_and_read(&mut session, 3)?;
        session.ping(b"odd")?;
        session.logout()?;
    }
    target.stop()
}

/// SBC-3 4.2: LOGICAL BLOCK ADDRESS OUT OF RANGE.
pub fn past_the_end() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = ready(&target, &Login::normal(1), 0)?;
    let blocks = 16 << 11;
    for (lba, count) in [(blocks, 1), (blocks - 1, 2), (u64::MAX, 1), (u64::MAX - 1, 8)] {
        let done = session.execute(Command::read(0, &cdb::read16(lba, count), count as usize * 512))?;
        ensure!(
            done.sense_code() == Some((5, 0x21, 0)),
            "read at {lba}: {:02x} {:02x?}",
            done.status,
            done.sense
        );
        let data = vec![0; count as usize * 512];
        let done = session.execute(Command::write(0, &cdb::write16(lba, count), data))?;
        ensure!(
            done.sense_code() == Some((5, 0x21, 0)),
            "write at {lba}: {:02x} {:02x?}",
            done.status,
            done.sense
        );
    }
    let done = session.execute(Command::read(0, &cdb::read16(blocks - 1, 1), 512))?;
    ensure!(done.status == 0, "the last block");
    session.logout()?;
    target.stop()
}

/// RFC 7143 11.4.5.
pub fn residuals() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = ready(&target, &Login::normal(1), 0)?;
    let done = session.execute(Command::read(0, &cdb::read10(0, 2), 4096))?;
    ensure!((done.status, done.residual, done.data.len()) == (0, 3072, 1024), "underflow: {done:?}");
    let done = session.execute(Command::read(0, &cdb::read10(0, 8), 1024))?;
    ensure!(done.residual == -3072, "overflow: residual {}", done.residual);
    session.ping(b"")?;
    session.logout()?;
    target.stop()
}

/// SPC-4 6.6.2: INQUIRY says "no device", other commands LOGICAL UNIT NOT SUPPORTED.
pub fn unknown_lun() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = Login::normal(1).session(target.portal)?;
    let done = session.execute(Command::read(77, &cdb::inquiry(None, 96), 96))?;
    ensure!(done.status == 0 && done.data.first() == Some(&0x7f), "{:02x?}", done.data);
    let done = session.execute(Command::none(77, &cdb::TEST_UNIT_READY))?;
    ensure!(done.sense_code() == Some((5, 0x25, 0)), "{:02x} {:02x?}", done.status, done.sense);
    session.logout()?;
    target.stop()
}

/// RFC 7143 11.6.1: 0 "function complete" or 1 "task does not exist".
pub fn abort_unknown() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut session = ready(&target, &Login::normal(1), 0)?;
    let response = session.task_management(1, 0, 0x1234)?;
    ensure!(response <= 1, "response {response:02x}");
    session.execute(Command::none(0, &cdb::TEST_UNIT_READY))?;
    session.logout()?;
    target.stop()
}

/// SAM-5 7.7 and 5.14: the other nexus hears of the reset.
pub fn reset() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let mut one = ready(&target, &Login::normal(1), 0)?;
    let mut other = ready(&target, &Login::normal(2), 0)?;
    let response = one.task_management(5, 0, u32::MAX)?;
    ensure!(response == 0, "response {response:02x}");
    let done = other.execute(Command::none(0, &cdb::TEST_UNIT_READY))?;
    ensure!(done.is_unit_attention(), "status {:02x}", done.status);
    ensure!(done.sense_code().is_some_and(|(_, asc, _)| asc == 0x29), "sense {:02x?}", done.sense);
    one.clear_unit_attentions(0)?;
    one.logout()?;
    other.logout()?;
    target.stop()
}

/// Four sessions, two units, all verified.
pub fn many_sessions() -> anyhow::Result<()> {
    let disks = ["disk0", "disk1", "disk2", "disk3"];
    let manifest = disks.into_iter().fold(Manifest::default(), |manifest, name| manifest.file(name, 32, ""));
    let target = Target::start(&manifest)?;
    let plan = |lun: u16| Plan { lun, mib: 32, initiator: lun + 1, ..Plan::usual(target.portal, lun.into()) };
    let loads = (0..4).map(|lun| Load::start(plan(lun))).collect::<anyhow::Result<Vec<_>>>()?;
    for load in &loads {
        load.wait_for_progress(2000)?;
    }
    for load in loads {
        load.finish()?.flawless()?;
    }
    target.stop()
}

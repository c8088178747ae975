//! PDUs that are wrong in one way or in every way.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::pdu::{FINAL, NO_TAG, Pdu, request, response};
use harness::initiator::session::Session;
use harness::initiator::task::Command;
use harness::random::Random;

use super::beside_an_honest_session;

/// How long the target may take to close a connection that it cannot follow any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// A well-formed command: byte 9 of the CDB and bytes 20 to 23 can be made to lie.
fn read_command(session: &mut Session) -> Pdu {
    let mut pdu = Pdu::new(request::COMMAND, FINAL | 0x41).with_word(20, 512);
    let tag = session.tag();
    pdu.set_word(16, tag);
    pdu.bhs[32..42].copy_from_slice(&cdb::read10(0, 1));
    session.number(&mut pdu, true);
    pdu
}

/// Data segments longer than declared, AHS longer than there is.
pub fn lying_lengths() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for bytes in [[0, 0xff, 0xff, 0xff], [0, 0x10, 0, 0], [0xff, 0, 0, 0], [0xff, 0xff, 0xff, 0xff]] {
            let mut session = Login::normal(1).session(target.portal)?;
            let mut pdu = read_command(&mut session);
            pdu.bhs[4..8].copy_from_slice(&bytes);
            session.wire.send_as_is(&pdu)?;
            // Enough for a target that waits for what was announced.
            let _ = session.wire.send_bytes(&[0; 4096]);
            drop(session);
        }
        // AHS of an unknown type and a length that does not fit it.
        for ahs in [[0xff, 0xff, 0x3f, 0], [0, 0, 1, 0], [0, 1, 2, 0], [0, 40, 1, 0]] {
            let mut session = Login::normal(1).session(target.portal)?;
            let mut pdu = read_command(&mut session);
            pdu.ahs = ahs.repeat(4);
            session.wire.send(&pdu)?;
            let _ = session.wire.receive_within(Duration::from_millis(500));
        }
        Ok(())
    })
}

/// Opcodes that no initiator sends: Reject, or the end of the connection (RFC 7143 7.8 and 11.17).
pub fn unknown_opcodes() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for opcode in [0x07, 0x0f, 0x10, 0x1c, 0x1f] {
            let mut session = Login::normal(1).session(target.portal)?;
            let mut pdu = Pdu::new(opcode, FINAL).with_word(16, 77);
            session.number(&mut pdu, false);
            session.wire.send(&pdu)?;
            match session.wire.receive_within(PATIENCE) {
                Ok(Some(arrived)) => {
                    let answer = arrived.pdu.opcode();
                    ensure!(answer == response::REJECT, "opcode {opcode:02x} is answered with {answer:02x}");
                }
                Ok(None) => anyhow::bail!("opcode {opcode:02x} is ignored"),
                Err(_) => {}
            }
        }
        Ok(())
    })
}

/// The target's own opcodes, sent to it.
pub fn targets_own() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for opcode in
            [response::NOP_IN, response::COMMAND, response::DATA_IN, response::R2T, response::REJECT, 0x3f]
        {
            let mut session = Login::normal(1).session(target.portal)?;
            session.wire.send(&Pdu::new(opcode, FINAL).with_data([0; 64]))?;
            let _ = session.wire.receive_within(Duration::from_millis(200));
        }
        Ok(())
    })
}

/// A write whose data digest is wrong must not reach the medium; one whose header digest is wrong must not be believed.
pub fn wrong_digest() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let login = Login::normal(1).with("HeaderDigest", "CRC32C").with("DataDigest", "CRC32C");
        let far = (64 << 11) - 8;
        for break_header in [false, true] {
            let mut session = login.session(target.portal)?;
            session.clear_unit_attentions(0)?;
            let mut pdu = Pdu::new(request::COMMAND, FINAL | 0x21).with_word(16, 99).with_word(20, 4096);
            pdu.bhs[32..42].copy_from_slice(&cdb::write10(far, 8));
            session.number(&mut pdu, true);
            pdu = pdu.with_data([0xee; 4096]);
            pdu.set_lengths();
            let digest = harness::initiator::crc32c::digest;
            let (mut header, mut data) = (digest(&pdu.bhs), digest(&pdu.data));
            if break_header {
                header[0] ^= 1
            } else {
                data[0] ^= 1
            }
            let bytes = [&pdu.bhs[..], &header, &pdu.data, &data].concat();
            session.wire.send_bytes(&bytes)?;
            let _ = session.wire.receive_within(Duration::from_millis(500));
        }
        let mut session = Login::normal(2).session(target.portal)?;
        session.clear_unit_attentions(0)?;
        let done = session.execute(Command::read(0, &cdb::read10(far, 8), 4096))?;
        ensure!(done.data.iter().all(|byte| *byte != 0xee), "data with a wrong digest was written");
        Ok(())
    })
}

/// Nothing but noise, before and after a login.
pub fn any_bytes() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let mut random = Random::printed("pdus of any bytes");
        for round in 0..200 {
            let length = random.between(1, 4000) as usize;
            let noise = random.bytes(length);
            if round % 2 == 0 {
                let mut wire = harness::initiator::wire::Wire::connect(target.portal)?;
                let _ = wire.send_bytes(&noise);
            } else {
                let mut session = Login::normal(1).session(target.portal)?;
                let _ = session.wire.send_bytes(&noise);
            }
        }
        Ok(())
    })
}

/// A good command with one bit changed: executed, refused or dropped, but never fatal.
pub fn bit_flips() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let mut random = Random::printed("single bits");
        for _ in 0..200 {
            let mut session = Login::normal(1).session(target.portal)?;
            let mut pdu = match random.between(0, 4) {
                0 => Pdu::new(request::NOP_OUT, FINAL).with_word(16, 5).with_word(20, NO_TAG),
                // One bit makes a reset of it: of the unit that the honest session does not use.
                1 => Pdu::new(request::TASK_MANAGEMENT, FINAL | 1).with_lun(1).with_word(16, 5),
                2 => Pdu::new(request::TEXT, FINAL)
                    .with_word(16, 5)
                    .with_word(20, NO_TAG)
                    .with_data(*b"SendTargets=All\0"),
                _ => read_command(&mut session),
            };
            session.number(&mut pdu, true);
            pdu.set_lengths();
            let bit = random.between(0, 48 * 8) as usize;
            // Not the opcode of a write: what it wrote would be taken for damage by the honest session.
            if !(32 * 8..33 * 8).contains(&bit) {
                pdu.bhs[bit / 8] ^= 1 << (bit % 8);
            }
            let _ = session.wire.send_as_is(&pdu);
            let _ = session.wire.receive_within(Duration::from_millis(5));
        }
        Ok(())
    })
}

/// Data that nobody asked for.
pub fn stray_data() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for transfer_tag in [NO_TAG, 0, 1, 0x8000_0000] {
            let mut session = Login::normal(1).session(target.portal)?;
            let pdu = Pdu::new(request::DATA_OUT, FINAL).with_word(16, 12345).with_word(20, transfer_tag);
            session.wire.send(&pdu.with_data([0xaa; 512]))?;
            let _ = session.wire.receive_within(Duration::from_millis(200));
        }
        Ok(())
    })
}

/// Answers to an R2T with offsets and lengths that are not those asked for.
pub fn data_past_the_end() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for offset in [1, 4096, 0x7fff_fe00, u32::MAX - 511] {
            let login = Login::normal(1).with("ImmediateData", "No").with("InitialR2T", "Yes");
            let mut session = login.session(target.portal)?;
            session.clear_unit_attentions(1)?;
            let mut pdu =
                Pdu::new(request::COMMAND, FINAL | 0x21).with_lun(1).with_word(16, 9).with_word(20, 4096);
            pdu.bhs[32..42].copy_from_slice(&cdb::write10(0, 8));
            session.number(&mut pdu, true);
            session.wire.send(&pdu)?;
            let r2t = session.wire.receive()?.pdu;
            ensure!(r2t.opcode() == response::R2T, "opcode {:02x} instead of an R2T", r2t.opcode());
            let data = Pdu::new(request::DATA_OUT, FINAL).with_lun(1).with_word(16, 9).with_word(40, offset);
            session.wire.send(&data.with_word(20, r2t.word(20)).with_data([0xbb; 4096]))?;
            let answer = session.wire.receive_within(PATIENCE).ok().flatten();
            let good = answer.filter(|it| it.pdu.opcode() == response::COMMAND && it.pdu.bhs[3] == 0);
            ensure!(good.is_none(), "data at {offset} was taken for good");
        }
        Ok(())
    })
    .context("data past the end")
}

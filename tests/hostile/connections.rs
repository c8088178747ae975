//! Connections and logins that are wrong, slow, silent or too many.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::deadline;
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::pdu::{FINAL, request};
use harness::initiator::task::Command;
use harness::initiator::wire::Wire;
use harness::random::Random;

use super::beside_an_honest_session;

/// Keys that are no keys, too long, endless or repeated.
pub fn garbage_keys() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let name = "InitiatorName=iqn.2026-11.test.bulkhead:x\0";
        let long = format!("{name}{}=1\0", "k".repeat(5000));
        let texts: [&[u8]; 7] = [
            b"\0\0\0\0",
            b"=\0=\0=\0",
            b"no separator at all",
            b"\xff\xfe=\xff\0",
            long.as_bytes(),
            b"InitiatorName=\0TargetName=\0",
            b"InitiatorName=iqn.2026-11.test:x\0InitiatorName=iqn.2026-11.test:y\0SessionType=Strange\0",
        ];
        for text in texts {
            let mut wire = Wire::connect(target.portal)?;
            let mut request = Login::normal(1).request();
            request.data = text.to_vec();
            wire.send(&request)?;
            let answer = wire.receive_within(Duration::from_secs(10));
            if let Ok(answer) = answer {
                let answer = answer.context("a login is left without an answer")?.pdu;
                ensure!(answer.bhs[36] != 0, "accepted: {:?}", String::from_utf8_lossy(text));
            }
        }
        // A login that says "more to come" for ever.
        let mut wire = Wire::connect(target.portal)?;
        let mut request = Login::normal(1).request();
        request.bhs[1] = 0x40 | (1 << 2);
        for _ in 0..1000 {
            if wire.send(&request).is_err() {
                break;
            }
        }
        wire.wait_closed(Duration::from_secs(30)).context("an endless login")
    })
}

/// A login that arrives a byte at a time is a login.
pub fn slow_login() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let mut wire = Wire::connect(target.portal)?;
        let mut request = Login::normal(1).request();
        request.set_lengths();
        let mut bytes = [&request.bhs[..], &request.data].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        for byte in bytes {
            wire.send_bytes(&[byte])?;
        }
        let response = wire.receive()?.pdu;
        ensure!(response.bhs[36] == 0, "status {:02x}", response.bhs[36]);
        Ok(())
    })
}

/// The target has 64 places here; silent connections must not hold them for good.
pub fn silent() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let silent: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(target.portal).ok()).collect();
        let login = || Ok(Login::normal(1).session(target.portal).ok());
        let session =
            deadline::wait_for("a login beside silent connections", Duration::from_secs(60), login)?;
        drop(silent);
        session.logout()
    })
}

/// Connections that come and go, most of them without a word.
pub fn thousands() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        let mut random = Random::printed("thousands of connections");
        for number in 0..3000u32 {
            // A refusal for want of room is fine; so is one that comes later.
            let Ok(mut wire) = Wire::connect(target.portal) else { continue };
            if number % 10 == 0 {
                let length = random.between(1, 60) as usize;
                let _ = wire.send_bytes(&random.bytes(length));
            }
        }
        let login = || Ok(Login::normal(1).session(target.portal).ok());
        deadline::wait_for("a login after thousands", Duration::from_secs(30), login)?.logout()
    })
}

/// Initiators that vanish with commands in flight and data half sent.
pub fn cut_off() -> anyhow::Result<()> {
    beside_an_honest_session(|target| {
        for round in 0..50 {
            let mut session = Login::normal(1).session(target.portal)?;
            session.clear_unit_attentions(1)?;
            for _ in 0..8 {
                session.submit(Command::read(1, &cdb::read16(0, 256), 256 * 512))?;
                session.submit(Command::write(1, &cdb::write16(0, 512), vec![0; 512 * 512]))?;
            }
            if round % 2 == 0 {
                let mut half = harness::initiator::pdu::Pdu::new(request::COMMAND, FINAL | 0x21);
                half.bhs[7] = 255;
                session.wire.send_as_is(&half)?;
            }
        }
        Ok(())
    })
}

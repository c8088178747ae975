//! The login phase (RFC 7143 6.3): straight into operational negotiation, without authentication, and on to the full
//! feature phase.

use std::net::SocketAddr;

use anyhow::{bail, ensure};

use super::pdu::{FINAL, IMMEDIATE, NO_TAG, Pdu, keys_from_bytes, keys_to_bytes, request, response};
use super::session::Session;
use super::wire::Wire;

/// The bits of byte 1 of a login PDU that go from operational negotiation (1) to the full feature phase (3).
pub const OPERATIONAL_TO_FULL: u8 = FINAL | (1 << 2) | 3;

/// What an initiator brings to its login.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its name.
    pub initiator: String,
    /// The target's name; `None` for a discovery session.
    pub target: Option<String>,
    /// The ISID: with the initiator's name it names the initiator port.
    pub isid: [u8; 6],
    /// Operational keys, in their order. What is not there has the default of RFC 7143 13.
    pub keys: Vec<(String, String)>,
}

impl Login {
    /// A normal session of initiator number `number`, with keys as Linux's initiator offers them.
    pub fn normal(number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        let keys = [
            ("HeaderDigest", "None"),
            ("DataDigest", "None"),
            ("InitialR2T", "No"),
            ("ImmediateData", "Yes"),
            ("MaxRecvDataSegmentLength", "262144"),
            ("MaxBurstLength", "1048576"),
            ("FirstBurstLength", "65536"),
            ("MaxOutstandingR2T", "1"),
            ("MaxConnections", "1"),
            ("ErrorRecoveryLevel", "0"),
        ];
        Self {
            initiator: format!("iqn.2026-11.test.bulkhead:initiator{number}"),
            target: Some(crate::manifest::TARGET.to_owned()),
            isid: [0x80, 0, 0, 0, high, low],
            keys: keys.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        }
    }

    /// A discovery session.
    pub fn discovery(number: u16) -> Self {
        Self { target: None, ..Self::normal(number) }
    }

    /// Sets a key.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.keys.retain(|(known, _)| known != key);
        self.keys.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The Login Request that begins and, if the target agrees at once, ends the phase.
    pub fn request(&self) -> Pdu {
        let mut keys = vec![("InitiatorName", self.initiator.as_str())];
        match &self.target {
            Some(target) => keys.extend([("TargetName", target.as_str()), ("SessionType", "Normal")]),
            None => keys.push(("SessionType", "Discovery")),
        }
        keys.extend(self.keys.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let mut pdu = Pdu::new(request::LOGIN | IMMEDIATE, OPERATIONAL_TO_FULL);
        pdu.bhs[8..14].copy_from_slice(&self.isid);
        // CmdSN 1: the first command of the session has the same.
        pdu.with_word(24, 1).with_data(keys_to_bytes(&keys))
    }

    /// Logs in over a fresh connection.
    ///
    /// # Errors
    /// Nobody listens, or the target refuses.
    pub fn session(&self, portal: SocketAddr) -> anyhow::Result<Session> {
        let mut wire = Wire::connect(portal)?;
        let mut request = self.request();
        let mut answers = Vec::new();
        for _ in 0..8 {
            wire.send(&request)?;
            let response = wire.receive()?.pdu;
            let (class, detail) = status_of(&response)?;
            ensure!(class == 0, "the login was refused: status {class:02x}{detail:02x}");
            answers.extend(keys_from_bytes(&response.data));
            if response.bhs[1] & 0x83 == FINAL | 3 {
                return Session::begin(wire, &self.keys, answers, &response);
            }
            // The target has more to say: an empty request lets it.
            request = Pdu::new(request::LOGIN | IMMEDIATE, OPERATIONAL_TO_FULL).with_word(24, 1);
            request.bhs[8..14].copy_from_slice(&self.isid);
            request.bhs[14..16].copy_from_slice(&response.bhs[14..16]);
            request.set_word(28, response.word(24).wrapping_add(1));
        }
        bail!("the login does not come to an end")
    }

    /// Sends the login, and returns the status class and detail of the answer.
    ///
    /// # Errors
    /// There is no answer.
    pub fn status(&self, portal: SocketAddr) -> anyhow::Result<(u8, u8)> {
        let mut wire = Wire::connect(portal)?;
        wire.send(&self.request())?;
        status_of(&wire.receive()?.pdu)
    }
}

/// The status class and detail of a Login Response (RFC 7143 11.13.5).
fn status_of(pdu: &Pdu) -> anyhow::Result<(u8, u8)> {
    ensure!(pdu.opcode() == response::LOGIN, "opcode {:02x} instead of a Login Response", pdu.opcode());
    ensure!(pdu.tag() != NO_TAG, "a Login Response without the tag of its request");
    Ok((pdu.bhs[36], pdu.bhs[37]))
}

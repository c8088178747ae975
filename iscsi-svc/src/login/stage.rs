//! The stages of a login (RFC 7143 6.3): Login Requests in, Login Responses out.
//!
//! One [`Login`] serves one connection until [`Step::Enter`] or [`Step::Refuse`]. It does no I/O and keeps no clock: the
//! connection bounds the time, [`MAX_REQUESTS`] bounds the number of requests. The initiator has proved nothing
//! until the end, so nothing outside this struct is changed before.

use super::negotiate::{
    AuthMethod, MAX_RECV_DATA_SEGMENT, Negotiation, NegotiationError, Parameters, Phase, SessionType,
};
use super::text::{self, Text, TextError};
use crate::pdu::bhs::U24;
use crate::pdu::initiator::LoginRequest;
use crate::pdu::target::{Header, LoginResponse};
use zerocopy::FromZeros;
use zerocopy::byteorder::big_endian::{U16, U32};

/// Most Login Requests of one login; real ones take at most ten.
pub const MAX_REQUESTS: u32 = 100;

/// Status class and detail of a Login Response (RFC 7143 11.13.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// Login goes on, or is complete.
    Success = 0x0000,
    /// The initiator broke a rule that no other detail names.
    InitiatorError = 0x0200,
    /// It could not prove who it is.
    AuthenticationFailure = 0x0201,
    /// It may not use this target.
    AuthorizationFailure = 0x0202,
    /// There is no such target at this portal.
    NotFound = 0x0203,
    /// No version in common.
    UnsupportedVersion = 0x0205,
    /// The session has all the connections that it may have.
    TooManyConnections = 0x0206,
    /// InitiatorName or TargetName is missing.
    MissingParameter = 0x0207,
    /// The connection cannot join that session.
    CannotInclude = 0x0208,
    /// Neither Discovery nor Normal.
    SessionTypeNotSupported = 0x0209,
    /// There is no session with that TSIH.
    SessionDoesNotExist = 0x020a,
    /// Something other than a Login Request came.
    InvalidDuringLogin = 0x020b,
    /// Something of ours failed.
    TargetError = 0x0300,
    /// The target cannot serve now; try again.
    ServiceUnavailable = 0x0301,
    /// No memory, no room for a session.
    OutOfResources = 0x0302,
}

/// A target as a login needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetInfo {
    /// The target's index.
    pub target: u32,
    /// Target portal group tag of the portal that was reached.
    pub portal_group: u16,
    /// Alias, possibly empty.
    pub alias: String,
}

/// What a login asks of its surroundings.
pub trait Directory {
    /// The target `name` (in normal form), if it is reached by this connection's portal.
    fn target(&self, name: &str) -> Option<TargetInfo>;
    /// Whether there is a session with this TSIH.
    fn has_session(&self, tsih: u16) -> bool;
}

/// A Login Response that is ready apart from its sequence numbers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The header.
    pub header: Header,
    /// The text.
    pub text: Vec<u8>,
}

/// A login that has come to its end well.
#[derive(Clone, Debug)]
pub struct Established {
    /// What was negotiated.
    pub parameters: Parameters,
    /// InitiatorName, normalised.
    pub initiator: String,
    /// InitiatorAlias.
    pub alias: String,
    /// ISID.
    pub isid: [u8; 6],
    /// Connection identifier.
    pub cid: u16,
    /// Discovery or normal.
    pub session_type: SessionType,
    /// The target, for a normal session.
    pub target: Option<(String, TargetInfo)>,
}

/// What is to be done after a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this; the next request will come.
    Respond(Answer),
    /// Make the session, put its TSIH into the answer ([`set_tsih`]), send it, and enter the full feature phase.
    Enter(Answer, Box<Established>),
    /// Send this and close the connection.
    Refuse(Answer, Status),
}

/// Writes the TSIH of the new session into a login's last answer.
pub fn set_tsih(header: &mut Header, tsih: u16) {
    header[14..16].copy_from_slice(&tsih.to_be_bytes());
}

/// A Login Response that refuses `request`; for failures that the login machine does not see.
pub fn refusal(request: &LoginRequest, status: Status) -> Answer {
    let response = LoginResponse {
        opcode: 0x23,
        isid: request.isid,
        tsih: request.tsih,
        itt: request.itt,
        status: U16::new(status as u16),
        ..FromZeros::new_zeroed()
    };
    Answer { header: response.header(), text: Vec::new() }
}

/// The machine.
#[derive(Debug, Default)]
pub struct Login {
    first: Option<LoginRequest>,
    stage: Option<Phase>,
    negotiation: Negotiation,
    text: Text,
    requests: u32,
    target: Option<(String, TargetInfo)>,
    introduced: bool,
    declared: bool,
}

impl Login {
    /// Whether a request has come.
    pub fn has_begun(&self) -> bool {
        self.requests > 0
    }

    /// Takes one Login Request with its data segment.
    pub fn request(&mut self, request: &LoginRequest, data: &[u8], directory: &dyn Directory) -> Step {
        match self.step(request, data, directory) {
            Ok(step) => step,
            Err(status) => Step::Refuse(refusal(request, status), status),
        }
    }

    fn step(
        &mut self,
        request: &LoginRequest,
        data: &[u8],
        directory: &dyn Directory,
    ) -> Result<Step, Status> {
        let stage = self.admit(request)?;
        self.text.extend(data).map_err(text_status)?;
        if request.continues() {
            // An empty answer lets the initiator send the rest (6.2).
            return Ok(Step::Respond(respond(request, stage, None, Vec::new())));
        }
        let bytes = self.text.take();
        let mut out = Vec::new();
        for (key, value) in text::pairs(&bytes).map_err(text_status)? {
            self.negotiation.take(stage, key, value, &mut out).map_err(negotiation_status)?;
        }
        if !self.introduced {
            self.introduce(request, directory)?;
            self.introduced = true;
            if let Some((_, target)) = &self.target {
                if !target.alias.is_empty() {
                    text::push(&mut out, "TargetAlias", &target.alias);
                }
                text::push(&mut out, "TargetPortalGroupTag", &target.portal_group.to_string());
            }
        }
        if stage == Phase::Operational && !self.declared {
            self.declared = true;
            text::push(&mut out, "MaxRecvDataSegmentLength", &MAX_RECV_DATA_SEGMENT.to_string());
        }
        if stage == Phase::Security {
            self.authenticate()?;
        }
        if !request.transit() {
            return Ok(Step::Respond(respond(request, stage, None, out)));
        }
        let answer = respond(request, stage, Some(request.nsg()), out);
        if request.nsg() == 1 {
            self.stage = Some(Phase::Operational);
            return Ok(Step::Respond(answer));
        }
        Ok(Step::Enter(answer, Box::new(self.established(request))))
    }

    /// Checks what the header says and returns the stage that the request belongs to.
    fn admit(&mut self, request: &LoginRequest) -> Result<Phase, Status> {
        self.requests += 1;
        if request.version_min > 0 {
            return Err(Status::UnsupportedVersion);
        }
        let stage = match request.csg() {
            0 => Phase::Security,
            1 => Phase::Operational,
            _ => return Err(Status::InitiatorError),
        };
        let same = self.first.get_or_insert(*request);
        let consistent = same.isid == request.isid
            && same.tsih == request.tsih
            && same.cid == request.cid
            && same.itt == request.itt;
        let in_stage = *self.stage.get_or_insert(stage) == stage;
        // The next stage lies ahead, 2 is none, and a request that goes on cannot ask to leave.
        let transit = !request.transit()
            || (request.nsg() > request.csg() && request.nsg() != 2 && !request.continues());
        if consistent && in_stage && transit && self.requests <= MAX_REQUESTS {
            Ok(stage)
        } else {
            Err(Status::InitiatorError)
        }
    }

    /// The first request says who talks to whom (6.3: InitiatorName always, TargetName for normal sessions).
    fn introduce(&mut self, request: &LoginRequest, directory: &dyn Directory) -> Result<(), Status> {
        if self.negotiation.initiator_name.is_none() {
            return Err(Status::MissingParameter);
        }
        if self.negotiation.session_type_refused {
            return Err(Status::SessionTypeNotSupported);
        }
        match (self.negotiation.session_type(), self.negotiation.target_name.clone()) {
            (SessionType::Discovery, _) => {}
            (SessionType::Normal, None) => return Err(Status::MissingParameter),
            (SessionType::Normal, Some(name)) => {
                let target = directory.target(&name).ok_or(Status::NotFound)?;
                self.target = Some((name, target));
            }
        }
        match request.tsih.get() {
            0 => Ok(()),
            // A session has one connection, and without recovery there is nothing to join it for.
            tsih if directory.has_session(tsih) => Err(Status::TooManyConnections),
            _ => Err(Status::SessionDoesNotExist),
        }
    }

    fn authenticate(&self) -> Result<(), Status> {
        match self.negotiation.auth {
            _ if self.negotiation.auth_refused => Err(Status::AuthenticationFailure),
            // An initiator that offers no method offers None (12.1).
            Some(AuthMethod::None) | None => Ok(()),
        }
    }

    fn established(&self, request: &LoginRequest) -> Established {
        Established {
            parameters: self.negotiation.parameters.clone(),
            initiator: self.negotiation.initiator_name.clone().unwrap_or_default(),
            alias: self.negotiation.initiator_alias.clone(),
            isid: request.isid,
            cid: request.cid.get(),
            session_type: self.negotiation.session_type(),
            target: self.target.clone(),
        }
    }
}

fn respond(request: &LoginRequest, stage: Phase, next: Option<u8>, text: Vec<u8>) -> Answer {
    let current = if stage == Phase::Security { 0 } else { 1 };
    let response = LoginResponse {
        opcode: 0x23,
        flags: current << 2 | next.map_or(0, |next| 0x80 | next),
        data_segment_length: U24::new(text.len() as u32),
        isid: request.isid,
        tsih: request.tsih,
        itt: U32::new(request.itt.get()),
        ..FromZeros::new_zeroed()
    };
    Answer { header: response.header(), text }
}

fn text_status(_: TextError) -> Status {
    Status::InitiatorError
}

fn negotiation_status(_: NegotiationError) -> Status {
    Status::InitiatorError
}

#[cfg(test)]
mod tests;

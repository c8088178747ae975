//! A connection before its full feature phase: Login Requests to the login machine, its answers to the wire.
//!
//! Anything but a Login Request ends the connection: there is nobody yet whom a Reject could help. The last answer of a
//! normal session waits until the core has opened the nexus. Next: `full`.

use super::tx::Payload;
use super::{Close, Conn, Phase, Session, text};
use crate::login::stage::{Answer, Established, Status, Step, refusal, set_tsih};
use crate::pdu::initiator::Pdu;
use crate::service::Shared;
use crate::session::window::{Responses, Serial, Window};
use crate::stats::Counter;

impl Conn {
    pub(super) fn login_request(&mut self, shared: &mut Shared) -> Result<(), Close> {
        let Ok(Pdu::Login(request)) = Pdu::parse(self.rx.header()) else {
            return Err(Close(Counter::ProtocolErrors));
        };
        let Phase::Login(login) = &mut self.phase else { return Ok(()) };
        if !login.has_begun() {
            // Login Requests are immediate: the first command has the number that they carry.
            self.window = Window::new(Serial(request.cmd_sn.get()), shared.config.queue_depth);
            self.responses = Responses::new(Serial(request.exp_stat_sn.get()));
        }
        let step = {
            let directory = shared.targets.through(self.portal, &shared.nexuses);
            login.request(&request, &self.rx.collected, &directory)
        };
        match step {
            Step::Respond(answer) => self.answer_login(answer, shared),
            Step::Refuse(answer, status) => self.refuse_login(answer, status, shared),
            Step::Enter(answer, login) if login.target.is_some() => {
                if shared.open_nexus(&login, self.id) {
                    self.phase = Phase::Entering(answer, login);
                } else {
                    let status = Status::OutOfResources;
                    self.refuse_login(refusal(&request, status), status, shared);
                }
            }
            Step::Enter(answer, login) => {
                let tsih = shared.nexuses.tsih();
                self.enter(answer, &login, None, tsih, shared);
            }
        }
        Ok(())
    }

    fn answer_login(&mut self, answer: Answer, shared: &Shared) {
        self.queue(answer.header, Payload::Bytes(&answer.text), shared);
    }

    fn refuse_login(&mut self, answer: Answer, status: Status, shared: &Shared) {
        shared.stats.add(Counter::LoginsFailed, 1);
        tracing::debug!(peer = ?self.peer, ?status, "login refused");
        self.answer_login(answer, shared);
        self.phase = Phase::Ending;
    }

    /// The core has opened the nexus.
    pub fn nexus_opened(&mut self, nexus: u64, tsih: u16, shared: &mut Shared) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        if let Phase::Entering(answer, login) = phase {
            self.enter(answer, &login, Some(nexus), tsih, shared);
        } else {
            self.phase = phase;
        }
    }

    /// The core does not take the nexus.
    pub fn nexus_refused(&mut self, status: Status, shared: &mut Shared) {
        let Ok(Pdu::Login(request)) = Pdu::parse(self.rx.header()) else { return };
        if matches!(self.phase, Phase::Entering(..)) {
            self.refuse_login(refusal(&request, status), status, shared);
        }
    }

    fn enter(
        &mut self,
        mut answer: Answer,
        login: &Established,
        nexus: Option<u64>,
        tsih: u16,
        shared: &mut Shared,
    ) {
        set_tsih(&mut answer.header, tsih);
        self.answer_login(answer, shared);
        // The last Login Response still goes without digests; everything after it has them.
        let parameters = login.parameters.clone();
        self.rx.header_digest = parameters.header_digest;
        self.rx.data_digest = parameters.data_digest;
        self.tx.header_digest = parameters.header_digest;
        self.tx.data_digest = parameters.data_digest;
        shared.stats.add(Counter::Logins, 1);
        tracing::debug!(peer = ?self.peer, initiator = ?login.initiator, nexus, "logged in");
        self.phase = Phase::Full(Session {
            nexus,
            target: login.target.as_ref().map(|(name, info)| (info.target, name.clone())),
            initiator: login.initiator.clone(),
            isid: login.isid,
            tsih,
            cid: login.cid,
            parameters,
            text: text::Exchange::default(),
        });
        self.open_book(shared);
        shared.roster_changed = true;
    }
}

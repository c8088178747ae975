//! Text negotiation: one table with one row a key (RFC 7143 chapter 13), and the code that answers by it.
//!
//! A row says what kind of key it is, where an initiator may send it, what we offer, and where the result goes.
//! Everything that is negotiated is in `TABLE`; nothing else knows a key's default, range or result function. Values are an
//! initiator's: what a row does not allow is answered `Reject` and changes nothing.

use super::name;
use super::text;

/// The largest data segment that we take (bytes), declared to the initiator.
pub const MAX_RECV_DATA_SEGMENT: u32 = 262_144;

/// What both sides agreed upon; starts with the defaults of RFC 7143 chapter 13. Lengths in bytes, times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// CRC32C after every header.
    pub header_digest: bool,
    /// CRC32C after every data segment.
    pub data_digest: bool,
    /// Connections a session may have.
    pub max_connections: u16,
    /// Unsolicited Data-Out PDUs are not allowed.
    pub initial_r2t: bool,
    /// Immediate data is allowed.
    pub immediate_data: bool,
    /// The largest data segment that the initiator takes.
    pub max_send_data: u32,
    /// Most bytes of an R2T's or Data-In's sequence.
    pub max_burst: u32,
    /// Most unsolicited bytes of a command.
    pub first_burst: u32,
    /// Seconds before an initiator comes back.
    pub time2wait: u16,
    /// Seconds for which tasks are kept for a connection that is gone.
    pub time2retain: u16,
    /// R2Ts of a command at a time.
    pub max_outstanding_r2t: u32,
    /// Data PDUs of a sequence come in order.
    pub data_pdu_in_order: bool,
    /// Sequences come in order.
    pub data_sequence_in_order: bool,
    /// How much is repaired within a session; 0: nothing.
    pub error_recovery_level: u8,
    /// iSCSIProtocolLevel (RFC 7144).
    pub protocol_level: u8,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            header_digest: false,
            data_digest: false,
            max_connections: 1,
            initial_r2t: true,
            immediate_data: true,
            max_send_data: 8192,
            max_burst: 262_144,
            first_burst: 65_536,
            time2wait: 2,
            time2retain: 20,
            max_outstanding_r2t: 1,
            data_pdu_in_order: true,
            data_sequence_in_order: true,
            error_recovery_level: 0,
            protocol_level: 1,
        }
    }
}

/// What kind of session an initiator asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionType {
    /// Only SendTargets.
    Discovery,
    /// SCSI.
    #[default]
    Normal,
}

/// Where in the life of a connection a key arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// The security negotiation stage.
    Security = 1,
    /// The operational negotiation stage.
    Operational = 2,
    /// The full feature phase.
    FullFeature = 4,
}

const LOGIN: u8 = Phase::Security as u8 | Phase::Operational as u8;
const SECURITY: u8 = Phase::Security as u8;
const OPERATIONAL: u8 = Phase::Operational as u8;
const ANY: u8 = LOGIN | Phase::FullFeature as u8;

/// How the result of a key is found (RFC 7143 6.2).
enum Kind {
    /// The first of the initiator's values that is one of these.
    List(&'static [&'static str]),
    /// Yes if both say so.
    And(bool),
    /// Yes if one of both says so.
    Or(bool),
    /// The smaller of both, from `lo` to `hi`.
    Min { lo: u32, hi: u32, ours: u32 },
    /// The larger of both.
    Max { lo: u32, hi: u32, ours: u32 },
    /// The initiator says a number; no answer.
    Declared { lo: u32, hi: u32 },
    /// The initiator says one of these words; no answer.
    OneOf(&'static [&'static str]),
    /// The initiator says an iSCSI name; no answer.
    Name,
    /// The initiator says some text; no answer.
    Text,
    /// Only a target says this, or the standard has abolished it: `Reject`.
    Refused,
}

/// A result on its way into [`Negotiation`].
#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Number(u32),
}

impl Value<'_> {
    fn flag(self) -> bool {
        matches!(self, Value::Flag(true))
    }

    fn number(self) -> u32 {
        if let Value::Number(number) = self { number } else { 0 }
    }

    fn text(self) -> String {
        if let Value::Text(text) = self { text.to_owned() } else { String::new() }
    }

    fn is(self, word: &str) -> bool {
        matches!(self, Value::Text(text) if text == word)
    }
}

struct Row {
    key: &'static str,
    kind: Kind,
    phases: u8,
    set: fn(&mut Negotiation, Value<'_>),
}

const fn row(key: &'static str, phases: u8, kind: Kind, set: fn(&mut Negotiation, Value<'_>)) -> Row {
    Row { key, kind, phases, set }
}

fn nothing(_: &mut Negotiation, _: Value<'_>) {}

/// Every key of RFC 7143 chapter 13, in its order, and iSCSIProtocolLevel of RFC 7144.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("HeaderDigest", OPERATIONAL, Kind::List(&["CRC32C", "None"]), |n, v| n.parameters.header_digest = v.is("CRC32C")),
    row("DataDigest", OPERATIONAL, Kind::List(&["CRC32C", "None"]), |n, v| n.parameters.data_digest = v.is("CRC32C")),
    row("MaxConnections", OPERATIONAL, Kind::Min { lo: 1, hi: 65_535, ours: 1 }, |n, v| n.parameters.max_connections = v.number() as u16),
    row("SendTargets", 0, Kind::Refused, nothing),
    row("TargetName", LOGIN, Kind::Name, |n, v| n.target_name = Some(v.text())),
    row("InitiatorName", LOGIN, Kind::Name, |n, v| n.initiator_name = Some(v.text())),
    row("TargetAlias", 0, Kind::Refused, nothing),
    row("InitiatorAlias", ANY, Kind::Text, |n, v| n.initiator_alias = v.text()),
    row("TargetAddress", 0, Kind::Refused, nothing),
    row("TargetPortalGroupTag", 0, Kind::Refused, nothing),
    row("InitialR2T", OPERATIONAL, Kind::Or(false), |n, v| n.parameters.initial_r2t = v.flag()),
    row("ImmediateData", OPERATIONAL, Kind::And(true), |n, v| n.parameters.immediate_data = v.flag()),
    row("MaxRecvDataSegmentLength", ANY, Kind::Declared { lo: 512, hi: 0xff_ffff }, |n, v| n.parameters.max_send_data = v.number()),
    row("MaxBurstLength", OPERATIONAL, Kind::Min { lo: 512, hi: 0xff_ffff, ours: 0xff_ffff }, |n, v| n.parameters.max_burst = v.number()),
    row("FirstBurstLength", OPERATIONAL, Kind::Min { lo: 512, hi: 0xff_ffff, ours: 262_144 }, |n, v| n.parameters.first_burst = v.number()),
    row("DefaultTime2Wait", OPERATIONAL, Kind::Max { lo: 0, hi: 3600, ours: 0 }, |n, v| n.parameters.time2wait = v.number() as u16),
    row("DefaultTime2Retain", OPERATIONAL, Kind::Min { lo: 0, hi: 3600, ours: 0 }, |n, v| n.parameters.time2retain = v.number() as u16),
    row("MaxOutstandingR2T", OPERATIONAL, Kind::Min { lo: 1, hi: 65_535, ours: crate::session::burst::MAX_OUTSTANDING_R2T }, |n, v| n.parameters.max_outstanding_r2t = v.number()),
    row("DataPDUInOrder", OPERATIONAL, Kind::Or(true), |n, v| n.parameters.data_pdu_in_order = v.flag()),
    row("DataSequenceInOrder", OPERATIONAL, Kind::Or(true), |n, v| n.parameters.data_sequence_in_order = v.flag()),
    row("ErrorRecoveryLevel", OPERATIONAL, Kind::Min { lo: 0, hi: 2, ours: 0 }, |n, v| n.parameters.error_recovery_level = v.number() as u8),
    row("SessionType", LOGIN, Kind::OneOf(&["Normal", "Discovery"]), |n, v| n.session_type = Some(if v.is("Discovery") { SessionType::Discovery } else { SessionType::Normal })),
    // 13.25: obsolete since RFC 7143, but initiators still ask; "No" is what all of them understand.
    row("OFMarker", OPERATIONAL, Kind::And(false), nothing),
    row("IFMarker", OPERATIONAL, Kind::And(false), nothing),
    row("OFMarkInt", OPERATIONAL, Kind::Refused, nothing),
    row("IFMarkInt", OPERATIONAL, Kind::Refused, nothing),
    row("TaskReporting", OPERATIONAL, Kind::List(&["RFC3720"]), nothing),
    row("AuthMethod", SECURITY, Kind::List(&["None"]), |n, _| n.auth = Some(AuthMethod::None)),
    row("iSCSIProtocolLevel", OPERATIONAL, Kind::Min { lo: 0, hi: 31, ours: 2 }, |n, v| n.parameters.protocol_level = v.number() as u8),
];

const _: () = assert!(TABLE.len() <= 64);

/// How an initiator proves who it is (RFC 7143 12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// It does not.
    None,
}

/// Why a negotiation cannot go on: the login ends with an initiator error (status 0x0200).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// A key came twice in one login.
    #[error("a key was sent twice in one negotiation")]
    Repeated,
    /// A key came in a stage that does not have it.
    #[error("a key was sent in a stage that does not have it")]
    Stage,
}

/// The state of one negotiation.
#[derive(Clone, Debug, Default)]
pub struct Negotiation {
    /// What holds so far.
    pub parameters: Parameters,
    /// InitiatorName in normal form.
    pub initiator_name: Option<String>,
    /// InitiatorAlias, as sent.
    pub initiator_alias: String,
    /// TargetName in normal form.
    pub target_name: Option<String>,
    /// SessionType, if it was said.
    pub session_type: Option<SessionType>,
    /// The method that was chosen in the security stage.
    pub auth: Option<AuthMethod>,
    /// AuthMethod was offered, and nothing in it is ours.
    pub auth_refused: bool,
    /// SessionType was said, and it is none that we know.
    pub session_type_refused: bool,
    seen: u64,
    /// What was said without being negotiated, by row: saying the same again is no fault.
    said: Vec<(usize, String)>,
}

impl Negotiation {
    /// A negotiation in a session that has `parameters` already.
    pub fn within(parameters: Parameters) -> Negotiation {
        Negotiation { parameters, ..Negotiation::default() }
    }

    /// Takes one pair and appends the answer, if it wants one, to `out`.
    ///
    /// # Errors
    /// [`NegotiationError`] when the pair breaks the rules of negotiation itself; a value that is merely not
    /// acceptable is answered with `Reject`.
    pub fn take(
        &mut self,
        phase: Phase,
        key: &str,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), NegotiationError> {
        // These are answers to something that we said, and we say nothing that needs one.
        if matches!(value, "NotUnderstood" | "Irrelevant" | "Reject") {
            return Ok(());
        }
        let Some(index) = TABLE.iter().position(|row| row.key == key) else {
            text::push(out, key, "NotUnderstood");
            return Ok(());
        };
        let row = &TABLE[index];
        if matches!(row.kind, Kind::Refused) {
            text::push(out, key, "Reject");
            return Ok(());
        }
        if row.phases & phase as u8 == 0 {
            return Err(NegotiationError::Stage);
        }
        // Within a login a key is negotiated once; in the full feature phase every exchange is a new negotiation.
        if phase != Phase::FullFeature {
            if self.seen & 1 << index != 0 {
                // libiscsi introduces itself in both stages.
                let same = self.said.iter().any(|(row, said)| *row == index && said == value);
                return if same { Ok(()) } else { Err(NegotiationError::Repeated) };
            }
            self.seen |= 1 << index;
            if matches!(row.kind, Kind::Name | Kind::Text | Kind::OneOf(_) | Kind::Declared { .. }) {
                self.said.push((index, value.to_owned()));
            }
        }
        match decide(&row.kind, value) {
            Some((result, answer)) => {
                (row.set)(self, result.as_value());
                if answer {
                    text::push(out, key, &result.text());
                }
            }
            None => {
                self.auth_refused |= key == "AuthMethod";
                self.session_type_refused |= key == "SessionType";
                text::push(out, key, "Reject");
            }
        }
        Ok(())
    }

    /// The session type, with the default of RFC 7143 13.21.
    pub fn session_type(&self) -> SessionType {
        self.session_type.unwrap_or_default()
    }
}

enum Decided {
    Word(String),
    Flag(bool),
    Number(u32),
}

impl Decided {
    fn as_value(&self) -> Value<'_> {
        match self {
            Decided::Word(word) => Value::Text(word),
            Decided::Flag(flag) => Value::Flag(*flag),
            Decided::Number(number) => Value::Number(*number),
        }
    }

    fn text(&self) -> String {
        match self {
            Decided::Word(word) => word.clone(),
            Decided::Flag(true) => "Yes".to_owned(),
            Decided::Flag(false) => "No".to_owned(),
            Decided::Number(number) => number.to_string(),
        }
    }
}

/// The result of a key and whether it is answered; `None` if the value is not acceptable.
fn decide(kind: &Kind, value: &str) -> Option<(Decided, bool)> {
    let number = |lo: u32, hi: u32| {
        text::number(value).and_then(|n| u32::try_from(n).ok()).filter(|n| (lo..=hi).contains(n))
    };
    let flag = match value {
        "Yes" => Some(true),
        "No" => Some(false),
        _ => None,
    };
    Some(match *kind {
        Kind::List(ours) => {
            let chosen = value.split(',').find(|offered| ours.contains(offered))?;
            (Decided::Word(chosen.to_owned()), true)
        }
        Kind::And(ours) => (Decided::Flag(flag? && ours), true),
        Kind::Or(ours) => (Decided::Flag(flag? || ours), true),
        Kind::Min { lo, hi, ours } => (Decided::Number(number(lo, hi)?.min(ours)), true),
        Kind::Max { lo, hi, ours } => (Decided::Number(number(lo, hi)?.max(ours)), true),
        Kind::Declared { lo, hi } => (Decided::Number(number(lo, hi)?), false),
        Kind::OneOf(words) if words.contains(&value) => (Decided::Word(value.to_owned()), false),
        Kind::OneOf(_) | Kind::Refused => return None,
        Kind::Name => (Decided::Word(name::normalize(value).ok()?), false),
        Kind::Text => (Decided::Word(value.chars().take(255).collect()), false),
    })
}

#[cfg(test)]
mod tests;

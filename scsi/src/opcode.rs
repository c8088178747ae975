//! THE table of commands: every fact about an operation code stands here, once.
//!
//! REPORT SUPPORTED OPERATION CODES ([`crate::rsoc`]), CDB lengths ([`crate::cdb`]), core-svc's gate and dispatch, and the choice of
//! what may be executed twice all read these rows. What a CDB's fields mean is decoded in [`crate::command`]; a test holds the two
//! against each other. To add a command: a row in `table`, a variant in `command`, an executor.

pub mod number;
mod table;

pub use table::TABLE;

use crate::device_info::DeviceType;
use crate::sense::Sense;

/// Which way data goes, seen from the initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// No data.
    None,
    /// Data-In: from the device server.
    In,
    /// Data-Out: to the device server.
    Out,
}

/// Who executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// core-svc: what the command is about is shared between nexuses.
    Core,
    /// The handler of the medium.
    Handler,
}

/// What may be done when it is not known whether an executor that died had executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Executing twice leaves the same state as executing once.
    Repeat,
    /// The executor records identity and outcome before the effect can be seen, and looks the identity up first.
    Record,
    /// Must not be sent again: ends with ABORTED COMMAND.
    Never,
}

/// What a pending unit attention condition does to the command (SAM-5 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitAttention {
    /// The command ends with it.
    Report,
    /// The command is executed and the condition stays.
    Skip,
    /// The command is executed, and takes the condition as its data.
    Take,
}

/// Whether a command of somebody who does not hold the reservation is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Allowed,
    /// It ends with RESERVATION CONFLICT.
    Conflict,
    /// PREVENT ALLOW MEDIUM REMOVAL: only with PREVENT zero (SPC-4, the same table).
    AllowedToAllow,
    /// START STOP UNIT: only with START one and POWER CONDITION zero (SBC-3, table of commands allowed in the presence of reservations).
    AllowedToStart,
    /// The command finds out itself: RESERVE, RELEASE and PERSISTENT RESERVE (SPC-4 5.13.1 and 5.13.3).
    JudgesItself,
}

impl Admission {
    /// Whether this CDB of the command is let through. One that judges itself is.
    pub fn lets_through(self, cdb: &[u8]) -> bool {
        let byte = cdb.get(4).copied();
        match self {
            Self::Allowed | Self::JudgesItself => true,
            Self::Conflict => false,
            Self::AllowedToStart => byte.is_some_and(|byte| byte & 0xF1 == 0x01),
            Self::AllowedToAllow => byte.is_some_and(|byte| byte & 0x03 == 0x00),
        }
    }
}

/// Behaviour for an I_T nexus that neither holds the reservation nor is registered under a registrants-only or
/// all-registrants type (SPC-4 and SBC-3, "Reservations").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Under a persistent reservation of a Write Exclusive type.
    pub write_exclusive: Admission,
    /// Under a persistent reservation of an Exclusive Access type.
    pub exclusive_access: Admission,
    /// Under RESERVE of SPC-2.
    pub spc2: Admission,
}

/// Where a command stands in its task set besides what its task attribute says (SAM-5 clause 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queueing {
    /// As its attribute says.
    Plain,
    /// Implicit HEAD OF QUEUE: one that is SIMPLE runs at once and holds nobody.
    Aside,
    /// Waits for everything older; younger commands go on, and its executor refuses those that it has to.
    Begins,
    /// Runs alone: waits for everything older, and everything younger waits for it.
    Alone,
}

/// What a unit has to be, besides of the right type, for the command to be supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requires {
    /// Nothing else.
    Nothing,
    /// Logical block provisioning management (LBPME one).
    ThinProvisioning,
    /// A medium that can be removed (RMB one).
    Removable,
    /// Asymmetric access states (TPGS other than 00b).
    AccessStates,
    /// Asymmetric access states that initiators may set (TPGS 10b or 11b).
    ExplicitAccess,
}

/// Whether the command is executed in the asymmetric access states that refuse most of them (SPC-4 5.15.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alua {
    /// In the standby state.
    pub standby: bool,
    /// In the unavailable and the offline state.
    pub unavailable: bool,
    /// While a transition lasts.
    pub transitioning: bool,
    /// Its echo buffer modes (0Ah and 0Bh) are executed in the standby, the unavailable and the offline state.
    pub echo: bool,
}

/// One row: a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opcode {
    /// OPERATION CODE.
    pub code: u8,
    /// SERVICE ACTION, for operation codes that have them.
    pub service_action: Option<u16>,
    /// The name in SPC and SBC.
    pub name: &'static str,
    /// CDB USAGE DATA (SPC-4 6.35.3): the code itself, then ones for the bits that are looked at. As long as the CDB is.
    pub usage: &'static [u8],
    /// Which way data goes.
    pub direction: Direction,
    /// Who executes.
    pub executor: Executor,
    /// What may be done after a death.
    pub replay: Replay,
    /// What a pending unit attention does.
    pub unit_attention: UnitAttention,
    /// What somebody else's reservation does.
    pub reservation: Reservation,
    /// What asymmetric access states do.
    pub alua: Alua,
    /// Where it stands in its task set.
    pub queueing: Queueing,
    /// Whether the command changes the medium, so that write protection stops it.
    pub medium_write: bool,
    /// Which types of device have the command. See [`crate::device_info::DeviceInfo::supports`].
    pub types: &'static [DeviceType],
    /// What else a unit has to be for it.
    pub requires: Requires,
    /// RECOMMENDED COMMAND TIMEOUT (SPC-4 6.35.4) in seconds.
    pub timeout: u32,
}

impl Opcode {
    /// What asymmetric access states do to this very command.
    pub fn alua_of(&self, cdb: &[u8]) -> Alua {
        let mode = cdb.get(1).map_or(0, |byte| byte & 0x1F);
        if self.alua.echo && matches!(mode, 0x0A | 0x0B) {
            return Alua { standby: true, unavailable: true, ..self.alua };
        }
        self.alua
    }

    /// The length of the CDB in bytes.
    pub const fn cdb_len(&self) -> usize {
        self.usage.len()
    }
}

/// Marks an operation code without a row.
const ABSENT: u8 = u8::MAX;

/// For each operation code, its first row.
static INDEX: [u8; 256] = index();

const fn index() -> [u8; 256] {
    assert!(TABLE.len() < ABSENT as usize);
    let mut index = [ABSENT; 256];
    let mut row = TABLE.len();
    while row > 0 {
        row -= 1;
        assert!(TABLE[row].usage[0] == TABLE[row].code);
        assert!(row == 0 || precedes(&TABLE[row - 1], &TABLE[row]), "rows stand in order, and each once");
        index[TABLE[row].code as usize] = row as u8;
    }
    index
}

const fn precedes(a: &Opcode, b: &Opcode) -> bool {
    match (a.service_action, b.service_action) {
        _ if a.code != b.code => a.code < b.code,
        (Some(a), Some(b)) => a < b,
        _ => false,
    }
}

/// The rows of an operation code: none if it is unknown, one if it has no service actions.
pub fn rows(code: u8) -> &'static [Opcode] {
    let first = usize::from(INDEX[usize::from(code)]);
    let Some(rest) = TABLE.get(first..) else { return &[] };
    let count = rest.iter().take_while(|row| row.code == code).count();
    &rest[..count]
}

/// The row of the command that `cdb` holds. Looks at the operation code and the service action only.
pub fn lookup(cdb: &[u8]) -> Option<&'static Opcode> {
    find(cdb).ok()
}

/// As [`lookup`], with the sense that an unknown command ends with (SPC-4 4.2.5).
pub fn find(cdb: &[u8]) -> Result<&'static Opcode, Sense> {
    let code = *cdb.first().ok_or(Sense::invalid_opcode())?;
    let row = usize::from(INDEX[usize::from(code)]);
    let first = TABLE.get(row).ok_or(Sense::invalid_opcode())?;
    if first.service_action.is_none() {
        return Ok(first);
    }
    let unknown = Sense::invalid_field_in_cdb(1, Some(4));
    let action = u16::from(cdb.get(1).ok_or(unknown)? & 0x1F);
    rows(code).iter().find(|row| row.service_action == Some(action)).ok_or(unknown)
}

/// The names of all commands for a reader that knows no SCSI: lines of `28 READ(10)`, or `9e/10 READ CAPACITY(16)` where
/// there are service actions, in hexadecimal.
pub fn legend() -> String {
    let line = |row: &Opcode| match row.service_action {
        Some(action) => format!("{:02x}/{action:02x} {}\n", row.code, row.name),
        None => format!("{:02x} {}\n", row.code, row.name),
    };
    TABLE.iter().map(line).collect()
}

#[cfg(test)]
mod tests;

//! Requests become typed tasks here: the only file that reads raw records of a ring.
//!
//! A record was copied out of shared memory before, so it cannot change any more, but every field of it is the peer's
//! word: kinds, counts, lengths and extents are checked, and one that cannot be is the peer's fault. A CDB is the
//! initiator's word: what is wrong with it ends the command with sense data. Next: [`crate::dispatch`].

use ipc::arena::Arenas;
use ipc::fault::PeerFault;
use ipc::message::record::{Request, RequestKind, request_flags};
use scsi::cdb::Cdb;
use scsi::command::Command;
use scsi::opcode::{Direction, Replay, UnitAttention};
use scsi::path::Path;
use scsi::sense::Sense;

use crate::links::LinkId;
use crate::span::Spans;
use crate::task::{Identity, Stage, Task};
use crate::units::Units;

/// What core-svc asks.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for every command")]
#[derive(Debug)]
pub enum Asked {
    /// Tell when nothing of an older link runs.
    Fence {
        /// To be said in the answer.
        nexus: u64,
        /// To be said in the answer.
        serial: u64,
    },
    /// Execute a command.
    Execute(Task),
    /// Execute a command on a unit that this service does not have.
    NoUnit(Identity),
    /// A unit was reset and has no older task.
    Reset(Identity, u32),
    /// A nexus (0: every one) is over for a unit.
    NexusLost(Identity, u32),
    /// A nexus was preempted from a unit.
    Allow(Identity, u32),
    /// Has a nexus still to be told of what a unit has lost?
    DeferredError(Identity, u32),
    /// Nobody waits for the task any more.
    Abort(Identity),
}

/// Reads a request that came over `link`.
pub fn read(request: &Request, link: LinkId, arenas: &Arenas, units: &Units) -> Result<Asked, PeerFault> {
    let identity = Identity { link, nexus: request.nexus, serial: request.serial };
    match RequestKind::try_from(request.kind)? {
        RequestKind::Execute => {
            let (data_out, data_in) = request.extents()?;
            let (data_out, data_in) = (Spans::check(arenas, data_out)?, Spans::check(arenas, data_in)?);
            let cdb = Cdb::new(request.cdb()?);
            let Some(unit) = units.find(request.unit) else { return Ok(Asked::NoUnit(identity)) };
            let data = match cdb.map(|cdb| cdb.opcode().direction) {
                Ok(Direction::In) => data_in,
                Ok(Direction::Out) => data_out,
                Ok(Direction::None) | Err(_) => Spans::default(),
            };
            let supported = |cdb: &Cdb| units.info(unit).supports(cdb.opcode());
            let command = match cdb {
                Ok(cdb) if supported(&cdb) => Command::decode(&cdb),
                Ok(cdb) if cdb.opcode().service_action.is_some() => {
                    Err(Sense::invalid_field_in_cdb(1, Some(4)))
                }
                Ok(_) => Err(Sense::invalid_opcode()),
                Err(sense) => Err(sense),
            };
            Ok(Asked::Execute(Task {
                identity,
                unit,
                path: path(request),
                command,
                data,
                stage: Stage::Waiting,
                transfer: None,
                medium: if heeds_medium(&cdb) { request.medium } else { 0 },
                answered: false,
                orphan: false,
                work: None,
                detached: false,
                want: None,
                again: request.flags & request_flags::AGAIN != 0,
                recorded: cdb.is_ok_and(|cdb| cdb.opcode().replay == Replay::Record),
            }))
        }
        RequestKind::Fence => Ok(Asked::Fence { nexus: request.nexus, serial: request.serial }),
        RequestKind::Reset => Ok(Asked::Reset(identity, request.unit)),
        RequestKind::NexusLost => Ok(Asked::NexusLost(identity, request.unit)),
        RequestKind::Allow => Ok(Asked::Allow(identity, request.unit)),
        RequestKind::DeferredError => Ok(Asked::DeferredError(identity, request.unit)),
        RequestKind::Abort => Ok(Asked::Abort(Identity { serial: request.ref_serial, ..identity })),
        _ => Err(PeerFault::Record { field: "request kind", value: u64::from(request.kind) }),
    }
}

/// Whether a command that was meant for another medium must not be executed: not those that even a unit attention lets pass.
fn heeds_medium(cdb: &Result<Cdb, Sense>) -> bool {
    cdb.is_ok_and(|cdb| cdb.opcode().unit_attention == UnitAttention::Report)
}

/// The way of a command, as the core says it.
fn path(request: &Request) -> Path {
    Path {
        port: request.port,
        port_group: request.port_group,
        protocol_level: request.protocol_level,
        write_protected: request.flags & request_flags::WRITE_PROTECTED != 0,
        unavailable: request.flags & request_flags::UNAVAILABLE != 0,
    }
}

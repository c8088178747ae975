//! What `bulkhead post-mortem` tells: of what a service died, and what it had been doing, from its flight recorder
//! ([`ipc::recorder`]). JSON with these field names over the admin socket.
//!
//! The recorder's owner may have written anything into it; the supervisor knows no SCSI, so names of commands are what
//! services have left in their legends.

use std::collections::BTreeMap;

use ipc::message::record::{ReplyKind, RequestKind, reply_flags};
use ipc::recorder::What;
use ipc::recorder::read::{Body, Recorded, Recording};
use serde::{Deserialize, Serialize};

use crate::obituary::Obituary;
use crate::status::DeathStatus;

/// How Rust's runtime begins to say that there was no memory.
const NO_MEMORY: &str = "memory allocation of ";

/// The end of an incarnation of a service, or what it does while it lives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PostMortem {
    /// The service.
    pub service: String,
    /// How often it had been started before, if that is known.
    pub incarnation: Option<u64>,
    /// Its process number, if it is known.
    pub pid: Option<u64>,
    /// Its death; none if it lives.
    pub death: Option<DeathStatus>,
    /// What the cause means, where that can be told.
    pub meaning: Option<String>,
    /// What it said when it panicked, and the calls that led there.
    pub panic: Option<String>,
    /// Why there is nothing recorded, if there is nothing.
    pub without: Option<String>,
    /// Requests that it had taken and not answered, oldest first.
    pub in_hand: Vec<Line>,
    /// Requests that it had made and that had not been answered, oldest first.
    pub asked: Vec<Line>,
    /// What it did last, oldest first.
    pub last: Vec<Line>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds before the death, or before now.
    pub before_s: f64,
    /// `taken`, `answered`, `asked` or `heard`.
    pub what: String,
    /// The kind of the record.
    pub kind: String,
    /// The I_T nexus.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
    /// The name of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The first bytes of the CDB, or of the sense data of an answer, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bytes: String,
    /// What else is known of it.
    pub about: String,
}

/// Whose end it is.
pub struct Subject<'a> {
    /// The service.
    pub name: &'a str,
    /// The incarnation.
    pub incarnation: u64,
    /// Its death, if it is dead.
    pub death: Option<&'a Obituary>,
    /// The most address space that it could have, in bytes.
    pub memory: Option<u64>,
    /// The moment of its death, or now, in microseconds of the monotonic clock.
    pub micros: u64,
    /// Records to show.
    pub lines: usize,
}

impl PostMortem {
    /// Puts together what is known.
    pub fn new(
        subject: &Subject<'_>,
        found: Option<Recording>,
        legend: &BTreeMap<(u8, Option<u16>), String>,
    ) -> Self {
        let mut told = Self {
            service: subject.name.to_owned(),
            death: subject.death.map(DeathStatus::from),
            meaning: subject.death.and_then(|death| meaning(death, subject.memory)),
            ..Self::default()
        };
        let Some(mut found) = found.filter(|found| found.incarnation == subject.incarnation) else {
            told.without = Some("it ended before it had its recorder".to_owned());
            return told;
        };
        for (code, name) in legend {
            found.legend.entry(*code).or_insert_with(|| name.clone());
        }
        let line = |record: &Recorded| line(record, &found, subject.micros);
        let open = |from, to| open(&found.records, from, to).iter().map(line).collect();
        told.in_hand = open(What::Taken, What::Answered);
        told.asked = open(What::Asked, What::Heard);
        let skip = found.records.len().saturating_sub(subject.lines);
        told.last = found.records[skip..].iter().map(line).collect();
        (told.incarnation, told.pid, told.panic) = (Some(found.incarnation), Some(found.pid), found.panic);
        told
    }
}

impl From<&Obituary> for DeathStatus {
    fn from(death: &Obituary) -> Self {
        let at = death.at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { at, cause: death.cause.clone(), last_lines: death.last_lines.clone() }
    }
}

/// What a cause means for whoever has to do something about it.
fn meaning(death: &Obituary, memory: Option<u64>) -> Option<String> {
    let without_memory = death.last_lines.iter().any(|line| line.contains(NO_MEMORY));
    match memory {
        _ if !without_memory => None,
        Some(bytes) => {
            Some(format!("it had no memory left: `limits` in the manifest lets it have {bytes} bytes"))
        }
        None => {
            Some("it had no memory left, and the manifest sets it no limit: the host had none".to_owned())
        }
    }
}

/// Commands and functions that begin with `from` and of which no `to` is recorded.
fn open(records: &[Recorded], from: What, to: What) -> Vec<Recorded> {
    const COUNTED: [u8; 3] =
        [RequestKind::Command as u8, RequestKind::Execute as u8, RequestKind::TaskManagement as u8];
    let mut open = BTreeMap::new();
    for record in records {
        let task = (record.nexus, record.serial);
        if record.what == from && COUNTED.contains(&record.kind) {
            open.insert(task, *record);
        } else if record.what == to {
            open.remove(&task);
        }
    }
    let mut open: Vec<Recorded> = open.into_values().collect();
    open.sort_unstable_by_key(|record| record.number);
    open
}

fn line(record: &Recorded, found: &Recording, until: u64) -> Line {
    let (what, asks) = match record.what {
        What::Taken => ("taken", true),
        What::Answered => ("answered", false),
        What::Asked => ("asked", true),
        What::Heard => ("heard", false),
    };
    let kind = match asks {
        true => RequestKind::try_from(record.kind).map(|kind| format!("{kind:?}")),
        false => ReplyKind::try_from(record.kind).map(|kind| format!("{kind:?}")),
    };
    let (command, bytes, about) = match record.body {
        Body::Request { unit, len, lun, cdb } => {
            let commands = [RequestKind::Command as u8, RequestKind::Execute as u8].contains(&record.kind);
            let name = found.name(&cdb).filter(|_| commands).map(str::to_owned);
            let bytes = if commands { hex(&cdb) } else { String::new() };
            let place = match record.kind == RequestKind::Execute as u8 {
                true => format!("unit {unit}"),
                false => format!("LUN field {lun:016x}"),
            };
            (name, bytes, format!("{place}, {len} bytes"))
        }
        Body::Reply { status, flags, transferred, sense_len, sense } => {
            let sense = &sense[..usize::from(sense_len).min(sense.len())];
            let aborted = if flags & reply_flags::ABORTED != 0 { ", aborted" } else { "" };
            (None, hex(sense), format!("status {status:02x}h{aborted}, {transferred} bytes"))
        }
    };
    Line {
        before_s: until.saturating_sub(record.micros) as f64 / 1e6,
        what: what.to_owned(),
        kind: kind.unwrap_or_else(|_| format!("kind {}", record.kind)),
        nexus: record.nexus,
        serial: record.serial,
        command,
        bytes,
        about,
    }
}

/// Bytes in hexadecimal, with spaces between them.
pub fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
mod tests;

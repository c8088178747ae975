//! What `bulkhead why` tells: each command in flight at a logical unit, which process has it, since when, and what it waits
//! for. JSON with these field names over the admin socket.
//!
//! The core says how its tasks stand; the supervisor adds what it knows itself: which services live and show a heartbeat, and
//! what a handler's flight recorder has of a command. What a service says is not trusted beyond being shown.

use ipc::message::explain::{Explained, Holder, InFlight};
use ipc::recorder::What;
use ipc::recorder::read::Recording;
use serde::{Deserialize, Serialize};

use crate::post_mortem::{Line, hex};

/// The commands in flight at a logical unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The target's name.
    pub target: String,
    /// The logical unit number.
    pub lun: u16,
    /// The devices behind it: several, if access groups see different ones.
    pub devices: Vec<String>,
    /// The services on the way: the transport, the core, the handlers.
    pub services: Vec<Standing>,
    /// Commands in flight at these devices, over whatever target, oldest first.
    pub commands: Vec<Command>,
    /// Younger ones that are not named.
    pub left_out: u32,
    /// The core did not answer. Then `commands` is empty, and `recorded` what it had in hand, of all devices.
    pub core_silent: bool,
    /// From the core's flight recorder: what it took and did not answer.
    pub recorded: Vec<Line>,
}

/// How a service stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The service.
    pub service: String,
    /// Its state, as in `status`.
    pub state: String,
    /// Its process number.
    pub pid: Option<u64>,
    /// If it does not show that it lives: seconds without a heartbeat.
    pub silent_s: Option<f64>,
    /// What is wrong with it; empty if it serves.
    pub trouble: String,
}

/// A command in flight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Seconds since the core let it in, if that is known.
    pub age_s: Option<f64>,
    /// The service that has it.
    pub holder: String,
    /// The part of it: `transport`, `core`, `copy manager`, `handler`.
    pub part: String,
    /// Why it is there.
    pub why: String,
    /// The name of the command.
    pub command: String,
    /// Its CDB in hexadecimal.
    pub cdb: String,
    /// Its task attribute.
    pub attribute: String,
    /// The name of the initiator's port.
    pub initiator: String,
    /// The target that it was sent to.
    pub target: String,
    /// The device.
    pub device: String,
    /// The transport that it came by.
    pub transport: String,
    /// The nexus, as its transport numbers it.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
}

/// What numbers mean, and what is recorded; all of it may be asked about numbers that mean nothing.
pub struct Names<'a> {
    /// The name of a service.
    pub service: &'a dyn Fn(u32) -> String,
    /// The name of a target.
    pub target: &'a dyn Fn(u32) -> String,
    /// The name of a unit.
    pub device: &'a dyn Fn(u32) -> String,
    /// What the living incarnation of a service has recorded.
    pub recording: &'a dyn Fn(u32) -> Option<Recording>,
}

impl Why {
    /// Adds what the core has said, as of `micros` on the clock of the recorders.
    pub fn take(&mut self, told: &Explained, core: &str, names: &Names<'_>, micros: u64) {
        self.left_out = told.left_out;
        let mut recordings: Vec<(u32, Option<Recording>)> = Vec::new();
        for one in &told.commands {
            let (holder, part) = match one.holder {
                Holder::Transport => ((names.service)(one.transport), "transport"),
                Holder::Core => (core.to_owned(), "core"),
                Holder::CopyManager => (core.to_owned(), "copy manager"),
                Holder::Handler(service) => ((names.service)(service), "handler"),
            };
            let mut why = printable(&one.why);
            if let Holder::Handler(service) = one.holder {
                if recordings.iter().all(|(known, _)| *known != service) {
                    recordings.push((service, (names.recording)(service)));
                }
                let found = recordings.iter().find(|(known, _)| *known == service);
                if let Some(recording) = found.and_then(|(_, recording)| recording.as_ref()) {
                    why.push_str(&at_handler(one, recording, &holder, micros));
                }
            }
            let standing = self.services.iter().find(|standing| standing.service == holder);
            if let Some(standing) = standing.filter(|standing| !standing.trouble.is_empty()) {
                why.push_str(&format!("; {} {}", standing.service, standing.trouble));
            }
            self.commands.push(Command {
                age_s: (one.since != 0).then(|| seconds(micros, one.since)),
                holder,
                part: part.to_owned(),
                why,
                command: printable(&one.command),
                cdb: hex(&one.cdb),
                attribute: printable(&one.attribute),
                initiator: printable(&one.initiator),
                target: (names.target)(one.target),
                device: (names.device)(one.unit),
                transport: (names.service)(one.transport),
                nexus: one.nexus,
                serial: one.serial,
            });
        }
    }
}

/// What the handler's recorder says of a command that was sent to it.
fn at_handler(one: &InFlight, recording: &Recording, name: &str, micros: u64) -> String {
    let mut mine = recording.records.iter().filter(|record| {
        let here = matches!(record.what, What::Taken | What::Answered);
        here && (record.nexus, record.serial) == (one.handler_nexus, one.serial)
    });
    let whole = recording.records.first().is_some_and(|first| first.number == 1 || first.micros < one.since);
    match mine.next_back() {
        Some(record) if record.what == What::Taken => {
            format!("; {name} took it {:.1} s ago and has not answered", seconds(micros, record.micros))
        }
        Some(record) => {
            format!(
                "; {name} answered {:.1} s ago, which the core has not heard yet",
                seconds(micros, record.micros)
            )
        }
        // What it took before the oldest record is not known.
        None if whole || recording.records.is_empty() => format!("; {name} has not taken it yet"),
        None => String::new(),
    }
}

fn seconds(now: u64, then: u64) -> f64 {
    now.saturating_sub(then) as f64 / 1e6
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests;

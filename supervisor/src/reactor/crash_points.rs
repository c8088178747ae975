//! Arms the points at which somebody wants a process to die (`ipc::crash`): in a service that runs, in its next incarnation,
//! in this supervisor, or in its successor, to which the word comes by the keeper.

use ipc::crash::{self, Process, When};
use ipc::message::Grant;

use super::Reactor;
use crate::admin::Reply;
use crate::kept::{Inheritance, Kept};
use crate::manifest::Kind;

/// How the supervisor itself is called here; a service may have that name, too, and goes first.
const SUPERVISOR: &str = "supervisor";
/// What is kept for a successor that shall die: `crash:COUNT:POINT`.
const KEPT: &str = "crash:";

impl Reactor {
    /// Has a process die at a point.
    pub(super) fn arm(&mut self, whom: &str, point: &str, count: u32, next_start: bool) -> Reply {
        let service = self.plan.find(whom);
        let process = match service.map(|service| self.plan.services[service as usize].kind) {
            Some(Kind::Core) => Process::Core,
            Some(Kind::Iscsi) => Process::Iscsi,
            Some(Kind::Vdisk) => Process::Vdisk,
            None if whom == SUPERVISOR => Process::Supervisor,
            None => return Reply::error(format!("there is no service {whom:?}")),
        };
        let Some(row) = crash::find(point, process) else {
            let text = format!("{whom} passes no point {point:?}; `bulkhead crash-point` lists them");
            return Reply::error(text);
        };
        if row.when == When::Start && !next_start {
            return Reply::error(format!("{point} is passed at a start: arm it for the next one"));
        }
        let grant = Grant::CrashPoint { name: row.name.to_owned(), count };
        match service {
            Some(service) if next_start => self.child(service).crash_next = Some(grant),
            Some(service) => match &self.child(service).process {
                Some(process) if process.granted => self.send(service, (grant, Vec::new())),
                _ => return Reply::error(format!("{whom} does not run")),
            },
            None if next_start => {
                self.memory.kept.store(&format!("{KEPT}{count}:{point}"), self.admin.socket());
            }
            None => {
                crash::arm(point, count);
            }
        }
        Reply::done(format!("{whom} dies at {point}"))
    }
}

/// Arms what a former supervisor has left for this one, and for none after it.
pub(super) fn arm_kept(kept: &Kept, inheritance: &mut Inheritance) {
    let names: Vec<String> = inheritance.keys().filter(|name| name.starts_with(KEPT)).cloned().collect();
    for name in names {
        inheritance.remove(&name);
        kept.forget(&name);
        let given = name.strip_prefix(KEPT).and_then(|rest| rest.split_once(':'));
        if let Some((count, point)) = given.and_then(|(count, point)| Some((count.parse().ok()?, point))) {
            crash::arm(point, count);
        }
    }
}

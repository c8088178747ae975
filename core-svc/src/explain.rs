//! Answers `bulkhead why`: for each command of a unit, who has it in his hands and what it waits for.
//!
//! Everything is read off the tasks as they are; nothing is kept for it but the time at which a task was let in. Asked
//! seldom, so it may look at all tasks.

use ipc::message::Event;
use ipc::message::explain::{Explained, Holder, InFlight, MOST_COMMANDS, MOST_TEXT};
use ipc::message::record::request_flags;
use scsi::attribute::TaskAttribute;

use crate::core::Core;
use crate::nexus::OWN;
use crate::peers::Presence;
use crate::task::{Stage, Task, TaskId};
use crate::task_set::Order;

impl Core {
    /// Answers the request `request` about the commands of `units`.
    pub(crate) fn explain(&mut self, request: u64, units: &[u32]) {
        let chosen = |task: &Task| units.contains(&task.unit) && task.nexus != OWN;
        let tasks = self.tasks_in_order(chosen);
        let commands: Vec<InFlight> =
            tasks.iter().take(MOST_COMMANDS).filter_map(|id| self.in_flight(*id)).collect();
        let left_out = (tasks.len() - tasks.len().min(MOST_COMMANDS)) as u32;
        self.events.push(Event::Explained { request, told: Explained { commands, left_out } });
    }

    fn in_flight(&self, id: TaskId) -> Option<InFlight> {
        let task = self.tasks.get(id)?;
        let nexus = self.nexuses.get(task.nexus)?;
        let (holder, mut why) = self.holder_of(id, task);
        if task.aborted {
            why = format!("it was aborted and ends as soon as that is over: {why}");
        }
        if task.request.flags & request_flags::AGAIN != 0 {
            why.push_str("; it came again after a restart, its time counts from then");
        }
        Some(InFlight {
            transport: self.transports.get(nexus.transport).map_or(u32::MAX, |transport| transport.service),
            target: nexus.target,
            initiator: shortened(nexus.names.initiator.clone()),
            nexus: nexus.number,
            handler_nexus: nexus.wide,
            serial: task.request.serial,
            unit: task.unit,
            command: task.opcode.name.to_owned(),
            cdb: task.request.cdb().unwrap_or_default().to_vec(),
            attribute: attribute(task.attribute).to_owned(),
            since: task.since,
            holder,
            why: shortened(why),
        })
    }

    fn holder_of(&self, id: TaskId, task: &Task) -> (Holder, String) {
        match task.stage {
            Stage::Dormant => (Holder::Core, self.why_dormant(task)),
            Stage::Blocked => (Holder::Core, self.why_blocked(task)),
            Stage::AwaitingData => {
                (Holder::Transport, "the initiator has not sent all of its data yet".to_owned())
            }
            Stage::Enabled => self.why_enabled(id, task),
            Stage::Held(_) => self.why_held(task),
            Stage::Sent(_) => match self.handler_of(task.unit).and_then(|place| self.handlers.get(place)) {
                Some(handler) => {
                    let others = handler.outstanding.saturating_sub(1);
                    let why = format!("sent to {}, which has {others} more", handler.name);
                    (Holder::Handler(handler.service), why)
                }
                None => (Holder::Core, "sent to a handler that is not there any more".to_owned()),
            },
            Stage::Writing => {
                (Holder::Core, "what it changes is being written to the state directory".to_owned())
            }
        }
    }

    fn why_blocked(&self, task: &Task) -> String {
        let unit = self.units.get(task.unit as usize).and_then(Option::as_ref);
        let faulted =
            unit.and_then(|unit| unit.aca_for(task.nexus)).and_then(|aca| self.nexuses.get(aca.nexus));
        match faulted {
            Some(nexus) => format!(
                "an ACA condition of nexus {} ({}) stands, until that clears it",
                nexus.number, nexus.names.initiator
            ),
            None => "an ACA condition has just ended".to_owned(),
        }
    }

    /// What a dormant task waits for: the nearest one in front of it that has to be enabled first, or what runs.
    fn why_dormant(&self, task: &Task) -> String {
        let Some(unit) = self.units.get(task.unit as usize).and_then(Option::as_ref) else {
            return "its unit is gone".to_owned();
        };
        if unit.is_blocked(task.nexus) {
            return self.why_blocked(task);
        }
        let per_nexus = unit.set.per_nexus();
        let in_set = |other: &Task| {
            let same =
                other.unit == task.unit && other.nexus != OWN && (!per_nexus || other.nexus == task.nexus);
            same && other.arrival != task.arrival && !matches!(other.seat.order, Order::Aside)
        };
        let others: Vec<&Task> =
            self.tasks_in_order(in_set).into_iter().filter_map(|id| self.tasks.get(id)).collect();
        match in_front(task, &others) {
            Some((Front::Dormant, other)) => {
                format!("dormant behind {}, which is dormant itself", self.named(other))
            }
            Some((Front::Running(count), other)) => {
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                format!("dormant until {}{more} has ended", self.named(other))
            }
            None => "dormant, and about to be enabled".to_owned(),
        }
    }

    fn named(&self, task: &Task) -> String {
        let number = self.nexuses.get(task.nexus).map_or(0, |nexus| nexus.number);
        format!(
            "{} {} (nexus {number} task {})",
            attribute(task.attribute),
            task.opcode.name,
            task.request.serial
        )
    }

    fn why_enabled(&self, id: TaskId, task: &Task) -> (Holder, String) {
        if let Some(why) = self.explain_copy(id) {
            return (Holder::CopyManager, why);
        }
        let unit = self.units.get(task.unit as usize).and_then(Option::as_ref);
        if unit.is_some_and(|unit| unit.reservations.queue.contains(&id)) {
            let why = "waits until an earlier change of the unit's reservations is in the state directory";
            return (Holder::Core, why.to_owned());
        }
        if let Some(waits) = self.preempting.iter().find_map(|waiting| waiting.waits_of(id)) {
            return (Holder::Core, format!("waits for the end of {waits} commands that it aborts"));
        }
        (Holder::Core, "is about to be executed".to_owned())
    }

    fn why_held(&self, task: &Task) -> (Holder, String) {
        let Some(handler) = self.handler_of(task.unit).and_then(|place| self.handlers.get(place)) else {
            return (Holder::Core, "its unit has no handler".to_owned());
        };
        let name = &handler.name;
        if handler.link.is_some() {
            let why = format!("waits for room: {name} has {}, as many as it may have", handler.outstanding);
            return (Holder::Handler(handler.service), why);
        }
        let why = match handler.presence {
            Presence::Down(since) => format!(
                "held for {name}, which has been away for {:.1} s; fails if that lasts {:.0} s",
                since.elapsed().as_secs_f64(),
                self.hold.as_secs_f64()
            ),
            Presence::Up => {
                format!("held until {name} has a new link, since its last one was closed for a fault")
            }
            Presence::Held => format!("held for {name}, which is not started again"),
        };
        (Holder::Core, why)
    }
}

/// What is in front of a dormant task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    /// A task that is dormant itself and has to be enabled first.
    Dormant,
    /// So many tasks that run, of which this is the oldest.
    Running(usize),
}

/// What a dormant task waits for among the others of its task set, which are in the order of arrival.
fn in_front<'a>(task: &Task, others: &[&'a Task]) -> Option<(Front, &'a Task)> {
    let alone = |order: Order| matches!(order, Order::Ordered | Order::Begins);
    let dormant = || {
        let earlier = |other: &&&Task| other.stage == Stage::Dormant && other.arrival < task.arrival;
        others.iter().filter(earlier)
    };
    // The last one that runs alone has all others behind it; without one, the first is the one that something holds.
    let barrier = dormant().rfind(|other| alone(other.seat.order)).or_else(|| dormant().next());
    if let Some(other) = barrier {
        return Some((Front::Dormant, other));
    }
    let running = |other: &&&Task| {
        let holds = match (other.seat.order, task.seat.order) {
            // Nobody waits for it once it runs.
            (Order::Begins | Order::Aside, _) => false,
            (_, Order::Ordered | Order::Begins) | (Order::Ordered | Order::Head, _) => true,
            // Restricted reordering.
            (looks, wants) => {
                other.seat.nexus == task.seat.nexus && (looks, wants) != (Order::Looks, Order::Looks)
            }
        };
        other.stage != Stage::Dormant && holds
    };
    let first = others.iter().find(running)?;
    Some((Front::Running(others.iter().filter(running).count()), first))
}

fn attribute(attribute: TaskAttribute) -> &'static str {
    match attribute {
        TaskAttribute::Untagged | TaskAttribute::Simple => "SIMPLE",
        TaskAttribute::Ordered => "ORDERED",
        TaskAttribute::HeadOfQueue => "HEAD OF QUEUE",
        TaskAttribute::Aca => "ACA",
    }
}

fn shortened(mut text: String) -> String {
    let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if text.len() > MOST_TEXT {
        text.truncate(end);
    }
    text
}

//! The task set against a model that states the rules of SAM-5 8.5 over the whole list of tasks, oldest first.

use ipc::message::record::{Request, RequestKind};
use proptest::prelude::*;

use super::*;
use crate::task::{Stage, Task, Tasks};

/// Names for tasks: only the table of tasks makes them.
struct Names(Tasks, u64);

impl Names {
    fn new() -> Self {
        Self(Tasks::with_room(8), 0)
    }

    fn next(&mut self) -> TaskId {
        self.1 += 1;
        let task = Task {
            request: Request::new(RequestKind::Command, 1, self.1),
            opcode: &scsi::opcode::TABLE[0],
            nexus: 0,
            epoch: 1,
            unit: 0,
            attribute: TaskAttribute::Simple,
            seat: crate::task_set::Seat { order: crate::task_set::Order::Looks, nexus: 0 },
            arrival: 0,
            since: 0,
            stage: Stage::Dormant,
            data_ready: true,
            judged: false,
            aborted: false,
            told: false,
        };
        self.0.insert(task).unwrap()
    }
}

/// Every task in the set, oldest first, and whether it is enabled; and whether reordering is restricted.
#[derive(Default)]
struct Model(Vec<(TaskId, Seat, bool)>, bool);

impl Model {
    /// Enables what may be enabled, oldest first; returns what became enabled.
    fn settle(&mut self) -> Vec<TaskId> {
        let mut enabled = Vec::new();
        while let Some(place) = (0..self.0.len()).find(|place| !self.0[*place].2 && self.may_run(*place)) {
            self.0[place].2 = true;
            enabled.push(self.0[place].0);
        }
        enabled
    }

    fn may_run(&self, place: usize) -> bool {
        let seat = self.0[place].1;
        let holds = |seat: &Seat, enabled: bool| match seat.order {
            Order::Aside => false,
            Order::Begins => !enabled,
            _ => true,
        };
        let mut older = self.0[..place].iter().filter(|(_, seat, enabled)| holds(seat, *enabled));
        let heads = self.0.iter().any(|(_, seat, _)| seat.order == Order::Head);
        let beside = |orders: &[Order]| {
            let same = |other: &Seat| other.nexus == seat.nexus && orders.contains(&other.order);
            self.0.iter().any(|(_, other, enabled)| *enabled && same(other))
        };
        match seat.order {
            Order::Head | Order::Aside => true,
            Order::Ordered | Order::Begins => older.next().is_none() && !heads,
            _ if heads || older.any(|(_, seat, enabled)| !enabled || seat.order == Order::Ordered) => false,
            Order::Looks => !self.1 || !beside(&[Order::Changes]),
            Order::Changes => !self.1 || !beside(&[Order::Looks, Order::Changes]),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enter(Seat),
    /// An enabled task ends.
    End(usize),
    /// A dormant task is aborted.
    Withdraw(usize),
}

fn seat() -> impl Strategy<Value = Seat> {
    let order = prop_oneof![
        3 => Just(Order::Looks),
        2 => Just(Order::Changes),
        2 => Just(Order::Ordered),
        1 => Just(Order::Begins),
        1 => Just(Order::Head),
        1 => Just(Order::Aside),
    ];
    (order, 0..2_usize).prop_map(|(order, nexus)| Seat { order, nexus })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => seat().prop_map(Step::Enter),
        2 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Withdraw),
    ];
    prop::collection::vec(step, 0..200)
}

fn drain(set: &mut TaskSet) -> Vec<TaskId> {
    std::iter::from_fn(|| set.enable_next()).collect()
}

proptest! {
    #[test]
    fn task_set_agrees_with_the_rules(steps in steps(), restricted in any::<bool>()) {
        let (mut names, mut set) = (Names::new(), TaskSet::new(restricted));
        let mut model = Model(Vec::new(), restricted);
        for step in steps {
            match step {
                Step::Enter(seat) => {
                    let id = names.next();
                    model.0.push((id, seat, false));
                    let enabled = set.enter(id, seat);
                    prop_assert_eq!(model.settle().contains(&id), enabled);
                }
                Step::End(which) => {
                    let running: Vec<usize> = (0..model.0.len()).filter(|at| model.0[*at].2).collect();
                    if running.is_empty() { continue }
                    let (_, seat, _) = model.0.remove(running[which % running.len()]);
                    set.leave(seat);
                    prop_assert_eq!(model.settle(), drain(&mut set));
                }
                Step::Withdraw(which) => {
                    let dormant: Vec<usize> = (0..model.0.len()).filter(|at| !model.0[*at].2).collect();
                    if dormant.is_empty() { continue }
                    let (id, _, _) = model.0.remove(dormant[which % dormant.len()]);
                    prop_assert!(set.withdraw(id));
                    prop_assert!(!set.withdraw(id));
                    prop_assert_eq!(model.settle(), drain(&mut set));
                }
            }
            let empty = model.0.iter().all(|(_, seat, _)| seat.order == Order::Aside);
            prop_assert_eq!(set.is_empty(), empty);
        }
    }
}

#[test]
fn withdraw_of_the_oldest_dormant_task_enables_what_it_blocked() {
    let mut names = Names::new();
    let ids: Vec<TaskId> = (0..3).map(|_| names.next()).collect();
    let mut set = TaskSet::default();
    let seat = |order| Seat { order, nexus: 0 };
    assert!(set.enter(ids[0], seat(Order::Looks)));
    assert!(!set.enter(ids[1], seat(Order::Ordered)));
    assert!(!set.enter(ids[2], seat(Order::Changes)));
    assert!(set.withdraw(ids[1]));
    assert_eq!(drain(&mut set), [ids[2]]);
}

#[test]
fn attribute_and_command_decide_the_order() {
    let order = |attribute, cdb: &[u8]| Seat::new(attribute, scsi::opcode::lookup(cdb).unwrap(), 0).order;
    // READ(10), WRITE(10), INQUIRY, REQUEST SENSE, REPORT LUNS, MODE SELECT(10), TEST UNIT READY.
    let simple = |code: u8| order(TaskAttribute::Simple, &[code, 0]);
    assert_eq!(
        [0x28, 0x2A, 0x12, 0x03, 0xA0, 0x55, 0x00].map(simple),
        [
            Order::Looks,
            Order::Changes,
            Order::Aside,
            Order::Aside,
            Order::Aside,
            Order::Ordered,
            Order::Looks
        ]
    );
    assert_eq!(order(TaskAttribute::Untagged, &[0x12, 0]), Order::Aside);
    assert_eq!(order(TaskAttribute::Ordered, &[0x12, 0]), Order::Ordered);
    assert_eq!(order(TaskAttribute::HeadOfQueue, &[0x55, 0]), Order::Head);
    assert_eq!(order(TaskAttribute::Aca, &[0x2A, 0]), Order::Aside);
}

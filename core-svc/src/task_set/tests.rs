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
            stage: Stage::Dormant,
            data_ready: true,
            judged: false,
            aborted: false,
        };
        self.0.insert(task).unwrap()
    }
}

/// Every task in the set, oldest first, and whether it is enabled.
#[derive(Default)]
struct Model(Vec<(TaskId, TaskAttribute, bool)>);

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
        let older = &self.0[..place];
        let heads = |tasks: &[(TaskId, TaskAttribute, bool)]| {
            tasks.iter().any(|(_, attribute, _)| *attribute == TaskAttribute::HeadOfQueue)
        };
        match self.0[place].1 {
            TaskAttribute::HeadOfQueue => true,
            TaskAttribute::Ordered => older.is_empty() && !heads(&self.0),
            _ => {
                !older.iter().any(|(_, attribute, _)| *attribute == TaskAttribute::Ordered) && !heads(&self.0)
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enter(TaskAttribute),
    /// An enabled task ends.
    End(usize),
    /// A dormant task is aborted.
    Withdraw(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let attribute = prop_oneof![
        4 => Just(TaskAttribute::Simple),
        1 => Just(TaskAttribute::Untagged),
        2 => Just(TaskAttribute::Ordered),
        1 => Just(TaskAttribute::HeadOfQueue),
    ];
    let step = prop_oneof![
        3 => attribute.prop_map(Step::Enter),
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
    fn task_set_agrees_with_the_rules(steps in steps()) {
        let (mut names, mut set, mut model) = (Names::new(), TaskSet::default(), Model::default());
        for step in steps {
            match step {
                Step::Enter(attribute) => {
                    let id = names.next();
                    model.0.push((id, attribute, false));
                    let enabled = set.enter(id, attribute);
                    prop_assert_eq!(model.settle().contains(&id), enabled);
                }
                Step::End(which) => {
                    let running: Vec<usize> = (0..model.0.len()).filter(|at| model.0[*at].2).collect();
                    if running.is_empty() { continue }
                    let (_, attribute, _) = model.0.remove(running[which % running.len()]);
                    set.leave(attribute);
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
            prop_assert_eq!(set.is_empty(), model.0.is_empty());
        }
    }
}

#[test]
fn withdraw_of_the_oldest_dormant_task_enables_what_it_blocked() {
    let mut names = Names::new();
    let ids: Vec<TaskId> = (0..3).map(|_| names.next()).collect();
    let mut set = TaskSet::default();
    assert!(set.enter(ids[0], TaskAttribute::Simple));
    assert!(!set.enter(ids[1], TaskAttribute::Ordered));
    assert!(!set.enter(ids[2], TaskAttribute::Simple));
    assert!(set.withdraw(ids[1]));
    assert_eq!(drain(&mut set), [ids[2]]);
}

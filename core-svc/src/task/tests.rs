//! The table of tasks: names, identities and reuse.

use ipc::message::record::RequestKind;

use super::*;

fn task(nexus: u64, serial: u64) -> Task {
    Task {
        request: Request::new(RequestKind::Command, nexus, serial),
        opcode: &scsi::opcode::TABLE[0],
        nexus: 0,
        epoch: 1,
        unit: 0,
        attribute: TaskAttribute::Simple,
        seat: crate::task_set::Seat { order: crate::task_set::Order::Looks, nexus: 0 },
        arrival: 0,
        since: 0,
        stage: Stage::Enabled,
        data_ready: true,
        judged: false,
        aborted: false,
        told: false,
    }
}

#[test]
fn identity_in_use_is_refused() {
    let mut tasks = Tasks::default();
    let first = tasks.insert(task(1, 2)).unwrap();
    assert_eq!(tasks.insert(task(1, 2)), None);
    assert!(tasks.insert(task(2, 2)).is_some());
    assert_eq!(tasks.find(1, 2), Some(first));
    assert_eq!(tasks.len(), 2);
}

#[test]
fn old_name_never_means_a_new_task() {
    let mut tasks = Tasks::default();
    let old = tasks.insert(task(1, 1)).unwrap();
    assert!(tasks.remove(old).is_some());
    let new = tasks.insert(task(1, 2)).unwrap();
    assert_ne!(old, new);
    assert!(tasks.get(old).is_none() && tasks.get_mut(old).is_none() && tasks.remove(old).is_none());
    assert_eq!(tasks.get(new).unwrap().request.serial, 2);
    assert_eq!(tasks.find(1, 1), None);
}

#[test]
fn refused_insert_changes_nothing() {
    let mut tasks = Tasks::default();
    let first = tasks.insert(task(1, 1)).unwrap();
    let second = tasks.insert(task(1, 2)).unwrap();
    tasks.remove(first);
    assert_eq!(tasks.insert(task(1, 2)), None);
    let third = tasks.insert(task(1, 3)).unwrap();
    assert_eq!(tasks.select(|_| true), [third, second], "the free slot was kept");
}

#[test]
fn select_names_living_tasks() {
    let mut tasks = Tasks::default();
    let ids: Vec<TaskId> = (0..5).map(|serial| tasks.insert(task(1, serial)).unwrap()).collect();
    tasks.remove(ids[2]);
    assert_eq!(tasks.select(|task| task.request.serial > 0), [ids[1], ids[3], ids[4]]);
    for id in [ids[0], ids[1], ids[3], ids[4]] {
        tasks.remove(id);
    }
    assert!(tasks.is_empty());
}

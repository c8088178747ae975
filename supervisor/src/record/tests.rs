//! What a successor reads, and what it refuses to read.

#[path = "../../../ipc/tests/shared/shape.rs"]
mod shape;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipc::message::config::AccessState;
use proptest::prelude::*;

use super::{ChangeRecord, ChildRecord, FORMAT, Head, ProcessRecord, Record, StageRecord};
use crate::child::State;
use crate::manifest::Manifest;
use crate::obituary::Obituary;
use crate::plan::{Medium, Plan};
use crate::policy::Death;

/// core 0, iscsi 1, vdisk 2; a null disk and a CD drive.
fn plan() -> Plan {
    let text = "[[device]]\nname = \"a\"\nnull.size = 512\n[[device]]\nname = \"b\"\ncdrom = {}\n\
                [[target]]\nname = \"eui.0123456789abcdef\"\nluns = [{ lun = 0, device = \"a\" }]\n";
    Plan::new(&Manifest::parse("m.toml", text, Path::new("/")).expect("valid").0, "")
}

fn head() -> Head {
    Head {
        format: FORMAT,
        abi: ipc::ABI_VERSION,
        manifest: "/etc/m.toml".into(),
        run_dir: "/run/bulkhead".into(),
        state_dir: "/var/lib/bulkhead".into(),
        ready: "ready\n".to_owned(),
        plan: plan(),
    }
}

fn record() -> Record {
    let process = ProcessRecord {
        pid: 4711,
        log_start: 12,
        counters: vec!["reads".to_owned()],
        started: Duration::from_millis(5),
        ready: Some(Duration::from_millis(9)),
        granted: true,
        owed: true,
        kill_at: Some((Duration::from_secs(3), "did not stop in time".to_owned())),
        faults: 2,
        reason: None,
        problems: vec!["no such thing".to_owned()],
    };
    let child = |state, process| ChildRecord {
        state,
        starts: 3,
        deaths: vec![Death { at: Duration::from_secs(1), ran: None }],
        last_death: Some(Obituary {
            incarnation: 2,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            cause: "killed by SIGKILL".to_owned(),
            last_lines: vec!["a line".to_owned()],
        }),
        former: true,
        pinned: false,
        process,
    };
    let mut changed = plan().units[1].clone();
    changed.medium = Medium::File { path: "/b.iso".into(), create: None };
    Record {
        origin: Duration::from_secs(100),
        announced: true,
        stopping: None,
        unfit: None,
        children: vec![
            child(State::Stopping { again: true }, Some(process)),
            child(State::Held { reason: "too often".to_owned() }, None),
            child(State::Backoff { until: Duration::from_secs(7) }, None),
        ],
        links: vec![(4, true), (9, false)],
        units: vec![changed],
        last_change: 8,
        changes: vec![ChangeRecord {
            unit: 1,
            request: 8,
            deadline: Duration::from_secs(60),
            stage: StageRecord::Settled,
        }],
        states: vec![((0, 1), AccessState::Standby)],
        wanted: vec![((0, 1), AccessState::Active)],
    }
}

/// A shape that changes needs another [`FORMAT`], and a row here.
#[test]
fn records_have_the_shape_of_their_format() {
    let both = format!("{}\n{}", shape::of::<Head>(), shape::of::<Record>());
    shape::check("FORMAT", u64::from(FORMAT), &[(2, 0x7e2f_75ce_d945_6c7a)], &both);
}

#[test]
fn head_is_read_by_its_own_build_alone() {
    let sealed = head().seal().expect("sealed");
    assert_eq!(Head::open(&sealed).expect("whole"), head());
    assert_eq!(Head::open(&sealed).expect("whole, again"), head());
    let mut file = std::fs::File::from(sealed);
    file.write_all(b"x").expect_err("nobody writes it any more");
    file.set_len(0).expect_err("nor cuts it");
    let other = Head { abi: ipc::ABI_VERSION + 1, ..head() };
    assert!(Head::open(other.seal().expect("sealed")).is_err());
    let other = Head { format: FORMAT + 1, ..head() };
    assert!(Head::open(other.seal().expect("sealed")).is_err());
    let garbage: OwnedFd = tempfile::tempfile().expect("file").into();
    assert!(Head::open(garbage).is_err());
}

#[test]
fn record_comes_back_as_it_was() {
    let page = record().encode().expect("a page");
    assert_eq!(Record::decode(&page, &plan()).expect("whole"), record());
}

#[test]
fn record_that_does_not_fit_the_plan_is_refused() {
    let refused = |change: &dyn Fn(&mut Record)| {
        let mut record = record();
        change(&mut record);
        Record::decode(&record.encode().expect("a page"), &plan()).expect_err("does not fit")
    };
    assert_eq!(refused(&|record| drop(record.children.pop())), "it is about other services");
    assert_eq!(refused(&|record| record.links.push((1, true))), "it is about other services");
    assert_eq!(refused(&|record| record.units[0].config.unit = 2), "it is about other devices");
    assert_eq!(refused(&|record| record.units[0].service = 1), "it is about other devices");
    assert_eq!(refused(&|record| record.units[0].config.name = "c".to_owned()), "it is about other devices");
    assert_eq!(refused(&|record| record.changes[0].unit = 7), "it is about other devices");
}

proptest! {
    #[test]
    fn damaged_record_is_refused_or_fits(at in 0usize..400, value in any::<u8>(), cut in 0usize..400) {
        let mut page = record().encode().expect("a page");
        let length = page.len();
        page[at % length] = value;
        if let Ok(read) = Record::decode(&page, &plan()) {
            prop_assert_eq!(read.children.len(), 3);
        }
        page.truncate(cut % length);
        prop_assert!(Record::decode(&page, &plan()).is_err());
    }
}

//! The table is whole and in order, and only a point that is armed is one to die at.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

#[test]
fn table_is_in_order_and_names_are_unique() {
    for (at, row) in POINTS.iter().enumerate() {
        assert_eq!(row.point as usize, at);
        assert_eq!(row.point.row().name, row.name);
        assert!(!row.of.is_empty());
    }
    let names: BTreeSet<_> = POINTS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), POINTS.len());
}

#[test]
fn points_are_found_by_name_and_process() {
    assert_eq!(find("journal.valid", Process::Core).map(|row| row.point), Some(Point::JournalValid));
    assert!(find("journal.valid", Process::Vdisk).is_none());
    assert!(find("journal", Process::Core).is_none());
}

/// Rust files of a folder that are no tests.
fn sources(folder: &Path, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            out.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// A point in the table that no process passes would be covered by nobody, and one beyond the table does not compile.
#[test]
fn every_point_stands_in_the_source_of_those_who_pass_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |folder: &str| {
        let mut all = Vec::new();
        sources(&root.join(folder), &mut all);
        all.concat().replace(char::is_whitespace, "")
    };
    let everybody = read("ipc/src");
    let folders = [
        (Process::Core, read("core-svc/src")),
        (Process::Iscsi, read("iscsi-svc/src")),
        (Process::Vdisk, read("vdisk-svc/src")),
        (Process::Supervisor, read("supervisor/src")),
    ];
    for row in POINTS {
        // `crash::at` elsewhere, `crash::point` in iscsi-svc, whose unit tests die there by unwinding.
        let calls = ["at", "point"].map(|call| format!("crash::{call}(Point::{:?})", row.point));
        let stands = |text: &str| calls.iter().any(|call| text.contains(call));
        for (process, text) in &folders {
            let passes = row.of.contains(process);
            assert!(!stands(text) || passes, "{} is passed by {process:?}, too", row.name);
            assert!(!passes || stands(text) || stands(&everybody), "{process:?} never passes {}", row.name);
        }
    }
}

#[test]
fn a_point_that_is_not_armed_is_passed() {
    assert!(!arm("no.such.point", 1));
    assert!(arm("journal.moved", 3));
    // The third passing would be the end of this test's process.
    for _ in 0..2 {
        at(Point::JournalMoved);
        at(Point::JournalBoth);
    }
    assert!(is_armed(Point::JournalMoved));
    ARMED.store(NONE, Ordering::Relaxed);
    at(Point::JournalMoved);
}

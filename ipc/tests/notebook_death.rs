//! A notebook's owner is killed at random instants of its saves; the supervisor's copy of the segment must hold a whole
//! page, and none older than the last one that the owner knew to be saved.
//!
//! The owner is this test binary, started again with the segment as its standard input.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use ipc::notebook::Notebook;
use ipc::shm;

const ROLE: &str = "BULKHEAD_TEST_NOTEBOOK_OWNER";
const SCHEMA: u64 = 3;

fn page(number: u64) -> Vec<u8> {
    number.to_ne_bytes().repeat(1 + (number * 7 % 61) as usize)
}

fn number(page: &[u8]) -> u64 {
    u64::from_ne_bytes(page[..8].try_into().expect("a page has at least one number"))
}

/// Saves one page after the other, and says each number once its page is saved.
fn owner() -> ! {
    let (mut notebook, last) = Notebook::open(std::io::stdin().as_fd(), SCHEMA).unwrap();
    let first = last.map_or(1, |page| number(&page) + 1);
    let mut said = std::io::stderr();
    for next in first.. {
        notebook.save(&page(next)).unwrap();
        said.write_all(&next.to_ne_bytes()).unwrap();
    }
    unreachable!("it is killed")
}

#[test]
fn owner_dies_while_saving() {
    if std::env::var_os(ROLE).is_some() {
        owner();
    }
    let segment = shm::create("notebook", 4096).unwrap();
    let mut last = 0;
    for round in 0..60 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["owner_dies_while_saving", "--exact", "--nocapture"])
            .env(ROLE, "1")
            .stdin(segment.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = child.stderr.take().unwrap();
        let mut word = [0; 8];
        for _ in 0..1 + round * 37 % 200 {
            said.read_exact(&mut word).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = Vec::new();
        said.read_to_end(&mut rest).unwrap();
        let known = rest.chunks_exact(8).last().map_or(u64::from_ne_bytes(word), number);
        let (_, found) = Notebook::open(&segment, SCHEMA).unwrap();
        let found = found.expect("a page was saved");
        let reached = number(&found);
        assert_eq!(found, page(reached), "round {round}: a whole page");
        assert!(reached == known || reached == known + 1, "round {round}: {reached}, last said {known}");
        assert!(reached > last);
        last = reached;
    }
}

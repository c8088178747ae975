//! What is told of the end of a service, from recordings typed here.

use std::time::{Duration, SystemTime};

use super::*;

fn record(number: u64, what: What, kind: u8, serial: u64) -> Recorded {
    let mut cdb = [0; 16];
    cdb[..6].copy_from_slice(&[0x08, 0, 0, 0x10, 1, 0]);
    let body = match what {
        What::Taken | What::Asked => Body::Request { unit: 4, len: 512, lun: 0, cdb },
        _ => {
            let mut sense = [0; 16];
            sense[..3].copy_from_slice(&[0x70, 0, 0x05]);
            Body::Reply { status: 2, flags: 0, transferred: 0, sense_len: 3, sense }
        }
    };
    Recorded { number, micros: 1_000_000 * number, what, kind, nexus: 1, serial, body }
}

fn obituary(lines: &[&str]) -> Obituary {
    Obituary {
        incarnation: 3,
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        cause: "killed by SIGABRT".to_owned(),
        last_lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn subject<'a>(death: &'a Obituary, lines: usize) -> Subject<'a> {
    let memory = Some(1 << 20);
    Subject { name: "vdisk", incarnation: 3, death: Some(death), memory, micros: 5_500_000, lines }
}

#[test]
fn what_was_not_answered_was_in_its_hands() {
    let (execute, done) = (RequestKind::Execute as u8, ReplyKind::Done as u8);
    let records = vec![
        record(1, What::Taken, execute, 1),
        record(2, What::Taken, execute, 2),
        record(3, What::Taken, RequestKind::Fence as u8, 9),
        record(4, What::Answered, done, 1),
        record(5, What::Asked, 200, 3),
    ];
    let found = Recording { incarnation: 3, pid: 77, records, ..Recording::default() };
    let legend = BTreeMap::from([((0x08, None), "READ(6)".to_owned())]);
    let death = obituary(&["memory allocation of 4096 bytes failed"]);
    let told = PostMortem::new(&subject(&death, 2), Some(found), &legend);
    let [held] = &told.in_hand[..] else { panic!("{told:?}") };
    assert_eq!((held.serial, held.before_s, held.command.as_deref()), (2, 3.5, Some("READ(6)")));
    assert!(held.bytes.starts_with("08 00 00 10 01 00"), "{held:?}");
    assert_eq!((held.about.as_str(), told.asked.len()), ("unit 4, 512 bytes", 0));
    let last: Vec<(&str, &str)> =
        told.last.iter().map(|line| (line.what.as_str(), line.kind.as_str())).collect();
    assert_eq!(last, [("answered", "Done"), ("asked", "kind 200")]);
    assert_eq!((told.last[0].bytes.as_str(), told.pid), ("70 00 05", Some(77)));
    assert!(told.meaning.unwrap().contains("1048576 bytes"));
}

#[test]
fn what_another_incarnation_recorded_is_not_told() {
    let death = obituary(&[]);
    let found = Recording { incarnation: 1, ..Recording::default() };
    for found in [None, Some(found)] {
        let told = PostMortem::new(&subject(&death, 9), found, &BTreeMap::new());
        assert!(told.without.is_some() && told.last.is_empty() && told.meaning.is_none(), "{told:?}");
        assert_eq!(told.death.unwrap().cause, "killed by SIGABRT");
    }
}

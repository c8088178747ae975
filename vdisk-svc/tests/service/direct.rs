//! Direct I/O: files and block devices past the page cache, whatever the data looks like in memory.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use ipc::message::Event;
use ipc::message::config::{DeviceConfig, ServiceConfig};
use vdisk_svc::engine::Choice;
use vdisk_svc::stats::Counter;

use crate::fixture::*;

/// A loop device, for as long as this lives.
struct Loop(String);

impl Loop {
    /// None, and why, where there can be none.
    fn new(file: &tempfile::NamedTempFile, block: u32) -> Option<Self> {
        let block = block.to_string();
        let mut command = Command::new("losetup");
        command.args(["--find", "--show", "--sector-size", &block]).arg(file.path());
        let output = command.output();
        match output {
            Ok(output) if output.status.success() => {
                Some(Self(String::from_utf8(output.stdout).unwrap().trim().to_owned()))
            }
            Ok(output) => {
                eprintln!("skipped: no loop device: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                eprintln!("skipped: no losetup: {error}");
                None
            }
        }
    }

    /// As the supervisor opens it.
    fn open(&self) -> File {
        // O_EXCL claims the device.
        File::options().read(true).write(true).custom_flags(libc::O_EXCL).open(&self.0).unwrap()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

fn direct(unit: u32) -> DeviceConfig {
    DeviceConfig { direct: true, ..disk(unit) }
}

/// Whether files in the directory for temporary files can be done directly, in blocks of 512.
fn possible() -> bool {
    let file = tempfile::tempfile().unwrap();
    match vdisk_svc::backend::direct::enable(&file) {
        Ok(align) if align.offset <= 512 => true,
        other => {
            eprintln!(
                "skipped: no direct I/O in blocks of 512 in the directory for temporary files: {other:?}"
            );
            false
        }
    }
}

/// Every shape of data: aligned or not, in pieces, more than the initiator has room for.
fn every_shape(rig: &mut Rig, blocks: u32) {
    let pattern = |seed: u8, len: usize| -> Vec<u8> {
        (0..len)
            .map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed).wrapping_add((at >> 8) as u8))
            .collect()
    };
    // The first room is page-aligned, and those after odd ones are not even aligned to 512.
    let big = pattern(1, 128 << 10);
    assert_eq!(rig.run(0, &write_10(0, 256), &[&big], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(0, 256), &[], &[128 << 10]).data, big);
    rig.room(100);
    let small = pattern(2, 1024);
    assert_eq!(rig.run(0, &write_10(3, 2), &[&small], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(3, 2), &[], &[1024]).data, small);
    // In pieces whose lengths are no blocks.
    let pieces = pattern(3, 2048);
    let out: [&[u8]; 3] = [&pieces[..100], &pieces[100..1500], &pieces[1500..]];
    assert_eq!(rig.run(0, &write_10_fua(10, 4), &out, &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(10, 4), &[], &[700, 48, 1300]).data, pieces);
    // Less room than the CDB asks for: as much as there is room for, and the residual tells the rest.
    let short = rig.run(0, &read_10(10, 4), &[], &[1000]);
    assert_eq!((short.status(), &short.data[..]), (GOOD, &pieces[..1000]));
    assert_eq!((short.reply.transferred, short.reply.wanted), (1000, 2048));
    // Less data than the CDB asks for: whole blocks of it.
    let less = rig.run(0, &write_10(20, 2), &[&[9; 700]], &[]);
    assert_eq!((less.status(), less.reply.transferred, less.reply.wanted), (GOOD, 512, 1024));
    // WRITE AND VERIFY and ORWRITE too; what does not fill a block leaves it as it was.
    let short: [&[u8]; 2] =
        [&[0x2E, 0x02, 0, 0, 0, 20, 0, 0, 2, 0], &[0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0]];
    for (cdb, byte) in short.into_iter().zip([1, 2]) {
        let none = rig.run(0, cdb, &[&[0xFF; 200]], &[]);
        assert_eq!((none.status(), none.reply.transferred, none.reply.wanted), (GOOD, 0, 1024));
        let one = rig.run(0, cdb, &[&[byte; 700]], &[]);
        assert_eq!((one.status(), one.reply.transferred, one.reply.wanted), (GOOD, 512, 1024));
    }
    assert_eq!(rig.run(0, &read_10(20, 1), &[], &[512]).data, [3; 512]);
    let verified = rig.run(0, &[0x2F, 0x02, 0, 0, 0, 20, 0, 0, 2, 0], &[&[3; 200]], &[]);
    assert_eq!((verified.status(), verified.reply.transferred, verified.reply.wanted), (GOOD, 200, 1024));
    // More than a room, from an odd place.
    rig.room(33);
    let huge = pattern(4, 900 << 10);
    assert_eq!(rig.run(0, &write_10(100, 1800), &[&huge], &[]).status(), GOOD);
    rig.room(1);
    assert!(rig.run(0, &read_10(100, 1800), &[], &[900 << 10]).data == huge, "900 KiB by a room of 256");
    assert_eq!(rig.run(0, &read_10(blocks, 1), &[], &[512]).status(), (2, 0x5, 0x21, 0x00));
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
}

#[test]
fn data_of_every_shape_on_a_file() {
    if !possible() {
        return;
    }
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4000 * 512).unwrap();
        let mut rig = Rig::on(choice, direct(0), &file);
        every_shape(&mut rig, 4000);
        assert!(rig.counter(Counter::Syncs) >= 2, "FUA and SYNCHRONIZE CACHE");
    }
}

#[test]
fn data_of_every_shape_on_a_block_device() {
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4000 * 512).unwrap();
        let Some(device) = Loop::new(&file, 512) else { return };
        let mut rig = Rig::start(choice, vec![(direct(0), Some(device.open()))]);
        every_shape(&mut rig, 4000);
        rig.stop();
    }
}

#[test]
fn block_device_of_larger_blocks_is_refused_and_served() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let Some(device) = Loop::new(&file, 4096) else { return };
    let mut rig = Rig::unready(Choice::Best, &service_config(), vec![(direct(0), Some(device.open()))]);
    assert_eq!(rig.event(), Event::Ready);
    match rig.event() {
        Event::Problem { text } => assert!(
            text.contains(
                "it transfers 4096 bytes at the least, and block_size is 512; write block_size = 4096"
            ),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
    // NOT READY, MANUAL INTERVENTION REQUIRED.
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x04, 0x03));
    rig.stop();
    let large = DeviceConfig { block_size: 4096, physical_exponent: 0, ..direct(0) };
    let mut rig = Rig::start(Choice::Best, vec![(large, Some(device.open()))]);
    rig.room(77);
    assert_eq!(rig.run(0, &write_10(255, 1), &[&[5; 4096]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(255, 1), &[], &[4096]).data, [5; 4096]);
    rig.stop();
}

#[test]
fn file_system_without_direct_io_is_a_problem_and_not_ready() {
    let Ok(file) = tempfile::NamedTempFile::new_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    file.as_file().set_len(1 << 20).unwrap();
    let devices = vec![(direct(0), Some(open(&file)))];
    let mut rig = Rig::unready(Choice::Best, &service_config(), devices);
    assert_eq!(rig.event(), Event::Ready);
    assert!(matches!(rig.event(), Event::Problem { text } if text.contains("leave out direct")));
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x04, 0x03));
}

#[test]
fn memory_of_our_own_is_bounded_and_commands_wait_for_it() {
    if !possible() {
        return;
    }
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(8 << 20).unwrap();
        let config = ServiceConfig { buffers: 0, ..service_config() };
        let mut rig = Rig::unready(choice, &config, vec![(direct(0), Some(open(&file)))]);
        assert_eq!(rig.event(), Event::Ready);
        rig.room(100);
        let sent: Vec<Sent> =
            (0..20).map(|n| rig.send(0, &write_10(n * 32, 32), &[&[n as u8 + 1; 16384]], &[])).collect();
        for _ in &sent {
            assert_eq!(status(&rig.reply()), GOOD);
        }
        let bytes = std::fs::read(file.path()).unwrap();
        for n in 0..20 {
            let place = n * 16384;
            assert!(bytes[place..place + 16384].iter().all(|byte| *byte == n as u8 + 1), "write {n}");
        }
        assert!(rig.counter(Counter::Waited) > 0, "one room for twenty writes");
    }
}

#[test]
fn medium_that_needs_no_sync_gets_none() {
    let file = medium(8, false);
    let lasting = DeviceConfig { nv_cache: true, ..disk(0) };
    let mut rig = Rig::on(Choice::Best, lasting, &file);
    assert_eq!(rig.run(0, &write_10_fua(1, 1), &[&[7; 512]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
    assert_eq!(rig.counter(Counter::Syncs), 0);
    // MODE SENSE(6), caching page: WCE is zero, and DPOFUA stays one.
    let sense = rig.run(0, &[0x1A, 0x08, 0x08, 0, 24, 0], &[], &[24]);
    assert_eq!((sense.status(), sense.data[2] & 0x10, sense.data[6] & 0x04), (GOOD, 0x10, 0x00));
    // VPD page 86h: NV_SUP and not V_SUP.
    let page = rig.run(0, &[0x12, 1, 0x86, 0, 64, 0], &[], &[64]);
    assert_eq!(page.data[6], 0x02);
}

#[test]
fn pretended_reads_are_zeros_and_pretended_writes_change_nothing() {
    let file = medium(8, false);
    let pretend = DeviceConfig { pretend: true, ..disk(0) };
    let mut rig = Rig::on(Choice::Best, pretend, &file);
    assert_eq!(rig.run(0, &read_10(3, 2), &[], &[500, 524]).data, [0; 1024], "not what was in the memory");
    assert_eq!(rig.run(0, &write_10(3, 1), &[&[7; 512]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(7, 2), &[], &[1024]).status(), (2, 0x5, 0x21, 0x00), "its size is real");
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
    assert_eq!(rig.counter(Counter::Syncs), 1);
    assert_eq!(std::fs::read(file.path()).unwrap()[3 * 512..4 * 512], [3; 512]);
}

//! Anchored blocks: UNMAP and WRITE SAME with ANCHOR, and what GET LBA STATUS says of them, on each file system that there is.

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use ipc::message::config::DeviceConfig;

use crate::fixture::*;
use crate::medium::{full, lba_status, thin, unmap};

const INVALID_FIELD: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const SPACE_ALLOCATION_FAILED: (u8, u8, u8, u8) = (2, 0x7, 0x27, 0x07);

const MAPPED: u8 = 0;
const DEALLOCATED: u8 = 1;
const ANCHORED: u8 = 2;

/// UNMAP with ANCHOR.
fn anchor(rig: &mut Rig, ranges: &[(u64, u32)]) -> (u8, u8, u8, u8) {
    let (mut cdb, list) = unmap(ranges);
    cdb[1] |= 0x01;
    rig.run(0, &cdb, &[&list], &[]).status()
}

/// Byte 5 of VPD page B2h: LBPU, LBPWS, LBPWS10, LBPRZ, ANC_SUP.
fn abilities(rig: &mut Rig) -> u8 {
    rig.run(0, &[0x12, 0x01, 0xB2, 0, 8, 0], &[], &[8]).data[5]
}

/// A small file system in a file of its own, mounted; unmounted when it is dropped.
struct Mounted {
    directory: tempfile::TempDir,
    _image: tempfile::NamedTempFile,
}

impl Mounted {
    /// Says why not, where that cannot be had.
    fn new(kind: &str, mib: u64) -> Option<Self> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(mib << 20).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let run = |program: &str, args: &[&Path]| {
            let said = Command::new(program).args(args).output();
            let ended = said.as_ref().is_ok_and(|output| output.status.success());
            if !ended {
                eprintln!("skipped: {kind}: {program}: {said:?}");
            }
            ended
        };
        let able = run(&format!("mkfs.{kind}"), &["-q".as_ref(), image.path()])
            && run("mount", &["-o".as_ref(), "loop".as_ref(), image.path(), directory.path()]);
        // Not `then_some`, which would make and drop what is not mounted.
        able.then(|| Self { directory, _image: image })
    }

    /// A new file on it.
    fn file(&self) -> tempfile::NamedTempFile {
        tempfile::NamedTempFile::new_in(self.directory.path()).unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A process that another test is just starting has our files until it executes its program.
        let deadline = std::time::Instant::now() + LIMIT;
        loop {
            let said = Command::new("umount").arg(self.directory.path()).output();
            if said.as_ref().is_ok_and(|output| output.status.success()) || std::thread::panicking() {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{said:?}");
            std::thread::yield_now();
        }
    }
}

/// Runs a test on the file system of temporary files, and on those that this machine can make.
fn everywhere(test: impl Fn(tempfile::NamedTempFile, &str)) {
    let here = full();
    match tells(&here) {
        true => test(here, "temporary files"),
        false => eprintln!("skipped: the file system of temporary files does not tell what is reserved"),
    }
    for kind in ["ext4", "xfs", "btrfs"] {
        let Some(mounted) = Mounted::new(kind, 512) else { continue };
        let file = mounted.file();
        file.as_file().write_all_at(&[0xEE; 1 << 20], 0).unwrap();
        file.as_file().sync_all().unwrap();
        test(file, kind);
    }
}

/// Whether a thin unit on it says that it can anchor.
fn tells(file: &tempfile::NamedTempFile) -> bool {
    let mut rig = Rig::on(engines()[0], thin(0), file);
    let able = abilities(&mut rig) & 0x02 != 0;
    rig.stop();
    able
}

#[test]
fn anchored_blocks_read_as_zeros_and_keep_their_space() {
    everywhere(|file, kind| {
        // Past the page cache btrfs transfers no less than 4096 bytes.
        let ways: &[bool] = if kind == "btrfs" { &[false] } else { &[false, true] };
        for &direct in ways {
            file.as_file().write_all_at(&[0xEE; 1 << 20], 0).unwrap();
            file.as_file().sync_all().unwrap();
            let before = file.path().metadata().unwrap().blocks();
            let mut rig = Rig::on(engines()[0], DeviceConfig { direct, ..thin(0) }, &file);
            assert_eq!(abilities(&mut rig), 0xE6, "{kind}: it can");
            assert_eq!(anchor(&mut rig, &[(8, 64), (1024, 0), (1024, 1024)]), GOOD, "{kind}");
            let expected = [(0, 8, MAPPED), (8, 64, ANCHORED), (72, 952, MAPPED), (1024, 1024, ANCHORED)];
            assert_eq!(lba_status(&mut rig, 0, 255), expected, "{kind}");
            assert_eq!(rig.run(0, &read_10(7, 2), &[], &[1024]).data, [[0xEE; 512], [0; 512]].concat());
            assert_eq!(rig.run(0, &read_10(8, 64), &[], &[32768]).data, [0; 32768]);
            assert_eq!(lba_status(&mut rig, 0, 255), expected, "{kind}: reading changes nothing");
            assert!(file.path().metadata().unwrap().blocks() >= before, "{kind}: no space was given back");
            // A write is seen at once, also while it is in the page cache only.
            assert_eq!(rig.run(0, &write_10(16, 8), &[&[7; 4096]], &[]).status(), GOOD);
            let expected = [(0, 8, MAPPED), (8, 8, ANCHORED), (16, 8, MAPPED), (24, 48, ANCHORED)];
            assert_eq!(lba_status(&mut rig, 0, 255)[..4], expected, "{kind}");
            assert_eq!(rig.run(0, &read_10(15, 2), &[], &[1024]).data, [[0; 512], [7; 512]].concat());
            // Without ANCHOR anchored blocks are given back, and with it they come back.
            let (cdb, list) = unmap(&[(24, 48)]);
            assert_eq!(rig.run(0, &cdb, &[&list], &[]).status(), GOOD);
            assert_eq!(lba_status(&mut rig, 24, 24), [(24, 48, DEALLOCATED)], "{kind}");
            assert_eq!(anchor(&mut rig, &[(8, 64)]), GOOD);
            assert_eq!(lba_status(&mut rig, 8, 24), [(8, 64, ANCHORED)], "{kind}");
            // Part of what the file system keeps together: the rest keeps its data.
            assert_eq!(anchor(&mut rig, &[(73, 2)]), GOOD);
            let data = rig.run(0, &read_10(72, 4), &[], &[2048]).data;
            assert_eq!(data, [[0xEE; 512], [0; 512], [0; 512], [0xEE; 512]].concat(), "{kind}");
            assert_eq!(lba_status(&mut rig, 72, 24)[0].2, MAPPED, "{kind}");
            rig.stop();
        }
    });
}

#[test]
fn write_same_anchors_zeros_only() {
    everywhere(|file, kind| {
        let mut rig = Rig::on(engines()[0], thin(0), &file);
        let no_data = |flags| [0x93, flags, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0];
        assert_eq!(rig.run(0, &no_data(0x11), &[], &[]).status(), INVALID_FIELD, "ANCHOR without UNMAP");
        assert_eq!(rig.run(0, &no_data(0x19), &[], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &range_10(0x41, 0x18, 32, 8), &[&[0; 512]], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &range_10(0x41, 0x10, 64, 8), &[&[0; 512]], &[]).status(), INVALID_FIELD);
        assert_eq!(rig.run(0, &range_10(0x41, 0x18, 64, 8), &[&[7; 512]], &[]).status(), GOOD);
        let expected = [(0, 8, MAPPED), (8, 8, ANCHORED), (16, 16, MAPPED), (32, 8, ANCHORED)];
        assert_eq!(lba_status(&mut rig, 0, 255)[..4], expected, "{kind}");
        assert_eq!(lba_status(&mut rig, 40, 24), [(40, 2008, MAPPED)], "{kind}");
        assert_eq!(rig.run(0, &read_10(64, 8), &[], &[4096]).data, [7; 4096]);
        rig.stop();
    });
}

#[test]
fn vdisk_svc_dies_and_anchored_blocks_stay() {
    everywhere(|file, kind| {
        let mut rig = Rig::process(vec![(thin(0), Some(open(&file)))]);
        assert_eq!(anchor(&mut rig, &[(0, 1024)]), GOOD, "{kind}");
        assert_eq!(rig.run(0, &write_10(512, 8), &[&[7; 4096]], &[]).status(), GOOD);
        rig.kill();
        assert_eq!(rig.death(), Some(9));
        drop(rig);
        let mut rig = Rig::process(vec![(thin(0), Some(open(&file)))]);
        let expected = [(0, 512, ANCHORED), (512, 8, MAPPED), (520, 504, ANCHORED), (1024, 1024, MAPPED)];
        assert_eq!(lba_status(&mut rig, 0, 255), expected, "{kind}");
        // What has been there before may be below an anchored block: it is written over.
        assert_eq!(rig.run(0, &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
        assert_eq!(lba_status(&mut rig, 0, 255), [(0, 2048, DEALLOCATED)], "{kind}");
        rig.stop();
    });
}

/// Writes to a file from an offset on until its file system is full.
fn fill(file: &std::fs::File, mut offset: u64) {
    let mut data = vec![7; 1 << 20];
    loop {
        match file.write_at(&data, offset) {
            Ok(written) if written > 0 => offset += written as u64,
            _ if data.len() > 4096 => data.truncate(4096),
            _ => return,
        }
    }
}

#[test]
fn anchor_finds_no_space_and_nothing_is_lost() {
    for kind in ["ext4", "xfs"] {
        let Some(mounted) = Mounted::new(kind, 512) else { continue };
        let (file, filler) = (mounted.file(), mounted.file());
        file.as_file().set_len(256 << 20).unwrap();
        file.as_file().write_all_at(&[0xEE; 1 << 20], 0).unwrap();
        file.as_file().sync_all().unwrap();
        let free = || {
            let found = rustix::fs::fstatvfs(filler.as_file()).unwrap();
            found.f_bavail * found.f_frsize
        };
        let keep = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(filler.as_file(), keep, 0, free() - (8 << 20)).unwrap();
        let left = free();
        assert!(left < 16 << 20, "{kind}: {left}");
        let mut rig = Rig::on(engines()[0], thin(0), &file);
        // The first range has data, the second one is a hole that is too large.
        assert_eq!(anchor(&mut rig, &[(0, 1024), (8192, 131_072)]), SPACE_ALLOCATION_FAILED, "{kind}");
        let same = [0x93, 0x19, 0, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        assert_eq!(rig.run(0, &same, &[], &[]).status(), SPACE_ALLOCATION_FAILED, "{kind}");
        assert_eq!(lba_status(&mut rig, 0, 24), [(0, 2048, MAPPED)], "{kind}");
        assert_eq!(rig.run(0, &read_10(0, 1024), &[], &[1 << 19]).data, vec![0xEE; 1 << 19], "{kind}");
        assert_eq!(lba_status(&mut rig, 0x08, 24)[0].2, MAPPED, "{kind}");
        assert!(free() + (1 << 20) > left, "{kind}: nobody else lacks space for it: {left}, now {}", free());
        // Space that is anchored is there when everything else is full.
        assert_eq!(anchor(&mut rig, &[(0, 2048), (16384, 8192)]), GOOD, "{kind}");
        fill(filler.as_file(), 512 << 20);
        for lba in [0_u16, 16384, 16384 + 6144] {
            let cdb = write_10(u32::from(lba), 2048);
            assert_eq!(rig.run(0, &cdb, &[&vec![7; 1 << 20]], &[]).status(), GOOD, "{kind}: {lba}");
            assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD, "{kind}");
        }
        rig.stop();
    }
}

#[test]
fn media_that_do_not_tell_refuse_to_anchor() {
    let Ok(file) = tempfile::NamedTempFile::new_in("/dev/shm") else { return };
    file.as_file().set_len(1 << 20).unwrap();
    let mut rig = Rig::on(engines()[0], thin(0), &file);
    assert_eq!(abilities(&mut rig), 0xE4);
    assert_eq!(anchor(&mut rig, &[(0, 8)]), INVALID_FIELD);
    let no_data = [0x93, 0x19, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0];
    assert_eq!(rig.run(0, &no_data, &[], &[]).status(), INVALID_FIELD);
    assert_eq!(lba_status(&mut rig, 0, 255), [(0, 2048, DEALLOCATED)]);
    rig.stop();
    // What is not thin has neither.
    let mut rig = Rig::on(engines()[0], disk(0), &full());
    assert_eq!(abilities(&mut rig), 0);
    assert_eq!(rig.run(0, &no_data, &[], &[]).status(), INVALID_FIELD);
    rig.stop();
}

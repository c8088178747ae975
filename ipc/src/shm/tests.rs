//! Which segments are mapped, and copying in and out at every offset.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::*;

fn unsealed(bytes: u64) -> OwnedFd {
    let fd = memfd_create("unsealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&fd, bytes).unwrap();
    fd
}

fn refused(fd: &OwnedFd) -> PeerFault {
    match Mapping::new(fd) {
        Err(MapError::Peer(fault)) => fault,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn create_seals_size_and_seals() {
    let fd = create("t", 4097).unwrap();
    assert_eq!(fstat(&fd).unwrap().st_size, 8192);
    let seals = fcntl_get_seals(&fd).unwrap();
    assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL));
    assert!(ftruncate(&fd, 4096).is_err(), "cannot shrink");
    assert!(ftruncate(&fd, 16384).is_err(), "cannot grow");
    assert!(rustix::fs::fcntl_add_seals(&fd, SealFlags::WRITE).is_err(), "no further seals");
}

#[test]
fn create_allocates_every_page() {
    let fd = create("t", 1 << 20).unwrap();
    assert_eq!(fstat(&fd).unwrap().st_blocks * 512, 1 << 20);
}

#[test]
fn new_refuses_an_unsealed_segment() {
    let fd = unsealed(4096);
    assert_eq!(refused(&fd), PeerFault::Segment("not sealed"));
    rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    assert_eq!(refused(&fd), PeerFault::Segment("not sealed"));
    rustix::fs::fcntl_add_seals(&fd, SealFlags::SEAL).unwrap();
    assert_eq!(Mapping::new(&fd).unwrap().size(), 4096);
}

#[test]
fn new_refuses_a_size_that_is_not_pages() {
    for bytes in [0, 1, 4095, 4097] {
        let fd = unsealed(bytes);
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
        assert_eq!(refused(&fd), PeerFault::Segment("size is not a number of pages"), "{bytes}");
    }
}

#[test]
fn new_refuses_what_is_no_memfd() {
    let null: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
    assert_eq!(refused(&null), PeerFault::Segment("not a memfd"));
}

#[test]
fn new_refuses_a_read_only_descriptor() {
    use std::os::fd::AsRawFd;
    let fd = create("t", 4096).unwrap();
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let read_only: OwnedFd = std::fs::File::open(path).unwrap().into();
    assert!(matches!(Mapping::new(&read_only), Err(MapError::Host(_))));
}

#[test]
fn two_mappings_see_the_same_words() {
    let fd = create("t", 4096).unwrap();
    let (a, b) = (Mapping::new(&fd).unwrap(), Mapping::new(&fd).unwrap());
    drop(fd);
    a.word(511).store(0x0102_0304_0506_0708, Ordering::Relaxed);
    assert_eq!(b.word(511).load(Ordering::Relaxed), 0x0102_0304_0506_0708);
}

#[test]
fn read_and_write_at_every_offset_and_length() {
    let map = Mapping::new(create("t", 4096).unwrap()).unwrap();
    let mut model = vec![0u8; 64];
    let mut value = 0u8;
    for offset in 0..24 {
        for len in 0..=40 - offset {
            let bytes: Vec<u8> = (0..len)
                .map(|_| {
                    value = value.wrapping_mul(5).wrapping_add(17);
                    value
                })
                .collect();
            map.write(offset, &bytes);
            model[offset..offset + len].copy_from_slice(&bytes);
            let mut all = vec![0; 64];
            map.read(0, &mut all);
            assert_eq!(all, model, "{len} bytes at {offset}");
            let mut part = vec![0; len];
            map.read(offset, &mut part);
            assert_eq!(part, bytes);
        }
    }
}

#[test]
fn access_past_the_end_panics_and_never_faults() {
    let map = Mapping::new(create("t", 4096).unwrap()).unwrap();
    let out = |f: &dyn Fn()| catch_unwind(AssertUnwindSafe(f)).is_err();
    assert!(out(&|| _ = map.word(512).load(Ordering::Relaxed)));
    assert!(out(&|| _ = map.word(usize::MAX).load(Ordering::Relaxed)));
    assert!(out(&|| _ = map.word(usize::MAX / 8 + 1).load(Ordering::Relaxed)));
    assert!(out(&|| map.read(4090, &mut [0; 7])));
    assert!(out(&|| map.write(4096, &[1])));
    assert!(out(&|| _ = map.pointer(4096, 1)));
    assert!(out(&|| _ = map.pointer(usize::MAX, 2)));
    map.read(4090, &mut [0; 6]);
    map.write(4095, &[1]);
    _ = map.pointer(4096, 0);
}

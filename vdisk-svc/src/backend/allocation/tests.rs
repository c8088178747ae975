//! Holes of a file, made and found.

use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn holes_are_made_and_found() {
    for dir in [std::env::temp_dir(), "/dev/shm".into()] {
        let Ok(file) = tempfile::tempfile_in(&dir) else { continue };
        file.write_all_at(&[7; 65536], 0).unwrap();
        file.set_len(1 << 20).unwrap();
        if extent(&file, 65536, 1 << 20).unwrap().0 {
            eprintln!("skipped: {} does not know holes", dir.display());
            continue;
        }
        assert_eq!(extent(&file, 0, 1 << 20).unwrap(), (true, 65536));
        assert_eq!(extent(&file, 4096, 8192).unwrap(), (true, 8192));
        assert_eq!(extent(&file, 65536, 1 << 20).unwrap(), (false, 1 << 20));
        punch(&file, 4096, 8192 + 512).unwrap();
        assert_eq!(extent(&file, 4096, 1 << 20).unwrap(), (false, 12288));
        assert_eq!(extent(&file, 5000, 6000).unwrap(), (false, 6000));
        let mut bytes = [1; 1024];
        file.read_exact_at(&mut bytes, 12288).unwrap();
        assert_eq!(bytes, [[0; 512], [7; 512]].concat()[..]);
        match zero(&file, 0, 512) {
            Ok(()) => {
                file.read_exact_at(&mut bytes, 0).unwrap();
                assert_eq!(bytes, [[0; 512], [7; 512]].concat()[..]);
            }
            Err(error) => assert!(is_unsupported(&error), "{error}"),
        }
        pre_fetch(&file, 0, 4096).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 1 << 20);
    }
}

/// A file whose file system tells what is reserved; none where temporary files have no such.
fn telling() -> Option<File> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    let tells = tells_reserved(&file);
    if !tells {
        eprintln!("skipped: the file system of temporary files has no FIEMAP");
    }
    tells.then_some(file)
}

#[test]
fn reserved_space_is_told_from_data_also_while_that_is_in_the_page_cache() {
    let Some(file) = telling() else { return };
    let end = 1 << 20;
    let look = |at, cache| place(&file, at, end, cache).unwrap();
    assert_eq!(look(0, Cache::Ask), Look::Found(Place::Hole, end));
    reserve(&file, 65536, 65536).unwrap();
    assert_eq!(look(4096, Cache::Ask), Look::Found(Place::Hole, 65536));
    assert_eq!(look(65536, Cache::Ask), Look::Found(Place::Reserved, 131_072));
    assert_eq!(look(70_000, Cache::Ask), Look::Found(Place::Reserved, 131_072), "in the middle");
    assert_eq!(look(131_072, Cache::Ask), Look::Found(Place::Hole, end));
    file.write_all_at(&[7; 4096], 81_920).unwrap();
    assert_eq!(look(65536, Cache::Ask), Look::Found(Place::Reserved, 81_920));
    // By then the kernel may have written it back by itself.
    let unsure = [Look::Unsure(86_016), Look::Found(Place::Data, 86_016)];
    assert!(unsure.contains(&look(81_920, Cache::Ask)), "{:?}", look(81_920, Cache::Ask));
    assert_eq!(look(81_920, Cache::WriteBack), Look::Found(Place::Data, 86_016));
    assert_eq!(look(81_920, Cache::Written), Look::Found(Place::Data, 86_016));
    // Zeros that were read are in the page cache too.
    file.read_exact_at(&mut [1; 4096], 65536).unwrap();
    assert!(matches!(look(65536, Cache::Ask), Look::Unsure(_)), "{:?}", look(65536, Cache::Ask));
    assert_eq!(look(65536, Cache::WriteBack), Look::Found(Place::Reserved, 81_920));
    // Data that becomes zeros in its place.
    zero(&file, 81_920, 4096).unwrap();
    assert_eq!(look(65536, Cache::WriteBack), Look::Found(Place::Reserved, 131_072));
    assert_eq!(taken(&file, true, 0, end).unwrap(), (false, 65536));
    assert_eq!(taken(&file, true, 65536, end).unwrap(), (true, 131_072));
    assert_eq!(taken(&file, false, 131_072, end).unwrap(), (false, end));
}

#[test]
fn room_is_wanted_for_holes_only() {
    let Some(file) = telling() else { return };
    let free = fstatvfs(&file).unwrap();
    let free = free.f_bavail * free.f_frsize;
    file.set_len(free * 2).unwrap();
    check_room(&file, &[(0, 65536), (1 << 20, 65536)]).unwrap();
    let error = check_room(&file, &[(0, free), (free, free)]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    reserve(&file, 0, 1 << 20).unwrap();
    check_room(&file, &[(0, 1 << 20)]).unwrap();
}

#[test]
fn files_in_memory_and_devices_do_not_tell() {
    if let Ok(file) = tempfile::tempfile_in("/dev/shm") {
        assert!(!tells_reserved(&file));
    }
    assert!(!tells_reserved(&File::open("/dev/zero").unwrap()));
}

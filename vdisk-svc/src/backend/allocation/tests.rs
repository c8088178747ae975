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

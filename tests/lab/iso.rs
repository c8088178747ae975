//! A disc image by hand (ECMA-119): one folder with one file, as much as Linux needs to mount it.

use std::path::Path;

/// Of a sector, and of a logical block.
const SECTOR: usize = 2048;
const ROOT: u32 = 18;
const FILE: u32 = 21;
/// The folder's attribute in its records.
const DIRECTORY: u8 = 2;

/// Writes the image. In the guest, its file is `file.txt`.
pub fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let sectors = FILE + content.len().div_ceil(SECTOR) as u32;
    let mut image = vec![0; sectors as usize * SECTOR];
    let mut put = |sector: u32, offset: usize, bytes: &[u8]| {
        let at = sector as usize * SECTOR + offset;
        image[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let this = record(ROOT, SECTOR, DIRECTORY, &[0]);
    // The primary volume descriptor (8.4), then the end of the set of descriptors (8.3).
    put(16, 0, b"\x01CD001\x01\x00");
    put(16, 8, &[b' '; 64]);
    put(16, 40, b"LAB");
    put(16, 80, &both(sectors));
    for at in [120, 124] {
        put(16, at, &[1, 0, 0, 1]);
    }
    put(16, 128, &[0x00, 0x08, 0x08, 0x00]);
    put(16, 132, &both(10));
    put(16, 140, &19_u32.to_le_bytes());
    put(16, 148, &20_u32.to_be_bytes());
    put(16, 156, &this);
    put(16, 881, &[1]);
    put(17, 0, b"\xffCD001\x01");
    // The folder has itself, its parent, and the file.
    put(ROOT, 0, &this);
    put(ROOT, this.len(), &record(ROOT, SECTOR, DIRECTORY, &[1]));
    put(ROOT, 2 * this.len(), &record(FILE, content.len(), 0, b"FILE.TXT;1"));
    // Path tables (9.4), least significant byte first and most significant byte first.
    put(19, 0, &[1, 0, ROOT as u8, 0, 0, 0, 1, 0, 0, 0]);
    put(20, 0, &[1, 0, 0, 0, 0, ROOT as u8, 0, 1, 0, 0]);
    put(FILE, 0, content);
    std::fs::write(path, image)
}

/// A directory record (9.1).
fn record(sector: u32, length: usize, flags: u8, name: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both(sector));
    record.extend(both(length as u32));
    // 2026-11-01, midnight, UTC.
    record.extend([126, 11, 1, 0, 0, 0, 0]);
    record.extend([flags, 0, 0, 1, 0, 0, 1, name.len() as u8]);
    record.extend(name);
    if record.len() % 2 == 1 {
        record.push(0);
    }
    record[0] = record.len() as u8;
    record
}

/// A number in both orders of bytes (7.3.3).
fn both(number: u32) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

//! GET LBA STATUS and READ DEFECT DATA, byte by byte.

use super::*;

fn run(lba: u64, blocks: u64, status: Provisioning) -> LbaStatus {
    LbaStatus { lba: Lba(lba), blocks: Blocks(blocks), status }
}

#[test]
fn lba_status_bytes() {
    let runs =
        [run(0x1_0000_0000, 8, Provisioning::Mapped), run(0x1_0000_0008, 1 << 33, Provisioning::Deallocated)];
    let expected = [
        0, 0, 0, 36, 0, 0, 0, 0, //
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, //
        0, 0, 0, 1, 0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0,
    ];
    assert_eq!(lba_status(&runs, 255).into_vec(), expected);
    assert_eq!(lba_status(&runs, 12).into_vec(), expected[..12]);
    let anchored = lba_status(&[run(8, 2, Provisioning::Anchored)], 24).into_vec();
    assert_eq!(anchored[8..], [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 2, 0, 0, 0]);
}

#[test]
fn lba_statuses_are_made_as_they_fit() {
    assert_eq!([0, 8, 9, 24, 25, u32::MAX].map(statuses_wanted), [1, 1, 1, 1, 2, 256]);
}

#[test]
fn defect_data_is_empty() {
    let request =
        ReadDefectData { twelve: false, primary: true, grown: false, format: 5, allocation_length: 32 };
    assert_eq!(defect_data(&request).unwrap().into_vec(), [0, 0x15, 0, 0]);
    let request = ReadDefectData { twelve: true, grown: true, format: 0, ..request };
    assert_eq!(defect_data(&request).unwrap().into_vec(), [0, 0x18, 0, 0, 0, 0, 0, 0]);
    let sense = defect_data(&ReadDefectData { format: 7, ..request }).unwrap_err();
    assert_eq!((sense.key.code(), sense.asc.code, sense.asc.qualifier), (0x1, 0x1C, 0x00));
}

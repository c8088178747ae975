//! MODE SENSE data and the pages of a disk, byte by byte as SPC-4 and SBC-3 draw them.

mod cd;
mod parameters;
mod select;

use super::*;
use crate::command::{ModeSense, PageControl};
use crate::path::Path;
use crate::sense::Sense;
use crate::units::{BlockSize, Blocks};

const RECOVERY: [u8; 12] = [0x01, 0x0A, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const RECONNECT: [u8; 16] = [0x02, 0x0E, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const CACHING: [u8; 20] = [0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const CONTROL: [u8; 12] = [0x0A, 0x0A, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0];
const EXTENSION: [u8; 32] = [
    0x4A, 0x01, 0x00, 0x1C, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];
const POWER: [u8; 40] = {
    let mut page = [0; 40];
    page[0] = 0x1A;
    page[1] = 0x26;
    page
};
const EXCEPTIONS: [u8; 12] = [0x1C, 0x0A, 0x00, 0x06, 0, 0, 0, 0, 0, 0, 0, 0];

fn disk() -> DeviceInfo {
    DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(0x0001_0000))
}

fn six(page: u8) -> ModeSense {
    ModeSense {
        ten: false,
        long_lba: false,
        disable_block_descriptors: false,
        page_control: PageControl::Current,
        page,
        subpage: 0,
        allocation_length: 255,
    }
}

fn ask(info: &DeviceInfo, request: ModeSense) -> Result<Vec<u8>, Sense> {
    respond(info, &Path::default(), &ModeParameters::default(), None, &request)
        .map(crate::ParameterData::into_vec)
}

fn bytes(info: &DeviceInfo, request: ModeSense) -> Vec<u8> {
    ask(info, request).unwrap()
}

/// One page, without header and block descriptor.
fn page(info: &DeviceInfo, control: PageControl, code: u8, subpage: u8) -> Vec<u8> {
    let request = ModeSense { disable_block_descriptors: true, page_control: control, subpage, ..six(code) };
    bytes(info, request).split_off(4)
}

#[test]
fn mode_sense_6_all_pages() {
    let pages = [&RECOVERY[..], &RECONNECT, &CACHING, &CONTROL, &POWER, &EXCEPTIONS].concat();
    let head = [123, 0x00, 0x90 & 0x10, 8, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00];
    assert_eq!(bytes(&disk(), six(0x3F)), [&head[..], &pages].concat());
}

#[test]
fn mode_sense_6_all_pages_and_subpages() {
    let pages = [&RECOVERY[..], &RECONNECT, &CACHING, &CONTROL, &EXTENSION, &POWER, &EXCEPTIONS].concat();
    let data = bytes(&disk(), ModeSense { subpage: 0xFF, ..six(0x3F) });
    assert_eq!((data[0], &data[12..]), (155, &pages[..]));
}

#[test]
fn mode_sense_6_one_page_without_block_descriptor() {
    let request = ModeSense { disable_block_descriptors: true, ..six(0x08) };
    assert_eq!(bytes(&disk(), request), [&[23, 0x00, 0x10, 0][..], &CACHING].concat());
    let request = ModeSense { subpage: 0xFF, page: 0x0A, ..request };
    assert_eq!(bytes(&disk(), request), [&[47, 0x00, 0x10, 0][..], &CONTROL, &EXTENSION].concat());
    let request = ModeSense { subpage: 0x01, ..request };
    assert_eq!(bytes(&disk(), request), [&[35, 0x00, 0x10, 0][..], &EXTENSION].concat());
}

#[test]
fn mode_sense_10_short_block_descriptor() {
    let request = ModeSense { ten: true, ..six(0x0A) };
    let head = [0, 26, 0x00, 0x10, 0x00, 0, 0, 8, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00];
    assert_eq!(bytes(&disk(), request), [&head[..], &CONTROL].concat());
}

#[test]
fn mode_sense_10_long_block_descriptor() {
    let request = ModeSense { ten: true, long_lba: true, ..six(0x0A) };
    let head = [0, 34, 0x00, 0x10, 0x01, 0, 0, 16];
    let descriptor = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0x10, 0x00];
    let info = DeviceInfo::disk("d", BlockSize::new(4096).unwrap(), Blocks(1 << 32));
    assert_eq!(bytes(&info, request), [&head[..], &descriptor, &CONTROL].concat());
}

#[test]
fn mode_sense_short_block_descriptor_of_too_many_blocks() {
    let info = DeviceInfo { blocks: Blocks(1 << 32), ..disk() };
    assert_eq!(bytes(&info, six(0x08))[4..8], [0xFF; 4]);
}

#[test]
fn mode_sense_shows_write_protection_and_cache() {
    let info = DeviceInfo { read_only: true, write_cache: false, ..disk() };
    let data = bytes(&info, six(0x08));
    assert_eq!(data[2], 0x90);
    assert_eq!(data[14], 0x00);
    assert_eq!(page(&info, PageControl::Current, 0x01, 0)[2], 0x00, "AWRE and ARRE of what is not written");
}

#[test]
fn header_of_a_path_that_may_not_write_is_write_protected() {
    let path = Path { write_protected: true, ..Path::default() };
    let data = respond(&disk(), &path, &ModeParameters::default(), None, &six(0x08)).unwrap();
    assert_eq!(data.as_slice()[2], 0x90);
}

#[test]
fn mode_pages_of_a_thin_disk_tell_its_threshold() {
    let thin = DeviceInfo { thin_provisioned: true, ..disk() };
    let current = |info: &DeviceInfo, code, subpage| page(info, PageControl::Current, code, subpage);
    // Page length, SITUA zero, 11 reserved bytes; a descriptor that is disabled, of available resources.
    let none = [0x5C, 0x02, 0x00, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x01, 0, 0, 0, 0, 0, 0];
    assert_eq!(current(&thin, 0x1C, 2), none);
    assert_eq!(current(&thin, 0x01, 0), RECOVERY);
    let told = DeviceInfo { threshold: 0x0001_0203, ..thin.clone() };
    let set = [0x5C, 0x02, 0x00, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0, 0, 0, 1, 2, 3];
    assert_eq!(current(&told, 0x1C, 2), set);
    assert_eq!(current(&told, 0x01, 0), [0x01, 0x0A, 0xC0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0], "LBPERE");
    let both = [&EXCEPTIONS[..], &set].concat();
    assert_eq!(current(&told, 0x1C, 0xFF), both);
    let nothing = page(&told, PageControl::Changeable, 0x1C, 2);
    assert_eq!((&nothing[..4], &nothing[4..]), (&[0x5C, 0x02, 0x00, 0x14][..], &[0; 20][..]));
    let request = ModeSense { subpage: 2, ..six(0x1C) };
    assert_eq!(ask(&disk(), request), Err(Sense::invalid_field_in_cdb(3, None)), "not thin");
}

#[test]
fn mode_sense_changeable_of_each_page() {
    let changeable = |code, subpage| page(&disk(), PageControl::Changeable, code, subpage);
    let nothing = |page: &[u8], header: usize| {
        let mut mask = page.to_vec();
        mask[header..].fill(0);
        mask
    };
    assert_eq!(changeable(0x01, 0), nothing(&RECOVERY, 2));
    assert_eq!(changeable(0x02, 0), nothing(&RECONNECT, 2));
    assert_eq!(changeable(0x08, 0), CACHING, "WCE alone");
    // TST 001b, TMF_ONLY, DPICZ, D_SENSE; QUEUE ALGORITHM MODIFIER 1h, QERR; UA_INTLCK_CTRL, SWP; TAS.
    assert_eq!(changeable(0x0A, 0), [0x0A, 0x0A, 0x3C, 0x16, 0x38, 0x40, 0, 0, 0, 0, 0, 0]);
    assert_eq!(changeable(0x0A, 1), nothing(&EXTENSION, 4));
    assert_eq!(changeable(0x1A, 0), nothing(&POWER, 2));
    // EWASC, DEXCPT, TEST; MRIE 0h and 6h.
    assert_eq!(changeable(0x1C, 0), [0x1C, 0x0A, 0x1C, 0x06, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn mode_sense_default_and_current_are_the_same_before_mode_select() {
    let request = ModeSense { subpage: 0xFF, ..six(0x3F) };
    let default = ModeSense { page_control: PageControl::Default, ..request };
    assert_eq!(bytes(&disk(), default), bytes(&disk(), request));
}

#[test]
fn mode_sense_saved_values() {
    let request = ModeSense { page_control: PageControl::Saved, ..six(0x0A) };
    assert_eq!(ask(&disk(), request), Err(Sense::saving_parameters_not_supported(2, Some(7))));
    let none = ModeParameters::default();
    let data =
        respond(&disk(), &Path::default(), &none, Some(&none), &ModeSense { page: 0x3F, ..request }).unwrap();
    let codes: Vec<u8> = [12, 24, 40, 60, 72, 112].map(|at| data.as_slice()[at]).to_vec();
    assert_eq!(codes, [0x01, 0x02, 0x88, 0x8A, 0x1A, 0x9C], "PS of what can be changed");
}

#[test]
fn mode_sense_truncated_keeps_the_mode_data_length() {
    let cut = ModeSense { allocation_length: 4, ..six(0x3F) };
    assert_eq!(bytes(&disk(), cut), [123, 0x00, 0x10, 8]);
    let cut = ModeSense { ten: true, allocation_length: 2, ..six(0x3F) };
    assert_eq!(bytes(&disk(), cut), [0, 126]);
    let nothing = ModeSense { allocation_length: 0, ..six(0x3F) };
    assert_eq!(bytes(&disk(), nothing), []);
}

#[test]
fn mode_sense_unknown_page_or_subpage_is_an_invalid_field() {
    assert_eq!(ask(&disk(), six(0x1D)), Err(Sense::invalid_field_in_cdb(2, Some(5))));
    assert_eq!(ask(&disk(), six(0x2A)), Err(Sense::invalid_field_in_cdb(2, Some(5))), "a page of a CD");
    for request in [six(0x0A), six(0x3F)] {
        let subpage = ModeSense { subpage: 2, ..request };
        assert_eq!(ask(&disk(), subpage), Err(Sense::invalid_field_in_cdb(3, None)));
    }
}

#[test]
fn pages_stand_in_order_and_fit() {
    let info = [disk(), DeviceInfo { device_type: DeviceType::CdDvd, ..disk() }];
    for info in &info {
        let order: Vec<_> =
            PAGES.iter().filter(|page| page.is_of(info)).map(|page| (page.code, page.subpage)).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:02x?}");
    }
    for page in &PAGES {
        assert!(page.len <= LONGEST);
        assert!(page.changeable.iter().all(|&(at, _)| (page.header_len()..page.len).contains(&at)));
        assert_eq!((page.check)(&page.defaults(&disk())), Ok(()));
    }
}

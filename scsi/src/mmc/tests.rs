//! CD answers, byte by byte as MMC-6 draws them.

use super::*;
use crate::cdb::Cdb;
use crate::command::Command;
use crate::device_info::DeviceType;
use crate::sense::Sense;
use crate::units::{BlockSize, Blocks};

const LOADED: Disc = Disc { present: true, open: false, held: false };
const OPEN: Disc = Disc { present: false, open: true, held: false };

/// A CD of 1 minute, 2 seconds and 3 frames: 4653 blocks.
fn cd() -> DeviceInfo {
    DeviceInfo {
        device_type: DeviceType::CdDvd,
        read_only: true,
        removable: true,
        ..DeviceInfo::disk("cd", BlockSize::new(2048).unwrap(), Blocks(4653))
    }
}

fn dvd() -> DeviceInfo {
    DeviceInfo { blocks: Blocks(2_000_000), ..cd() }
}

/// What a drive answers to a CDB.
fn answer(info: &DeviceInfo, disc: Disc, event: MediaEvent, cdb: &[u8]) -> Result<Vec<u8>, Sense> {
    let command = Command::decode(&Cdb::new(cdb)?)?;
    let data = match command {
        Command::ReadToc(request) => table_of_contents(info, &request)?,
        Command::GetConfiguration(request) => configuration(info, disc, &request),
        Command::GetEventStatus(request) => event_status(disc, event, &request),
        Command::ReadDiscInformation { allocation_length } => disc_information(allocation_length),
        Command::ReadTrackInformation(request) => track_information(info, &request)?,
        Command::MechanismStatus { allocation_length } => mechanism_status(disc, allocation_length),
        Command::ReadFormatCapacities { allocation_length } => {
            format_capacities(info, disc, allocation_length)
        }
        other => panic!("{other:?}"),
    };
    Ok(data.into_vec())
}

fn ask(cdb: &[u8]) -> Vec<u8> {
    answer(&cd(), LOADED, MediaEvent::NoChange, cdb).unwrap()
}

fn refused(cdb: &[u8]) -> Sense {
    answer(&cd(), LOADED, MediaEvent::NoChange, cdb).unwrap_err()
}

#[test]
fn format_capacities_with_a_medium_and_without() {
    let cdb = [0x23, 0, 0, 0, 0, 0, 0, 0, 255, 0];
    // 4653 blocks of 2048 bytes; DESCRIPTOR TYPE 10b: formatted media.
    assert_eq!(ask(&cdb), [0, 0, 0, 8, 0x00, 0x00, 0x12, 0x2D, 0x02, 0x00, 0x08, 0x00]);
    let none = answer(&cd(), OPEN, MediaEvent::NoChange, &cdb).unwrap();
    assert_eq!(none, [0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, 0x00, 0x08, 0x00], "11b: no media present");
}

#[test]
fn toc_in_blocks_and_in_time() {
    let header = [0x00, 0x12, 1, 1];
    let track = [0x00, 0x14, 1, 0x00, 0, 0, 0, 0];
    let lead_out = [0x00, 0x14, 0xAA, 0x00, 0x00, 0x00, 0x12, 0x2D];
    assert_eq!(ask(&[0x43, 0, 0, 0, 0, 0, 0, 0, 255, 0]), [&header[..], &track, &lead_out].concat());
    assert_eq!(ask(&[0x43, 0, 0, 0, 0, 0, 1, 0, 255, 0]), [&header[..], &track, &lead_out].concat());
    assert_eq!(ask(&[0x43, 0, 0, 0, 0, 0, 0xAA, 0, 255, 0]), [&[0x00, 0x0A, 1, 1][..], &lead_out].concat());
    let times = [&header[..], &[0, 0x14, 1, 0, 0, 0, 2, 0], &[0, 0x14, 0xAA, 0, 0, 1, 4, 3]].concat();
    assert_eq!(ask(&[0x43, 2, 0, 0, 0, 0, 0, 0, 255, 0]), times);
    assert_eq!(ask(&[0x43, 0, 0, 0, 0, 0, 0, 0, 4, 0]), header, "truncated");
    assert_eq!(refused(&[0x43, 0, 0, 0, 0, 0, 2, 0, 255, 0]), Sense::invalid_field_in_cdb(6, None));
}

#[test]
fn toc_session_information_in_both_places_of_the_format() {
    let session = [0x00, 0x0A, 1, 1, 0x00, 0x14, 1, 0x00, 0, 0, 0, 0];
    assert_eq!(ask(&[0x43, 0, 1, 0, 0, 0, 0, 0, 255, 0]), session);
    assert_eq!(ask(&[0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40]), session, "as SFF-8020 had it");
}

#[test]
fn toc_full() {
    let expected = [
        &[0x00, 0x2E, 1, 1][..],
        &[1, 0x14, 0, 0xA0, 0, 0, 0, 0, 1, 0, 0],
        &[1, 0x14, 0, 0xA1, 0, 0, 0, 0, 1, 0, 0],
        &[1, 0x14, 0, 0xA2, 0, 0, 0, 0, 1, 4, 3],
        &[1, 0x14, 0, 0x01, 0, 0, 0, 0, 0, 2, 0],
    ];
    assert_eq!(ask(&[0x43, 2, 2, 0, 0, 0, 0, 0, 255, 0]), expected.concat());
    for format in [3, 4, 5] {
        assert_eq!(
            refused(&[0x43, 2, format, 0, 0, 0, 0, 0, 255, 0]),
            Sense::invalid_field_in_cdb(2, Some(3))
        );
    }
}

#[test]
fn toc_of_more_than_255_minutes_is_cut_off() {
    let data = answer(&dvd(), LOADED, MediaEvent::NoChange, &[0x43, 2, 0, 0, 0, 0, 0xAA, 0, 255, 0]).unwrap();
    assert_eq!(data[8..], [0, 255, 59, 74]);
}

#[test]
fn configuration_with_a_cd() {
    let expected = [
        &[0, 0, 0, 80, 0, 0, 0x00, 0x08][..],
        &[0x00, 0x00, 0x03, 8, 0x00, 0x10, 0, 0, 0x00, 0x08, 1, 0],
        &[0x00, 0x01, 0x0B, 8, 0, 0, 0, 1, 0, 0, 0, 0],
        &[0x00, 0x02, 0x07, 4, 0, 0, 0, 0],
        &[0x00, 0x03, 0x03, 4, 0x29, 0, 0, 0],
        &[0x00, 0x10, 0x01, 8, 0, 0, 8, 0, 0, 1, 0, 0],
        &[0x00, 0x1E, 0x09, 4, 0, 0, 0, 0],
        &[0x00, 0x1F, 0x04, 4, 0, 0, 0, 0],
        &[0x01, 0x00, 0x03, 0],
        &[0x01, 0x05, 0x03, 0],
    ];
    let all = expected.concat();
    assert_eq!(ask(&[0x46, 0, 0, 0, 0, 0, 0, 1, 0, 0]), all);
}

#[test]
fn configuration_of_chosen_features() {
    let one = ask(&[0x46, 2, 0x00, 0x03, 0, 0, 0, 1, 0, 0]);
    assert_eq!(one, [0, 0, 0, 12, 0, 0, 0, 8, 0x00, 0x03, 0x03, 4, 0x29, 0, 0, 0]);
    assert_eq!(ask(&[0x46, 2, 0x00, 0x21, 0, 0, 0, 1, 0, 0]), [0, 0, 0, 4, 0, 0, 0, 8], "no such feature");
    let empty = answer(&cd(), OPEN, MediaEvent::NoChange, &[0x46, 1, 0x00, 0x10, 0, 0, 0, 1, 0, 0]).unwrap();
    let header = [0, 0, 0, 12, 0, 0, 0x00, 0x00];
    assert_eq!(empty, [&header[..], &[0x01, 0x00, 0x03, 0], &[0x01, 0x05, 0x03, 0]].concat(), "current ones");
    let profile = answer(&dvd(), LOADED, MediaEvent::NoChange, &[0x46, 2, 0, 0, 0, 0, 0, 0, 16, 0]).unwrap();
    assert_eq!(profile[6..], [0x00, 0x10, 0x00, 0x00, 0x03, 8, 0x00, 0x10, 1, 0]);
    assert_eq!(refused(&[0x46, 3, 0, 0, 0, 0, 0, 1, 0, 0]), Sense::invalid_field_in_cdb(1, Some(1)));
}

#[test]
fn event_status_of_media() {
    let poll =
        |disc, event, classes| answer(&cd(), disc, event, &[0x4A, 1, 0, 0, classes, 0, 0, 0, 8, 0]).unwrap();
    assert_eq!(poll(LOADED, MediaEvent::NewMedia, 0x10), [0, 6, 0x04, 0x10, 2, 0x02, 0, 0]);
    assert_eq!(poll(OPEN, MediaEvent::MediaRemoval, 0xFF), [0, 6, 0x04, 0x10, 3, 0x01, 0, 0]);
    assert_eq!(poll(LOADED, MediaEvent::EjectRequest, 0x10), [0, 6, 0x04, 0x10, 1, 0x02, 0, 0]);
    assert_eq!(poll(LOADED, MediaEvent::NewMedia, 0x02), [0, 2, 0x80, 0x10], "a class that there is not");
    assert_eq!(refused(&[0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8, 0]), Sense::invalid_field_in_cdb(1, Some(0)));
}

#[test]
fn disc_information_of_a_complete_disc() {
    let mut expected = [0; 34];
    expected[..8].copy_from_slice(&[0x00, 0x20, 0x0E, 1, 1, 1, 1, 0x20]);
    expected[16..24].copy_from_slice(&[0xFF; 8]);
    assert_eq!(ask(&[0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0]), expected);
    assert_eq!(ask(&[0x51, 0, 0, 0, 0, 0, 0, 0, 2, 0]), [0x00, 0x20]);
    assert_eq!(refused(&[0x51, 1, 0, 0, 0, 0, 0, 0, 34, 0]), Sense::invalid_field_in_cdb(1, Some(2)));
}

#[test]
fn track_information_of_the_one_track() {
    let mut expected = [0; 36];
    expected[..8].copy_from_slice(&[0x00, 0x22, 1, 1, 0, 0x04, 0x01, 0]);
    expected[24..28].copy_from_slice(&[0x00, 0x00, 0x12, 0x2D]);
    for cdb in [
        [0x52, 0, 0, 0, 0x12, 0x2C, 0, 0, 36, 0],
        [0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0],
        [0x52, 2, 0, 0, 0, 1, 0, 0, 36, 0],
    ] {
        assert_eq!(ask(&cdb), expected);
    }
    let field = Sense::invalid_field_in_cdb(2, None);
    assert_eq!(refused(&[0x52, 0, 0, 0, 0x12, 0x2D, 0, 0, 36, 0]), field, "behind the end");
    assert_eq!(refused(&[0x52, 1, 0, 0, 0, 2, 0, 0, 36, 0]), field);
}

#[test]
fn mechanism_status_shows_the_door() {
    let status = |disc| {
        let cdb = [0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0];
        answer(&cd(), disc, MediaEvent::NoChange, &cdb).unwrap()
    };
    assert_eq!(status(LOADED), [0; 8]);
    assert_eq!(status(OPEN), [0, 0x10, 0, 0, 0, 0, 0, 0]);
}

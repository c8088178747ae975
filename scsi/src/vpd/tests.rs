//! Vital product data pages, byte by byte.

use super::*;
use crate::device_info::{Ascii, Eui64, Naa, Names, Port, ScsiName, Tpgs};
use crate::units::{BlockSize, Blocks};

fn disk() -> DeviceInfo {
    DeviceInfo {
        vendor: Ascii::new("ACME").unwrap(),
        product: Ascii::new("Rocket Disk").unwrap(),
        serial: Ascii::new("SN42").unwrap(),
        names: Names {
            naa: Naa::locally_assigned(0x0123_4567_89AB_CDEF),
            t10: Ascii::new("ACME    Rocket Disk     SN42").unwrap(),
            ..Names::from_name("disk0")
        },
        ..DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(1000))
    }
}

fn port(relative: u16, group: u16, device: &str, port: &str) -> Port {
    let (device, name) = (ScsiName::new(device).unwrap(), ScsiName::new(port).unwrap());
    Port { relative, group, protocol: 5, device, name }
}

/// A unit with all that a manifest can say.
fn everything() -> DeviceInfo {
    DeviceInfo {
        names: Names {
            naa: Naa::new(&[0x60, 0x01, 0x40, 0x5A, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap(),
            eui64: Eui64::new(&[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]),
            t10: Ascii::new("ACME    disk-a").unwrap(),
            scsi_name: ScsiName::new("naa.6001405abcdef012"),
        },
        ports: vec![
            port(3, 9, "iqn.2026-11.org.ex:d", "iqn.2026-11.org.ex:d,t,0x0001"),
            port(4, 9, "iqn.2026-11.org.ex:e", "iqn.2026-11.org.ex:e,t,0x0002"),
        ],
        tpgs: Tpgs::Both,
        unit_group: Some(2),
        management_url: "https://192.0.2.1/".to_owned(),
        ..disk()
    }
}

fn bytes(info: &DeviceInfo, code: u8) -> Vec<u8> {
    page(info, &Path { port: 3, port_group: 9, ..Path::default() }, code, 0xFFFF).unwrap().into_vec()
}

#[test]
fn supported_pages_bytes() {
    assert_eq!(
        bytes(&disk(), 0x00),
        [0x00, 0x00, 0, 9, 0x00, 0x80, 0x83, 0x86, 0x87, 0x8F, 0xB0, 0xB1, 0xB2]
    );
}

#[test]
fn supported_pages_can_all_be_read() {
    let mut before = None;
    for &code in &bytes(&everything(), 0x00)[4..] {
        let data = bytes(&everything(), code);
        assert_eq!(data[..2], [0x00, code]);
        assert_eq!(usize::from(u16::from_be_bytes([data[2], data[3]])), data.len() - 4);
        assert!(before < Some(code), "in ascending order");
        before = Some(code);
    }
}

#[test]
fn unit_serial_number_bytes() {
    assert_eq!(bytes(&disk(), 0x80), b"\x00\x80\x00\x04SN42");
}

#[test]
fn device_identification_bytes() {
    let expected = [
        &[0x00, 0x83, 0, 52][..],
        &[0x01, 0x03, 0x00, 0x08, 0x31, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF],
        &[0x02, 0x01, 0x00, 28],
        b"ACME    Rocket Disk     SN42",
        // ASSOCIATION target port, relative target port identifier 3.
        &[0x01, 0x14, 0x00, 0x04, 0x00, 0x00, 0x00, 0x03],
    ];
    assert_eq!(bytes(&disk(), 0x83), expected.concat());
}

#[test]
fn device_identification_with_every_designator_bytes() {
    let expected = [
        &[0x00, 0x83, 0x00, 0xA6][..],
        // Logical unit: NAA, IEEE registered extended.
        &[0x01, 0x03, 0x00, 0x10, 0x60, 0x01, 0x40, 0x5A, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        // EUI-64.
        &[0x01, 0x02, 0x00, 0x08, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77],
        // T10 vendor identification.
        &[0x02, 0x01, 0x00, 14],
        b"ACME    disk-a",
        // SCSI name string, UTF-8.
        &[0x03, 0x08, 0x00, 24],
        b"naa.6001405abcdef012\0\0\0\0",
        // Logical unit group 2.
        &[0x01, 0x06, 0x00, 0x04, 0x00, 0x00, 0x00, 0x02],
        // Relative target port 3, target port group 9.
        &[0x01, 0x14, 0x00, 0x04, 0x00, 0x00, 0x00, 0x03],
        &[0x01, 0x15, 0x00, 0x04, 0x00, 0x00, 0x00, 0x09],
        // Target port and target device: iSCSI, PIV, SCSI name string.
        &[0x53, 0x98, 0x00, 32],
        b"iqn.2026-11.org.ex:d,t,0x0001\0\0\0",
        &[0x53, 0xA8, 0x00, 24],
        b"iqn.2026-11.org.ex:d\0\0\0\0",
    ];
    assert_eq!(bytes(&everything(), 0x83), expected.concat());
}

#[test]
fn management_network_addresses_bytes() {
    let expected = [&[0x00, 0x85, 0, 24, 0x41, 0x00, 0x00, 20][..], b"https://192.0.2.1/\0\0"];
    assert_eq!(bytes(&everything(), 0x85), expected.concat());
    assert!(page(&disk(), &Path::default(), 0x85, 255).is_err(), "without an address there is no page");
}

#[test]
fn mode_page_policy_bytes() {
    assert_eq!(bytes(&disk(), 0x87), [0x00, 0x87, 0, 4, 0x3F, 0xFF, 0x00, 0x00]);
}

#[test]
fn scsi_ports_bytes() {
    let expected = [
        &[0x00, 0x88, 0, 96][..],
        // Relative port 3, no TransportID, 36 bytes of designation descriptors.
        &[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 36, 0x53, 0x98, 0x00, 32],
        b"iqn.2026-11.org.ex:d,t,0x0001\0\0\0",
        &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 36, 0x53, 0x98, 0x00, 32],
        b"iqn.2026-11.org.ex:e,t,0x0002\0\0\0",
    ];
    assert_eq!(bytes(&everything(), 0x88), expected.concat());
}

#[test]
fn extended_inquiry_data_bytes() {
    let cached = bytes(&disk(), 0x86);
    assert_eq!(cached[..14], [0x00, 0x86, 0, 0x3C, 0x00, 0x07, 0x01, 0x01, 0x08, 0, 0, 0, 0, 96]);
    assert_eq!(cached[14..], [0; 50]);
    let through = DeviceInfo { write_cache: false, ..disk() };
    assert_eq!(bytes(&through, 0x86)[6], 0x00);
    let lasting = DeviceInfo { write_cache: false, nv_cache: true, ..disk() };
    assert_eq!(bytes(&lasting, 0x86)[6], 0x02, "NV_SUP");
}

#[test]
fn pages_of_block_devices_are_not_those_of_a_cd_drive() {
    let drive = DeviceInfo { device_type: DeviceType::CdDvd, ..disk() };
    assert_eq!(bytes(&drive, 0x00), [0x05, 0x00, 0, 5, 0x00, 0x80, 0x83, 0x86, 0x87]);
    assert!(page(&drive, &Path::default(), 0xB0, 255).is_err());
}

#[test]
fn block_limits_bytes() {
    let info = DeviceInfo {
        max_transfer: Blocks(0x0001_0000),
        optimal_transfer: Blocks(0x800),
        optimal_granularity: 8,
        ..disk()
    };
    let data = bytes(&info, 0xB0);
    assert_eq!(data[..16], [0x00, 0xB0, 0, 0x3C, 0x01, 0xFF, 0, 8, 0, 1, 0, 0, 0, 0, 8, 0]);
    assert_eq!(data[16..36], [0; 20], "no UNMAP");
    assert_eq!(data[36..44], [0, 0, 0, 0, 0, 0, 0xFF, 0xFF], "WRITE SAME");
    assert_eq!(data[44..], [&[0, 0, 8, 0][..], &[0; 16]].concat(), "atomic writes of 1 MiB");
}

#[test]
fn block_limits_of_a_thin_unit() {
    let data = bytes(&DeviceInfo { thin_provisioned: true, ..disk() }, 0xB0);
    let unmap = [0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0];
    assert_eq!(data[16..36], unmap, "2^20 blocks, 256 descriptors, 4 KiB at once");
    let large = DeviceInfo {
        thin_provisioned: true,
        ..DeviceInfo::disk("d", BlockSize::new(65536).unwrap(), Blocks(9))
    };
    let data = bytes(&large, 0xB0);
    assert_eq!((data[5], &data[20..24], &data[44..48]), (16, &[0, 1, 0, 0][..], &[0, 0, 0, 16][..]));
    assert_eq!(data[28..32], [0, 0, 0, 1]);
}

#[test]
fn pages_of_a_thin_unit() {
    let thin = DeviceInfo { thin_provisioned: true, ..disk() };
    assert_eq!(bytes(&thin, 0xB2), [0x00, 0xB2, 0, 4, 11, 0xE4, 0x02, 0]);
    let anchors = DeviceInfo { anchors: true, ..thin.clone() };
    assert_eq!(
        bytes(&anchors, 0xB2),
        [0x00, 0xB2, 0, 4, 11, 0xE6, 0x02, 0],
        "LBPU, LBPWS, LBPWS10, LBPRZ, ANC_SUP"
    );
    let thick = DeviceInfo { anchors: true, ..disk() };
    assert_eq!(bytes(&thick, 0xB2), [0x00, 0xB2, 0, 4, 0, 0, 0, 0]);
    assert_eq!(bytes(&thin, 0xB1)[4..8], [0x00, 0x01, 0x00, 0x40], "blocks can be read after a block erase");
    assert_eq!(bytes(&thin, 0xB1)[8..], [&[0x03][..], &[0; 55]].concat(), "FUAB and VBULS");
}

#[test]
fn block_limits_too_large_for_the_field_means_no_limit() {
    let info = DeviceInfo { max_transfer: Blocks(1 << 32), ..disk() };
    assert_eq!(bytes(&info, 0xB0)[8..12], [0; 4]);
}

#[test]
fn block_device_characteristics_bytes() {
    let solid = bytes(&disk(), 0xB1);
    assert_eq!(solid[..6], [0x00, 0xB1, 0, 0x3C, 0x00, 0x01]);
    assert_eq!(solid[6..], [&[0, 0, 0x02][..], &[0; 55]].concat(), "FUAB");
    let turning = DeviceInfo { rotational: true, ..disk() };
    assert_eq!(bytes(&turning, 0xB1)[4..6], [0x1C, 0x20]);
}

#[test]
fn logical_block_provisioning_bytes() {
    assert_eq!(bytes(&disk(), 0xB2), [0x00, 0xB2, 0, 4, 0, 0, 0, 0]);
}

#[test]
fn page_truncated_keeps_the_page_length() {
    let data = page(&disk(), &Path::default(), 0xB0, 4).unwrap();
    assert_eq!(data.as_slice(), [0x00, 0xB0, 0x00, 0x3C]);
}

#[test]
fn page_unknown_is_an_invalid_field() {
    assert_eq!(page(&disk(), &Path::default(), 0x84, 255), Err(Sense::invalid_field_in_cdb(2, None)));
}

#[test]
fn third_party_copy_bytes() {
    let data = bytes(&disk(), 0x8F);
    let expected = [
        &[0x00, 0x8F, 0, 132][..],
        // Supported Commands: EXTENDED COPY(LID1), four service actions of RECEIVE COPY RESULTS.
        &[0x00, 0x01, 0, 12, 9, 0x83, 1, 0x00, 0x84, 4, 0x00, 0x01, 0x03, 0x04, 0, 0],
        // Parameter Data: 16 targets, 256 segments, 7680 bytes, no inline data.
        &[0x00, 0x04, 0, 28, 0, 0, 0, 0, 0, 16, 1, 0, 0, 0, 0x1E, 0x00],
        &[0; 16],
        // Supported Descriptors.
        &[0x00, 0x08, 0, 4, 2, 0x02, 0xE4, 0],
        // Supported CSCD Descriptor IDs.
        &[0x00, 0x0C, 0, 4, 0, 0, 0, 0],
        // General Copy Operations: 32 at a time, 256 MiB a segment.
        &[0x80, 0x01, 0, 32, 0, 0, 0, 32, 0, 0, 0, 32, 0x10, 0, 0, 0],
        &[0; 20],
        // Held Data.
        &[0xC0, 0x01, 0, 28],
        &[0; 28],
    ];
    assert_eq!(data, expected.concat());
    let drive = DeviceInfo { device_type: DeviceType::CdDvd, ..disk() };
    let refused = page(&drive, &Path::default(), 0x8F, 255);
    assert_eq!(refused, Err(Sense::invalid_field_in_cdb(2, None)));
}

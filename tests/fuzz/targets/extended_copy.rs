//! EXTENDED COPY: any parameter list, any Device Identification page, any failure. A list that is accepted says what stands
//! at the places of the standard (SPC-4 6.4.3), and nothing else in it or after it matters; sense data of a failure is
//! whole, whatever a unit has answered.
#![no_main]

use bulkhead_fuzz::{Bytes, points_into};
use libfuzzer_sys::fuzz_target;
use scsi::asc::Asc;
use scsi::extended_copy::designator::Identity;
use scsi::extended_copy::failure::{CopyAborted, Side, ThirdParty};
use scsi::extended_copy::{ListIdUsage, ParameterList, Segment, Target};
use scsi::sense::{Sense, SenseKey};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.u8() % 4 {
        0 => {
            let _ = Identity::parse(bytes.0);
        }
        1 => failure(&mut bytes),
        2 => list(bytes.0),
        _ => list(&made(&mut bytes)),
    }
});

/// A list whose lengths are right, so that its descriptors are reached at once.
fn made(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (id, flags) = (bytes.u8(), bytes.u8());
    let (targets, segments) = (bytes.u8() % 18, u16::from(bytes.u8()) + u16::from(bytes.u8()) % 4);
    let mut list = vec![id, flags];
    list.extend((u16::from(targets) * 32).to_be_bytes());
    list.extend([0; 4]);
    list.extend((u32::from(segments) * 28).to_be_bytes());
    list.extend([0; 4]);
    for _ in 0..targets {
        let mut target = [0; 32];
        let piece = bytes.take(32);
        target[..piece.len()].copy_from_slice(piece);
        target[0] = if target[0] == 0xFF { 0xE0 } else { 0xE4 };
        list.extend(target);
    }
    for _ in 0..segments {
        let mut segment = [0_u8; 28];
        let piece = bytes.take(28);
        segment[..piece.len()].copy_from_slice(piece);
        let code = if segment[0] == 0xFF { 0x01 } else { 0x02 };
        segment =
            [[code, segment[1], 0, 24].as_slice(), &segment[4..]].concat().try_into().expect("28 bytes");
        list.extend(segment);
    }
    list
}

fn list(bytes: &[u8]) {
    let list = match ParameterList::parse(bytes) {
        Ok(list) => list,
        Err(sense) => return points_into(&sense, bytes.len()),
    };
    assert!(list.targets.len() <= 16 && list.segments.len() <= 256);
    let length = 16 + list.targets.len() * 32 + list.segments.len() * 28;
    assert!(length <= bytes.len());
    assert!(ParameterList::parse(&bytes[..length - 1]).is_err(), "a list that is cut off");
    let plain = plain(&bytes[..length], &list);
    assert_eq!(
        ParameterList::parse(&plain).as_ref(),
        Ok(&list),
        "not the same without what it says nothing of"
    );
    for (target, descriptor) in list.targets.iter().zip(bytes[16..].chunks(32)) {
        // A unit has the name that is asked for if it has a designator with these bytes for itself.
        let name = &descriptor[8..8 + usize::from(descriptor[7])];
        let mut page =
            vec![0, 0x83, 0, 4 + name.len() as u8, descriptor[4] & 0x0F, descriptor[5], 0, name.len() as u8];
        page.extend(name);
        let identity = Identity::parse(&page).expect("a page");
        assert_eq!(identity.has(&target.designator), descriptor[5] & 0x30 == 0);
    }
}

/// The list with only what it means: fields from `list`, names from its bytes.
fn plain(bytes: &[u8], list: &ParameterList) -> Vec<u8> {
    let usage = match list.usage {
        ListIdUsage::Hold => 0b00,
        ListIdUsage::Discard => 0b10,
        ListIdUsage::Disable => 0b11,
    };
    let mut plain = vec![list.list_id, usage << 3];
    plain.extend((list.targets.len() as u16 * 32).to_be_bytes());
    plain.extend([0; 4]);
    plain.extend((list.segments.len() as u32 * 28).to_be_bytes());
    plain.extend([0; 4]);
    for (target, from) in list.targets.iter().zip(bytes[16..].chunks(32)) {
        let Target { device_type, null, pad, block_length, .. } = *target;
        let mut descriptor = [0; 32];
        descriptor[0] = 0xE4;
        descriptor[1] = device_type | u8::from(null) << 5;
        descriptor[4] = from[4] & 0x0F;
        descriptor[5] = from[5] & 0x3F;
        let length = usize::from(from[7]);
        descriptor[7] = from[7];
        descriptor[8..8 + length].copy_from_slice(&from[8..8 + length]);
        descriptor[28..].copy_from_slice(&block_length.to_be_bytes());
        assert_eq!(descriptor[28], 0, "a field of three bytes");
        descriptor[28] = u8::from(pad) << 2;
        plain.extend(descriptor);
    }
    for segment in &list.segments {
        let Segment {
            destination_count,
            concatenate,
            source,
            destination,
            blocks,
            source_lba,
            destination_lba,
        } = *segment;
        plain.extend([0x02, u8::from(destination_count) << 1 | u8::from(concatenate), 0, 24]);
        plain.extend(source.to_be_bytes());
        plain.extend(destination.to_be_bytes());
        plain.extend([0, 0]);
        plain.extend(blocks.to_be_bytes());
        plain.extend(source_lba.to_be_bytes());
        plain.extend(destination_lba.to_be_bytes());
    }
    plain
}

fn failure(bytes: &mut Bytes<'_>) {
    let flags = bytes.u8();
    let aborted = CopyAborted {
        asc: Asc { code: bytes.u8(), qualifier: bytes.u8() },
        segment: bytes.u16(),
        residue: (flags & 1 != 0).then(|| bytes.u32()),
        field: (flags & 2 != 0).then(|| (bytes.u16(), (flags & 4 != 0).then_some(flags >> 5))),
        third_party: (flags & 8 != 0).then(|| ThirdParty {
            side: if flags & 16 != 0 { Side::Source } else { Side::Destination },
            status: bytes.u8(),
            sense: bytes.0.to_vec(),
        }),
    };
    for descriptor in [false, true] {
        let encoded = aborted.encode(descriptor);
        let encoded = encoded.as_slice();
        assert_eq!(usize::from(encoded[7]) + 8, encoded.len(), "ADDITIONAL SENSE LENGTH");
        let read = Sense::parse(encoded).expect("sense data");
        assert_eq!((read.key, read.asc), (SenseKey::CopyAborted, aborted.asc));
        assert_eq!(read.information, aborted.residue.map(u64::from));
    }
}

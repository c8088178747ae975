//! Parameter lists without a state: UNMAP, SANITIZE, FORMAT UNIT, LOG SELECT, SET TARGET PORT GROUPS, WRITE BUFFER, and
//! sense data and unit reports of others. What is accepted is within the limits of the unit and, written down again by
//! other code than ours, is read as the same; what is refused points into the list. The first byte says which.
#![no_main]

use bulkhead_fuzz::{Bytes, points_into};
use libfuzzer_sys::fuzz_target;
use scsi::command::{Buffer, BufferMode};
use scsi::sense::Sense;
use scsi::unit_report::UnitReport;
use scsi::{log_page, parameter_list, target_port_groups};
use vdisk_svc::spc::buffer::{Buffers, CAPACITY};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.u8() % 8 {
        0 => target_port_groups(bytes.0),
        1 => sense(bytes.0),
        2 => {
            let Some(report) = UnitReport::decode(bytes.0) else { return };
            assert_eq!(report.encode().as_slice(), bytes.0);
        }
        3 => unmap(&mut bytes),
        4 => overwrite(&mut bytes),
        5 => format(&mut bytes),
        6 => log_select(&mut bytes),
        _ => buffers(&mut bytes),
    }
});

fn target_port_groups(list: &[u8]) {
    match target_port_groups::decode_set(list, |group| group < 8) {
        Ok(states) => {
            assert!(states.len() <= 8 && states.iter().all(|(group, _)| *group < 8));
            let mut again = vec![0; 4];
            for (group, state) in &states {
                again.extend([state.code(), 0, 0, *group as u8]);
            }
            assert_eq!(target_port_groups::decode_set(&again, |_| true), Ok(states));
        }
        Err(sense) => points_into(&sense, list.len()),
    }
}

/// Descriptor format has room for everything.
fn sense(bytes: &[u8]) {
    let Some(sense) = Sense::parse(bytes) else { return };
    assert_eq!(Sense::parse(sense.encode(true).as_slice()), Some(sense));
}

fn unmap(bytes: &mut Bytes<'_>) {
    let (info, claimed) = (bytes.unit(), bytes.u16());
    let list = bytes.0;
    let length = if claimed & 1 == 0 { list.len() as u16 } else { claimed };
    let ranges = parameter_list::unmap(&info, list, length);
    let enough = list.len().min(parameter_list::unmap_list_bytes(&info));
    assert_eq!(
        parameter_list::unmap(&info, &list[..enough], length),
        ranges,
        "not read alike from its beginning"
    );
    let ranges = match ranges {
        Ok(ranges) => ranges,
        Err(sense) => return points_into(&sense, length.into()),
    };
    let mut again = vec![0; 8];
    let mut total = 0;
    for (lba, blocks) in &ranges {
        assert!(blocks.0 > 0 && lba.0.checked_add(blocks.0).is_some_and(|end| end <= info.blocks.0));
        total += blocks.0;
        again.extend(lba.0.to_be_bytes());
        again.extend(u32::try_from(blocks.0).expect("a field of four bytes").to_be_bytes());
        again.extend([0; 4]);
    }
    assert!(total <= info.max_unmap().0 && ranges.len() <= info.max_unmap_descriptors() as usize);
    let length = again.len() as u16;
    again[..2].copy_from_slice(&(length - 2).to_be_bytes());
    again[2..4].copy_from_slice(&(length - 8).to_be_bytes());
    assert_eq!(parameter_list::unmap(&info, &again, length), Ok(ranges));
}

fn overwrite(bytes: &mut Bytes<'_>) {
    let (block, claimed) = (bytes.unit().block_size, bytes.u16());
    let list = bytes.0;
    let length = if claimed & 1 == 0 { list.len() as u16 } else { claimed };
    let overwrite = match parameter_list::overwrite(block, list, length) {
        Ok(overwrite) => overwrite,
        Err(sense) => return points_into(&sense, length.into()),
    };
    assert!(
        (1..=31).contains(&overwrite.count) && (1..=block.get() as usize).contains(&overwrite.pattern.len())
    );
    let mut again = vec![u8::from(overwrite.invert) << 7 | overwrite.count, 0];
    again.extend((overwrite.pattern.len() as u16).to_be_bytes());
    again.extend(&overwrite.pattern);
    assert!(list[4..].starts_with(&overwrite.pattern));
    let length = again.len() as u16;
    assert_eq!(parameter_list::overwrite(block, &again, length), Ok(overwrite));
}

/// Nothing but IMMED, and options that change nothing, can be in a list that is accepted.
fn format(bytes: &mut Bytes<'_>) {
    let long = bytes.u8() & 1 != 0;
    let header = if long { 8 } else { 4 };
    match parameter_list::format(long, bytes.0) {
        Ok(immed) => {
            let list = &bytes.0[..header];
            assert_eq!(immed, list[1] & 0x02 != 0);
            assert!(list[0] & 0x07 == 0 && list[1] & 0x08 == 0 && list[header - 2..] == [0, 0]);
        }
        Err(sense) => points_into(&sense, header.min(bytes.0.len())),
    }
}

/// No parameter can be set: what is accepted is headers of pages, each of length zero.
fn log_select(bytes: &mut Bytes<'_>) {
    let info = bytes.unit();
    match log_page::parse(&info, bytes.0) {
        Ok(()) => {
            assert!(bytes.0.len().is_multiple_of(4));
            assert!(bytes.0.chunks(4).all(|page| page[0] & 0x40 == 0 && page[1..] == [0, 0, 0]));
        }
        Err(sense) => points_into(&sense, bytes.0.len()),
    }
}

/// Any sequence of WRITE BUFFER and READ BUFFER against plain memory, and through the notebook after each.
fn buffers(bytes: &mut Bytes<'_>) {
    let (mut buffers, mut data, mut echo) = (Buffers::default(), vec![0; CAPACITY], Vec::new());
    while !bytes.0.is_empty() {
        let flags = bytes.u8();
        let mode = if flags & 1 == 0 { BufferMode::Data } else { BufferMode::Echo };
        let (offset, length) = (u32::from(bytes.u16()), u32::from(bytes.u16()));
        let request = Buffer { mode, id: flags >> 6, offset: offset % 4200, length: length % 4200 };
        let (offset, length) = (request.offset as usize, request.length as usize);
        let piece = bytes.take(length.min(usize::from(flags)));
        if buffers.write(&request, piece).is_ok() {
            match mode {
                BufferMode::Data => data[offset..offset + piece.len()].copy_from_slice(piece),
                _ => echo = piece.to_vec(),
            }
        }
        let expected = match mode {
            BufferMode::Data => data.get(offset..).filter(|_| request.id == 0),
            _ => Some(&echo[..]).filter(|echo| !echo.is_empty()),
        };
        let expected = expected.map(|all| &all[..length.min(all.len())]);
        let read = buffers.read(&request).ok();
        assert_eq!(read.as_ref().map(|read| read.as_slice()), expected);
        buffers = Buffers::decode(&buffers.encode()).expect("what was encoded");
    }
}

//! The buffers: what is written is read, and nothing else.

use proptest::prelude::*;

use super::*;

fn at(mode: BufferMode, offset: u32, length: u32) -> Buffer {
    Buffer { mode, id: 0, offset, length }
}

#[test]
fn data_buffer_keeps_what_is_written_where_it_is_written() {
    let mut buffers = Buffers::default();
    let read = |buffers: &Buffers, offset, length| {
        buffers.read(&at(BufferMode::Data, offset, length)).map(ParameterData::into_vec)
    };
    buffers.write(&at(BufferMode::Data, 2, 3), &[1, 2, 3]).unwrap();
    assert_eq!(read(&buffers, 0, 7), Ok(vec![0, 0, 1, 2, 3, 0, 0]));
    assert_eq!(read(&buffers, 4094, 9), Ok(vec![0, 0]), "as far as the buffer goes");
    assert_eq!(read(&buffers, 4097, 1), Err(Sense::invalid_field_in_cdb(3, None)));
    let too_long = buffers.write(&at(BufferMode::Data, 4095, 2), &[1, 2]);
    assert_eq!(too_long, Err(Sense::invalid_field_in_cdb(6, None)));
    let other = Buffer { id: 1, ..at(BufferMode::Data, 0, 1) };
    assert_eq!(buffers.read(&other), Err(Sense::invalid_field_in_cdb(2, None)));
}

#[test]
fn echo_buffer_gives_back_the_last_write() {
    let mut buffers = Buffers::default();
    let echo = at(BufferMode::Echo, 0, 8);
    assert_eq!(buffers.read(&echo), Err(Sense::illegal_request(Asc::COMMAND_SEQUENCE_ERROR)));
    buffers.write(&at(BufferMode::Echo, 0, 4), b"ping").unwrap();
    buffers.write(&at(BufferMode::Echo, 0, 2), b"ok").unwrap();
    assert_eq!(buffers.read(&echo).unwrap().as_slice(), b"ok");
    assert!(buffers.write(&at(BufferMode::Echo, 0, 4097), &[0; 4096]).is_err());
}

#[test]
fn descriptors_tell_the_capacity() {
    let buffers = Buffers::default();
    let read = |request: Buffer| buffers.read(&request).unwrap().into_vec();
    assert_eq!(read(at(BufferMode::Descriptor, 0, 4)), [0x00, 0x00, 0x10, 0x00]);
    assert_eq!(read(Buffer { id: 1, ..at(BufferMode::Descriptor, 0, 4) }), [0; 4]);
    assert_eq!(read(at(BufferMode::EchoDescriptor, 0, 4)), [0x00, 0x00, 0x10, 0x00]);
}

#[test]
fn buffers_survive_as_bytes() {
    let mut buffers = Buffers::default();
    buffers.write(&at(BufferMode::Data, 0, 3), &[1, 2, 3]).unwrap();
    buffers.write(&at(BufferMode::Echo, 0, 2), b"ok").unwrap();
    assert_eq!(Buffers::decode(&buffers.encode()), Some(buffers));
    assert_eq!(Buffers::decode(&[9, 0, 1]), None);
}

proptest! {
    #[test]
    fn decode_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Buffers::decode(&bytes);
    }
}

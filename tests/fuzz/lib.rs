//! What the fuzz targets share: numbers and pieces out of the bytes that libFuzzer makes up, and a unit of their choice.

use scsi::device_info::{DeviceInfo, DeviceType};
use scsi::path::Path;
use scsi::sense::{Sense, SenseKey, Specific};
use scsi::units::{BlockSize, Blocks};

/// The bytes of one run; past their end everything is zero.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// The next `len` bytes, or what there is.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        piece
    }

    /// A piece whose length is a byte.
    pub fn piece(&mut self) -> &'a [u8] {
        let len = self.u8();
        self.take(len.into())
    }

    /// A unit: what kind, how large, and what it is capable of.
    pub fn unit(&mut self) -> DeviceInfo {
        let traits = self.u8();
        let block_size = BlockSize::new(512 << (self.u8() % 8)).expect("a power of two");
        let blocks = Blocks(u64::from(self.u32()) << (self.u8() % 32));
        let mut info = DeviceInfo::disk("fuzz", block_size, blocks);
        if traits & 0x01 != 0 {
            info.device_type = DeviceType::CdDvd;
        }
        info.read_only = traits & 0x02 != 0;
        info.removable = traits & 0x04 != 0;
        info.thin_provisioned = traits & 0x08 != 0;
        info.anchors = traits & 0x48 == 0x48;
        info.write_cache = traits & 0x10 != 0;
        info.rotational = traits & 0x20 != 0;
        info
    }

    /// The way of a command.
    pub fn path(&mut self) -> Path {
        let flags = self.u8();
        Path {
            port: self.u16(),
            port_group: self.u16(),
            protocol_level: flags >> 2,
            write_protected: flags & 1 != 0,
            unavailable: flags & 2 != 0,
        }
    }
}

/// What refuses a parameter list of so many bytes is ILLEGAL REQUEST, and what it points at is there.
pub fn points_into(sense: &Sense, length: usize) {
    assert_eq!(sense.key, SenseKey::IllegalRequest);
    if let Specific::Field(field) = sense.specific
        && !field.in_cdb
    {
        assert!(usize::from(field.byte) < length, "{field:?} of a list of {length} bytes");
    }
}

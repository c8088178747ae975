//! What there is to know about one logical unit: its identity and its geometry.
//!
//! INQUIRY, the VPD pages, the mode pages, READ CAPACITY and the range check all derive from this one value, so that they
//! cannot contradict one another. Its fields are types that cannot hold nonsense; where they come from is a manifest.

mod ascii;
mod names;

pub use ascii::{Ascii, AsciiError};
pub use names::{Eui64, Naa, Names, Port, ScsiName, Tpgs};

use crate::code::coded_enum;
use crate::command::ReadWrite;
use crate::opcode::{Opcode, Requires};
use crate::sense::Sense;
use crate::units::{BlockSize, Blocks, Bytes, Lba};

coded_enum! {
    /// PERIPHERAL DEVICE TYPE (SPC-4 6.6.2), of those that a virtual device can have.
    DeviceType, "peripheral device type" {
        /// Direct access block device (SBC).
        Disk = 0x00,
        /// CD/DVD device (MMC).
        CdDvd = 0x05,
    }
}

/// Bytes that a command can write as a whole, whatever dies.
pub const ATOMIC_BYTES: u64 = 1 << 20;
/// Bytes that one UNMAP can give back, and blocks: so that none takes long.
const UNMAP_BYTES: u64 = 4 << 30;
const UNMAP_BLOCKS: u64 = 1 << 20;

/// Identity and geometry of a disk-like unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What kind of device it is.
    pub device_type: DeviceType,
    /// T10 VENDOR IDENTIFICATION.
    pub vendor: Ascii<8>,
    /// PRODUCT IDENTIFICATION.
    pub product: Ascii<16>,
    /// PRODUCT REVISION LEVEL.
    pub revision: Ascii<4>,
    /// PRODUCT SERIAL NUMBER (VPD page 80h).
    pub serial: Ascii<32>,
    /// The names of the unit (SPC-4 7.8.6).
    pub names: Names,
    /// The target ports through which it can be reached.
    pub ports: Vec<Port>,
    /// How its asymmetric access states may change.
    pub tpgs: Tpgs,
    /// LOGICAL UNIT GROUP: units of one group share their asymmetric access states. None where there are no such states.
    pub unit_group: Option<u16>,
    /// Where whatever manages the target can be reached (SPC-4 7.8.9); empty for nowhere.
    pub management_url: String,
    /// The length of a logical block.
    pub block_size: BlockSize,
    /// LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT: 2^n logical blocks make a physical one. At most 15 is reported.
    pub physical_block_exponent: u8,
    /// How many logical blocks there are.
    pub blocks: Blocks,
    /// Write protected.
    pub read_only: bool,
    /// The medium can be removed.
    pub removable: bool,
    /// The medium rotates.
    pub rotational: bool,
    /// A volatile write cache is in use: GOOD for a write does not mean that it is on the medium.
    pub write_cache: bool,
    /// The cache outlives a loss of power.
    pub nv_cache: bool,
    /// Rotations a minute; 0 where it is not known.
    pub rotation_rate: u16,
    /// LOWEST ALIGNED LOGICAL BLOCK ADDRESS: the first that begins a physical block.
    pub lowest_aligned: u16,
    /// Logical block provisioning management: blocks can be unmapped (LBPME one).
    pub thin_provisioned: bool,
    /// Blocks of a thin unit can be anchored: they read as zeros, and the space that they need is reserved.
    pub anchors: bool,
    /// Initiators are told when fewer threshold sets than this are left for a thin unit; zero: never.
    pub threshold: u32,
    /// The longest transfer of one command; zero: no limit.
    pub max_transfer: Blocks,
    /// The transfer length that is best; zero: not known.
    pub optimal_transfer: Blocks,
    /// Transfers in multiples of this are best; zero: not known.
    pub optimal_granularity: u16,
}

impl DeviceInfo {
    /// A writable fixed disk with a write cache; identifiers derive from `name`, which has to be the unit's own and stay so.
    ///
    /// The serial number is the NAA identifier in hexadecimal: any name works, also one that is too long or not ASCII.
    pub fn disk(name: &str, block_size: BlockSize, blocks: Blocks) -> Self {
        let names = Names::from_name(name);
        Self {
            device_type: DeviceType::Disk,
            vendor: Ascii::filtered("BULKHEAD"),
            product: Ascii::filtered("VDISK"),
            revision: Ascii::filtered("0001"),
            serial: Ascii::filtered(&names.naa.to_string()),
            names,
            ports: Vec::new(),
            tpgs: Tpgs::None,
            unit_group: None,
            management_url: String::new(),
            block_size,
            physical_block_exponent: (4096_u32 / block_size.get()).max(1).ilog2() as u8,
            blocks,
            read_only: false,
            removable: false,
            rotational: false,
            write_cache: true,
            nv_cache: false,
            rotation_rate: 0,
            lowest_aligned: 0,
            thin_provisioned: false,
            anchors: false,
            threshold: 0,
            max_transfer: Blocks(0),
            optimal_transfer: Blocks(0),
            optimal_granularity: 0,
        }
    }

    /// Whether this unit has the command.
    pub fn supports(&self, row: &Opcode) -> bool {
        let able = match row.requires {
            Requires::Nothing => true,
            Requires::ThinProvisioning => self.thin_provisioned,
            Requires::Removable => self.removable,
            Requires::AccessStates => self.tpgs != Tpgs::None,
            Requires::ExplicitAccess => matches!(self.tpgs, Tpgs::Explicit | Tpgs::Both),
        };
        able && row.types.contains(&self.device_type)
    }

    /// MAXIMUM COMPARE AND WRITE LENGTH (SBC-3 6.5.3). The field has one byte, and twice the blocks are transferred.
    pub fn max_compare_and_write(&self) -> Blocks {
        let carried = if self.max_transfer.0 == 0 { u64::MAX } else { self.max_transfer.0 / 2 };
        Blocks(self.max_atomic().0.min(carried).min(255))
    }

    /// MAXIMUM ATOMIC TRANSFER LENGTH: [`ATOMIC_BYTES`], for it is what a handler can remember of a write, if as much can be
    /// transferred.
    pub fn max_atomic(&self) -> Blocks {
        let carried = if self.max_transfer.0 == 0 { u64::MAX } else { self.max_transfer.0 };
        Blocks(Bytes(ATOMIC_BYTES).whole_blocks(self.block_size).0.min(carried))
    }

    /// MAXIMUM WRITE SAME LENGTH: what WRITE SAME(10) can say, so that both forms take the same. Blocks that have to be
    /// written take their time.
    pub fn max_write_same(&self) -> Blocks {
        Blocks(0xFFFF)
    }

    /// MAXIMUM UNMAP LBA COUNT; zero where nothing can be unmapped.
    pub fn max_unmap(&self) -> Blocks {
        let blocks = Bytes(UNMAP_BYTES).whole_blocks(self.block_size);
        if self.thin_provisioned { Blocks(blocks.0.min(UNMAP_BLOCKS)) } else { Blocks(0) }
    }

    /// MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT; zero where nothing can be unmapped.
    pub fn max_unmap_descriptors(&self) -> u32 {
        if self.thin_provisioned { 256 } else { 0 }
    }

    /// OPTIMAL UNMAP GRANULARITY: the blocks that a file system deallocates together, 4 KiB mostly.
    pub fn unmap_granularity(&self) -> Blocks {
        if self.thin_provisioned { Blocks(1 << self.physical_block_exponent.min(15)) } else { Blocks(0) }
    }

    /// THRESHOLD EXPONENT (SBC-3 6.5.4): 2^n blocks make a threshold set, 1 MiB with blocks of 512 bytes, and more where a
    /// unit would have more sets than 32 bits can count.
    pub fn threshold_exponent(&self) -> u8 {
        let bits = u64::BITS - self.blocks.0.leading_zeros();
        bits.saturating_sub(u32::BITS).max(11) as u8
    }

    /// The bytes of a threshold set.
    pub fn threshold_set(&self) -> Bytes {
        Bytes(u64::from(self.block_size.get()) << self.threshold_exponent())
    }

    /// The last block; zero for a unit without blocks, which has none to report.
    pub fn last_lba(&self) -> Lba {
        Lba(self.blocks.0.saturating_sub(1))
    }

    /// Whether the range lies on the medium. No blocks at the very end are in range; no blocks beyond it are not.
    pub fn check_range(&self, lba: Lba, blocks: Blocks) -> Result<(), Sense> {
        match lba.checked_add(blocks) {
            Some(end) if end.0 <= self.blocks.0 => Ok(()),
            _ => Err(Sense::lba_out_of_range()),
        }
    }

    /// As [`DeviceInfo::check_range`], and the transfer is not longer than MAXIMUM TRANSFER LENGTH (SBC-3 6.5.3).
    ///
    /// The sense for one that is too long has no field pointer: TRANSFER LENGTH is at different places in different CDBs.
    pub fn check_transfer(&self, transfer: &ReadWrite) -> Result<(), Sense> {
        self.check_range(transfer.lba, transfer.blocks)?;
        if self.max_transfer.0 != 0 && transfer.blocks > self.max_transfer {
            return Err(Sense::illegal_request(crate::asc::Asc::INVALID_FIELD_IN_CDB));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

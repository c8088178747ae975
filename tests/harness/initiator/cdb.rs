//! The CDBs that tests send, as SPC-4 and SBC-3 lay them out.

/// TEST UNIT READY
pub const TEST_UNIT_READY: [u8; 6] = [0; 6];

/// READ (10)
pub fn read10(lba: u32, blocks: u16) -> [u8; 10] {
    transfer10(0x28, lba, blocks)
}

/// WRITE (10)
pub fn write10(lba: u32, blocks: u16) -> [u8; 10] {
    transfer10(0x2a, lba, blocks)
}

/// READ (16)
pub fn read16(lba: u64, blocks: u32) -> [u8; 16] {
    transfer16(0x88, lba, blocks)
}

/// WRITE (16)
pub fn write16(lba: u64, blocks: u32) -> [u8; 16] {
    transfer16(0x8a, lba, blocks)
}

/// INQUIRY for the standard data or, with a page, for vital product data.
pub fn inquiry(page: Option<u8>, allocation: u16) -> [u8; 6] {
    let [high, low] = allocation.to_be_bytes();
    [0x12, u8::from(page.is_some()), page.unwrap_or(0), high, low, 0]
}

/// REPORT LUNS
pub fn report_luns(allocation: u32) -> [u8; 12] {
    let mut cdb = [0; 12];
    cdb[0] = 0xa0;
    cdb[6..10].copy_from_slice(&allocation.to_be_bytes());
    cdb
}

/// REPORT TARGET PORT GROUPS, with the header that has only a length.
pub fn report_target_port_groups(allocation: u32) -> [u8; 12] {
    let mut cdb = [0; 12];
    cdb[..2].copy_from_slice(&[0xa3, 0x0a]);
    cdb[6..10].copy_from_slice(&allocation.to_be_bytes());
    cdb
}

/// SET TARGET PORT GROUPS with a parameter list of this length.
pub fn set_target_port_groups(length: u32) -> [u8; 12] {
    let mut cdb = report_target_port_groups(length);
    cdb[0] = 0xa4;
    cdb
}

fn transfer10(opcode: u8, lba: u32, blocks: u16) -> [u8; 10] {
    let mut cdb = [0; 10];
    cdb[0] = opcode;
    cdb[2..6].copy_from_slice(&lba.to_be_bytes());
    cdb[7..9].copy_from_slice(&blocks.to_be_bytes());
    cdb
}

fn transfer16(opcode: u8, lba: u64, blocks: u32) -> [u8; 16] {
    let mut cdb = [0; 16];
    cdb[0] = opcode;
    cdb[2..10].copy_from_slice(&lba.to_be_bytes());
    cdb[10..14].copy_from_slice(&blocks.to_be_bytes());
    cdb
}

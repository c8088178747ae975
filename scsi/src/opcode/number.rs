//! The numbers of the commands (SPC-4 annex D.3), by name, so that the table and decode speak of the same ones.

macro_rules! numbers {
    ($($name:ident $value:literal $text:literal)+) => { $(
        #[doc = concat!("OPERATION CODE of ", $text, ".")]
        pub const $name: u8 = $value;
    )+ };
}

numbers! {
    TEST_UNIT_READY 0x00 "TEST UNIT READY"
    REQUEST_SENSE 0x03 "REQUEST SENSE"
    READ_6 0x08 "READ(6)"
    WRITE_6 0x0A "WRITE(6)"
    INQUIRY 0x12 "INQUIRY"
    MODE_SENSE_6 0x1A "MODE SENSE(6)"
    START_STOP_UNIT 0x1B "START STOP UNIT"
    READ_CAPACITY_10 0x25 "READ CAPACITY(10)"
    READ_10 0x28 "READ(10)"
    WRITE_10 0x2A "WRITE(10)"
    SYNCHRONIZE_CACHE_10 0x35 "SYNCHRONIZE CACHE(10)"
    MODE_SENSE_10 0x5A "MODE SENSE(10)"
    READ_16 0x88 "READ(16)"
    WRITE_16 0x8A "WRITE(16)"
    SYNCHRONIZE_CACHE_16 0x91 "SYNCHRONIZE CACHE(16)"
    SERVICE_ACTION_IN_16 0x9E "SERVICE ACTION IN(16)"
    REPORT_LUNS 0xA0 "REPORT LUNS"
    MAINTENANCE_IN 0xA3 "MAINTENANCE IN"
    READ_12 0xA8 "READ(12)"
    WRITE_12 0xAA "WRITE(12)"
}

/// SERVICE ACTION of READ CAPACITY(16) under [`SERVICE_ACTION_IN_16`].
pub const SA_READ_CAPACITY_16: u16 = 0x10;
/// SERVICE ACTION of REPORT SUPPORTED OPERATION CODES under [`MAINTENANCE_IN`].
pub const SA_REPORT_SUPPORTED_OPERATION_CODES: u16 = 0x0C;

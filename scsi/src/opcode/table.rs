//! The rows. Reservations: the tables of SPC-4 and SBC-3 for commands "allowed in the presence of various reservations", and
//! SPC-2 annex B for RESERVE. ALUA: SPC-4 5.15.2.4.
//!
//! CONTROL is all zeros here: NACA, which every command has, is put in where the usage data are reported ([`crate::rsoc`]).

use super::Admission::{Allowed, AllowedToAllow, AllowedToStart, Conflict, JudgesItself};
use super::{
    Alua, Direction, Executor, Opcode, Queueing, Replay, Requires, Reservation, UnitAttention, number,
};
use crate::device_info::DeviceType;

/// Data and state of the unit are not touched: everybody may, always.
const FREE: Reservation = Reservation { write_exclusive: Allowed, exclusive_access: Allowed, spc2: Allowed };
/// What reads the medium or settings.
const READS: Reservation =
    Reservation { write_exclusive: Allowed, exclusive_access: Conflict, spc2: Conflict };
/// What changes the medium or settings.
const WRITES: Reservation =
    Reservation { write_exclusive: Conflict, exclusive_access: Conflict, spc2: Conflict };

/// What reserves.
const RESERVES: Reservation =
    Reservation { write_exclusive: JudgesItself, exclusive_access: JudgesItself, spc2: JudgesItself };

/// Executed in the active states only.
const ACTIVE: Alua = Alua { standby: false, unavailable: false, transitioning: false, echo: false };
/// Executed in the active states only, but for the modes of the echo buffer.
const ECHO: Alua = Alua { echo: true, ..ACTIVE };
/// Executed in standby too.
const STANDBY: Alua = Alua { standby: true, unavailable: false, transitioning: false, echo: false };
/// Executed in every state.
const ALWAYS: Alua = Alua { standby: true, unavailable: true, transitioning: true, echo: false };
/// Executed in every state that can be left by the command.
const UNLESS_TRANSITIONING: Alua =
    Alua { standby: true, unavailable: true, transitioning: false, echo: false };

const DISK: &[DeviceType] = &[DeviceType::Disk];
const CD: &[DeviceType] = &[DeviceType::CdDvd];
const ALL: &[DeviceType] = &[DeviceType::Disk, DeviceType::CdDvd];

/// A service that is being restarted holds commands for up to 30 s by default, and an initiator should not give up before.
const USUAL_TIMEOUT: u32 = 60;

/// What most commands are; every row below says where it differs.
const PLAIN: Opcode = Opcode {
    code: 0,
    service_action: None,
    name: "",
    usage: &[0],
    direction: Direction::None,
    executor: Executor::Handler,
    replay: Replay::Repeat,
    unit_attention: UnitAttention::Report,
    reservation: WRITES,
    alua: ACTIVE,
    queueing: Queueing::Plain,
    medium_write: false,
    types: DISK,
    requires: Requires::Nothing,
    timeout: USUAL_TIMEOUT,
};
const READ: Opcode = Opcode { direction: Direction::In, reservation: READS, ..PLAIN };
/// Asks a CD drive about itself or its medium.
const READ_CD: Opcode = Opcode { types: CD, ..READ };
const WRITE: Opcode = Opcode { direction: Direction::Out, medium_write: true, ..PLAIN };
/// Changes settings by a parameter list.
const SETTING: Opcode =
    Opcode { direction: Direction::Out, replay: Replay::Record, types: ALL, alua: STANDBY, ..PLAIN };
const INFORMATION: Opcode =
    Opcode { direction: Direction::In, reservation: FREE, alua: STANDBY, types: ALL, ..PLAIN };
const COPY_RESULTS: Opcode = Opcode { direction: Direction::In, executor: Executor::Core, ..PLAIN };

/// RESERVE and RELEASE: recorded, because a reset or another nexus may come between the first time and the second.
const RESERVE: Opcode =
    Opcode { executor: Executor::Core, replay: Replay::Record, reservation: RESERVES, types: ALL, ..PLAIN };
const RESERVE_IN: Opcode = Opcode {
    code: number::PERSISTENT_RESERVE_IN,
    executor: Executor::Core,
    reservation: RESERVES,
    ..INFORMATION
};
const RESERVE_OUT: Opcode =
    Opcode { code: number::PERSISTENT_RESERVE_OUT, direction: Direction::Out, alua: STANDBY, ..RESERVE };
/// Looks at the medium, perhaps with data to compare it with.
const VERIFY: Opcode = Opcode { direction: Direction::Out, reservation: READS, ..PLAIN };

/// Every command, in order of operation code and service action.
pub static TABLE: &[Opcode] = &[
    Opcode {
        code: number::TEST_UNIT_READY,
        name: "TEST UNIT READY",
        usage: &[0x00, 0, 0, 0, 0, 0],
        reservation: Reservation { spc2: Conflict, ..FREE },
        types: ALL,
        ..PLAIN
    },
    Opcode {
        code: number::REQUEST_SENSE,
        name: "REQUEST SENSE",
        queueing: Queueing::Aside,
        usage: &[0x03, 0x01, 0, 0, 0xFF, 0],
        executor: Executor::Core,
        unit_attention: UnitAttention::Take,
        alua: ALWAYS,
        ..INFORMATION
    },
    // How it ends must not be told twice, and what it does goes on after an early end.
    Opcode {
        code: number::FORMAT_UNIT,
        name: "FORMAT UNIT",
        queueing: Queueing::Begins,
        usage: &[0x04, 0x3F, 0, 0, 0, 0],
        replay: Replay::Record,
        ..WRITE
    },
    Opcode { code: number::READ_6, name: "READ(6)", usage: &[0x08, 0x1F, 0xFF, 0xFF, 0xFF, 0], ..READ },
    Opcode { code: number::WRITE_6, name: "WRITE(6)", usage: &[0x0A, 0x1F, 0xFF, 0xFF, 0xFF, 0], ..WRITE },
    Opcode {
        code: number::INQUIRY,
        name: "INQUIRY",
        queueing: Queueing::Aside,
        usage: &[0x12, 0x01, 0xFF, 0xFF, 0xFF, 0],
        unit_attention: UnitAttention::Skip,
        alua: ALWAYS,
        ..INFORMATION
    },
    Opcode {
        code: number::MODE_SELECT_6,
        name: "MODE SELECT(6)",
        queueing: Queueing::Alone,
        usage: &[0x15, 0x13, 0, 0, 0xFF, 0],
        ..SETTING
    },
    Opcode { code: number::RESERVE_6, name: "RESERVE(6)", usage: &[0x16, 0x11, 0, 0, 0, 0], ..RESERVE },
    Opcode { code: number::RELEASE_6, name: "RELEASE(6)", usage: &[0x17, 0x11, 0, 0, 0, 0], ..RESERVE },
    Opcode {
        code: number::MODE_SENSE_6,
        name: "MODE SENSE(6)",
        usage: &[0x1A, 0x08, 0xFF, 0xFF, 0xFF, 0],
        reservation: READS,
        ..INFORMATION
    },
    Opcode {
        code: number::START_STOP_UNIT,
        name: "START STOP UNIT",
        queueing: Queueing::Alone,
        usage: &[0x1B, 0x01, 0, 0x0F, 0xF7, 0],
        reservation: Reservation {
            write_exclusive: AllowedToStart,
            exclusive_access: AllowedToStart,
            spc2: AllowedToStart,
        },
        // What comes between the two times must not be undone.
        replay: Replay::Record,
        types: ALL,
        ..PLAIN
    },
    Opcode {
        code: number::RECEIVE_DIAGNOSTIC_RESULTS,
        name: "RECEIVE DIAGNOSTIC RESULTS",
        usage: &[0x1C, 0x01, 0xFF, 0xFF, 0xFF, 0],
        reservation: READS,
        ..INFORMATION
    },
    Opcode {
        code: number::SEND_DIAGNOSTIC,
        name: "SEND DIAGNOSTIC",
        usage: &[0x1D, 0xF7, 0, 0xFF, 0xFF, 0],
        direction: Direction::Out,
        types: ALL,
        alua: STANDBY,
        ..PLAIN
    },
    Opcode {
        code: number::PREVENT_ALLOW_MEDIUM_REMOVAL,
        name: "PREVENT ALLOW MEDIUM REMOVAL",
        usage: &[0x1E, 0, 0, 0, 0x03, 0],
        reservation: Reservation {
            write_exclusive: AllowedToAllow,
            exclusive_access: AllowedToAllow,
            spc2: AllowedToAllow,
        },
        replay: Replay::Record,
        types: ALL,
        requires: Requires::Removable,
        ..PLAIN
    },
    Opcode {
        code: number::READ_FORMAT_CAPACITIES,
        name: "READ FORMAT CAPACITIES",
        usage: &[0x23, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..READ_CD
    },
    Opcode {
        code: number::READ_CAPACITY_10,
        name: "READ CAPACITY(10)",
        usage: &[0x25, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x01, 0],
        ..INFORMATION
    },
    Opcode {
        code: number::READ_10,
        name: "READ(10)",
        usage: &[0x28, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        types: ALL,
        ..READ
    },
    Opcode {
        code: number::WRITE_10,
        name: "WRITE(10)",
        usage: &[0x2A, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::WRITE_AND_VERIFY_10,
        name: "WRITE AND VERIFY(10)",
        usage: &[0x2E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::VERIFY_10,
        name: "VERIFY(10)",
        usage: &[0x2F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..VERIFY
    },
    Opcode {
        code: number::PRE_FETCH_10,
        direction: Direction::None,
        name: "PRE-FETCH(10)",
        usage: &[0x34, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..VERIFY
    },
    Opcode {
        code: number::SYNCHRONIZE_CACHE_10,
        name: "SYNCHRONIZE CACHE(10)",
        usage: &[0x35, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..PLAIN
    },
    Opcode {
        code: number::READ_DEFECT_DATA_10,
        name: "READ DEFECT DATA(10)",
        usage: &[0x37, 0, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..READ
    },
    // What another nexus writes between the two times must not be lost.
    Opcode {
        code: number::WRITE_BUFFER,
        name: "WRITE BUFFER",
        usage: &[0x3B, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        alua: ECHO,
        ..SETTING
    },
    Opcode {
        code: number::READ_BUFFER,
        name: "READ BUFFER",
        usage: &[0x3C, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        reservation: READS,
        alua: ECHO,
        ..INFORMATION
    },
    Opcode {
        code: number::WRITE_SAME_10,
        name: "WRITE SAME(10)",
        usage: &[0x41, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::UNMAP,
        requires: Requires::ThinProvisioning,
        name: "UNMAP",
        usage: &[0x42, 0x01, 0, 0, 0, 0, 0x1F, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::READ_TOC,
        name: "READ TOC/PMA/ATIP",
        usage: &[0x43, 0x02, 0x0F, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xC0],
        ..READ_CD
    },
    // Features and events are told also while somebody has the unit for himself (MMC-6 4.2.3).
    Opcode {
        code: number::GET_CONFIGURATION,
        name: "GET CONFIGURATION",
        usage: &[0x46, 0x03, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0],
        unit_attention: UnitAttention::Skip,
        reservation: FREE,
        ..READ_CD
    },
    Opcode {
        code: number::SANITIZE,
        service_action: Some(number::SA_OVERWRITE),
        replay: Replay::Record,
        name: "SANITIZE, OVERWRITE",
        queueing: Queueing::Begins,
        usage: &[0x48, 0xA1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::SANITIZE,
        service_action: Some(number::SA_BLOCK_ERASE),
        replay: Replay::Record,
        direction: Direction::None,
        requires: Requires::ThinProvisioning,
        name: "SANITIZE, BLOCK ERASE",
        queueing: Queueing::Begins,
        usage: &[0x48, 0xA2, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::SANITIZE,
        service_action: Some(number::SA_EXIT_FAILURE_MODE),
        direction: Direction::None,
        name: "SANITIZE, EXIT FAILURE MODE",
        queueing: Queueing::Begins,
        usage: &[0x48, 0xBF, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..WRITE
    },
    Opcode {
        code: number::GET_EVENT_STATUS_NOTIFICATION,
        name: "GET EVENT STATUS NOTIFICATION",
        usage: &[0x4A, 0x01, 0, 0, 0xFF, 0, 0, 0xFF, 0xFF, 0],
        unit_attention: UnitAttention::Skip,
        reservation: FREE,
        // What was told is not told again.
        replay: Replay::Record,
        ..READ_CD
    },
    Opcode {
        code: number::LOG_SELECT,
        name: "LOG SELECT",
        queueing: Queueing::Alone,
        usage: &[0x4C, 0x03, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0],
        ..SETTING
    },
    Opcode {
        code: number::LOG_SENSE,
        name: "LOG SENSE",
        usage: &[0x4D, 0x01, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..INFORMATION
    },
    Opcode {
        code: number::READ_DISC_INFORMATION,
        name: "READ DISC INFORMATION",
        usage: &[0x51, 0x07, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..READ_CD
    },
    Opcode {
        code: number::READ_TRACK_INFORMATION,
        name: "READ TRACK INFORMATION",
        usage: &[0x52, 0x03, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0],
        ..READ_CD
    },
    Opcode {
        code: number::MODE_SELECT_10,
        name: "MODE SELECT(10)",
        queueing: Queueing::Alone,
        usage: &[0x55, 0x13, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..SETTING
    },
    Opcode {
        code: number::RESERVE_10,
        name: "RESERVE(10)",
        usage: &[0x56, 0x11, 0, 0, 0, 0, 0, 0, 0, 0],
        ..RESERVE
    },
    Opcode {
        code: number::RELEASE_10,
        name: "RELEASE(10)",
        usage: &[0x57, 0x11, 0, 0, 0, 0, 0, 0, 0, 0],
        ..RESERVE
    },
    Opcode {
        code: number::MODE_SENSE_10,
        name: "MODE SENSE(10)",
        usage: &[0x5A, 0x18, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0],
        reservation: READS,
        ..INFORMATION
    },
    Opcode {
        service_action: Some(0x00),
        name: "PERSISTENT RESERVE IN, READ KEYS",
        usage: &[0x5E, 0x00, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..RESERVE_IN
    },
    Opcode {
        service_action: Some(0x01),
        name: "PERSISTENT RESERVE IN, READ RESERVATION",
        usage: &[0x5E, 0x01, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..RESERVE_IN
    },
    Opcode {
        service_action: Some(0x02),
        name: "PERSISTENT RESERVE IN, REPORT CAPABILITIES",
        usage: &[0x5E, 0x02, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..RESERVE_IN
    },
    Opcode {
        service_action: Some(0x03),
        name: "PERSISTENT RESERVE IN, READ FULL STATUS",
        usage: &[0x5E, 0x03, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0],
        ..RESERVE_IN
    },
    Opcode {
        service_action: Some(0x00),
        name: "PERSISTENT RESERVE OUT, REGISTER",
        usage: &[0x5F, 0x00, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x01),
        name: "PERSISTENT RESERVE OUT, RESERVE",
        usage: &[0x5F, 0x01, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x02),
        name: "PERSISTENT RESERVE OUT, RELEASE",
        usage: &[0x5F, 0x02, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x03),
        name: "PERSISTENT RESERVE OUT, CLEAR",
        usage: &[0x5F, 0x03, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x04),
        name: "PERSISTENT RESERVE OUT, PREEMPT",
        usage: &[0x5F, 0x04, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x05),
        name: "PERSISTENT RESERVE OUT, PREEMPT AND ABORT",
        usage: &[0x5F, 0x05, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x06),
        name: "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY",
        usage: &[0x5F, 0x06, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x07),
        name: "PERSISTENT RESERVE OUT, REGISTER AND MOVE",
        usage: &[0x5F, 0x07, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        service_action: Some(0x08),
        name: "PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION",
        usage: &[0x5F, 0x08, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ..RESERVE_OUT
    },
    Opcode {
        code: number::EXTENDED_COPY,
        service_action: Some(number::SA_EXTENDED_COPY_LID1),
        name: "EXTENDED COPY(LID1)",
        usage: &[0x83, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        direction: Direction::Out,
        executor: Executor::Core,
        // After some of its segments the source of an earlier one may hold other data.
        replay: Replay::Record,
        timeout: 600,
        ..PLAIN
    },
    Opcode {
        code: number::RECEIVE_COPY_RESULTS,
        service_action: Some(number::SA_COPY_STATUS),
        name: "RECEIVE COPY RESULTS(COPY STATUS)",
        usage: &[0x84, 0x00, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..COPY_RESULTS
    },
    Opcode {
        code: number::RECEIVE_COPY_RESULTS,
        service_action: Some(number::SA_RECEIVE_DATA),
        name: "RECEIVE COPY RESULTS(RECEIVE DATA)",
        usage: &[0x84, 0x01, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..COPY_RESULTS
    },
    Opcode {
        code: number::RECEIVE_COPY_RESULTS,
        service_action: Some(number::SA_OPERATING_PARAMETERS),
        name: "RECEIVE COPY RESULTS(OPERATING PARAMETERS)",
        usage: &[0x84, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..COPY_RESULTS
    },
    Opcode {
        code: number::RECEIVE_COPY_RESULTS,
        service_action: Some(number::SA_FAILED_SEGMENT_DETAILS),
        name: "RECEIVE COPY RESULTS(FAILED SEGMENT DETAILS)",
        usage: &[0x84, 0x04, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..COPY_RESULTS
    },
    Opcode {
        code: number::READ_16,
        name: "READ(16)",
        usage: &[0x88, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..READ
    },
    Opcode {
        code: number::COMPARE_AND_WRITE,
        replay: Replay::Record,
        name: "COMPARE AND WRITE",
        usage: &[0x89, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::WRITE_16,
        name: "WRITE(16)",
        usage: &[0x8A, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::ORWRITE_16,
        replay: Replay::Record,
        name: "ORWRITE(16)",
        usage: &[0x8B, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::WRITE_AND_VERIFY_16,
        name: "WRITE AND VERIFY(16)",
        usage: &[0x8E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::VERIFY_16,
        name: "VERIFY(16)",
        usage: &[0x8F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..VERIFY
    },
    Opcode {
        code: number::PRE_FETCH_16,
        direction: Direction::None,
        name: "PRE-FETCH(16)",
        usage: &[0x90, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..VERIFY
    },
    Opcode {
        code: number::SYNCHRONIZE_CACHE_16,
        name: "SYNCHRONIZE CACHE(16)",
        usage: &[0x91, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..PLAIN
    },
    Opcode {
        code: number::WRITE_SAME_16,
        name: "WRITE SAME(16)",
        usage: &[0x93, 0x19, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::WRITE_ATOMIC_16,
        replay: Replay::Record,
        name: "WRITE ATOMIC(16)",
        usage: &[0x9C, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::SERVICE_ACTION_IN_16,
        service_action: Some(number::SA_READ_CAPACITY_16),
        name: "READ CAPACITY(16)",
        usage: &[0x9E, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0],
        types: DISK,
        ..INFORMATION
    },
    Opcode {
        code: number::SERVICE_ACTION_IN_16,
        service_action: Some(number::SA_GET_LBA_STATUS),
        name: "GET LBA STATUS",
        usage: &[0x9E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..READ
    },
    Opcode {
        code: number::REPORT_LUNS,
        name: "REPORT LUNS",
        queueing: Queueing::Aside,
        usage: &[0xA0, 0, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        executor: Executor::Core,
        unit_attention: UnitAttention::Skip,
        alua: ALWAYS,
        ..INFORMATION
    },
    Opcode {
        code: number::MAINTENANCE_IN,
        service_action: Some(number::SA_REPORT_TARGET_PORT_GROUPS),
        name: "REPORT TARGET PORT GROUPS",
        usage: &[0xA3, 0xEA, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        executor: Executor::Core,
        alua: ALWAYS,
        requires: Requires::AccessStates,
        ..INFORMATION
    },
    Opcode {
        code: number::MAINTENANCE_IN,
        service_action: Some(number::SA_REPORT_SUPPORTED_OPERATION_CODES),
        name: "REPORT SUPPORTED OPERATION CODES",
        usage: &[0xA3, 0x0C, 0x87, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        reservation: READS,
        ..INFORMATION
    },
    Opcode {
        code: number::MAINTENANCE_IN,
        service_action: Some(number::SA_REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS),
        name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
        usage: &[0xA3, 0x0D, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        executor: Executor::Core,
        reservation: READS,
        ..INFORMATION
    },
    Opcode {
        code: number::MAINTENANCE_OUT,
        service_action: Some(number::SA_SET_TARGET_PORT_GROUPS),
        name: "SET TARGET PORT GROUPS",
        usage: &[0xA4, 0x0A, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        executor: Executor::Core,
        alua: UNLESS_TRANSITIONING,
        requires: Requires::ExplicitAccess,
        ..SETTING
    },
    Opcode {
        code: number::READ_12,
        name: "READ(12)",
        usage: &[0xA8, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        types: ALL,
        ..READ
    },
    Opcode {
        code: number::WRITE_12,
        name: "WRITE(12)",
        usage: &[0xAA, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::WRITE_AND_VERIFY_12,
        name: "WRITE AND VERIFY(12)",
        usage: &[0xAE, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..WRITE
    },
    Opcode {
        code: number::VERIFY_12,
        name: "VERIFY(12)",
        usage: &[0xAF, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0],
        ..VERIFY
    },
    Opcode {
        code: number::READ_DEFECT_DATA_12,
        name: "READ DEFECT DATA(12)",
        usage: &[0xB7, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ..READ
    },
    Opcode {
        code: number::READ_CD_MSF,
        name: "READ CD MSF",
        usage: &[0xB9, 0x1E, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x07, 0],
        ..READ_CD
    },
    Opcode {
        code: number::MECHANISM_STATUS,
        name: "MECHANISM STATUS",
        usage: &[0xBD, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0],
        ..READ_CD
    },
    Opcode {
        code: number::READ_CD,
        name: "READ CD",
        usage: &[0xBE, 0x1E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x07, 0],
        ..READ_CD
    },
];

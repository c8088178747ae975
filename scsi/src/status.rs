//! The SCSI status of a finished command (SAM-5 5.3.1).
//!
//! Next: [`crate::sense`] says what goes with CHECK CONDITION.

use crate::code::coded_enum;

coded_enum! {
    /// A status, with its status code.
    Status, "SCSI status" {
        /// GOOD: the command completed without error.
        Good = 0x00,
        /// CHECK CONDITION: sense data says why.
        CheckCondition = 0x02,
        /// CONDITION MET: PRE-FETCH found room for all blocks.
        ConditionMet = 0x04,
        /// BUSY: try again later.
        Busy = 0x08,
        /// RESERVATION CONFLICT: another I_T nexus holds a reservation that excludes this command.
        ReservationConflict = 0x18,
        /// TASK SET FULL: no room for one more command now.
        TaskSetFull = 0x28,
        /// ACA ACTIVE: an auto contingent allegiance condition of another I_T nexus stops this command.
        AcaActive = 0x30,
        /// TASK ABORTED: another I_T nexus had the command aborted and the control mode page asks for this status.
        TaskAborted = 0x40,
    }
}

#[cfg(test)]
mod tests;

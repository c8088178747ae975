//! What handlers say of their units, unasked: the settings that the core acts on, and what has changed.
//!
//! A report is about how things are and may come any number of times. Next: [`scsi::unit_report`] for what is in it.

use ipc::fault::PeerFault;
use ipc::message::record::Reply;
use scsi::unit_report::UnitReport;

use crate::core::Core;

impl Core {
    /// Takes a report of the handler at `place`.
    pub(crate) fn hear_report(&mut self, place: usize, reply: &Reply) -> Result<(), PeerFault> {
        let unknown = PeerFault::Record { field: "unit of a report", value: reply.serial };
        let number = u32::try_from(reply.serial).map_err(|_| unknown)?;
        let report = UnitReport::decode(reply.sense()?).ok_or(PeerFault::Unexpected("unit report"))?;
        let unit = self.unit_mut(number).filter(|unit| unit.handler == place).ok_or(unknown)?;
        unit.report = report;
        Ok(())
    }
}

//! A command on its way, and the assembly of what comes back for it, with everything checked that RFC 7143 promises.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::pdu::{Pdu, response};

/// A command to send.
#[derive(Debug, Clone)]
pub struct Command {
    /// The logical unit.
    pub lun: u16,
    /// The CDB, at most 16 bytes.
    pub cdb: Vec<u8>,
    /// What it writes.
    pub write: Vec<u8>,
    /// The bytes that it may return.
    pub read: usize,
}

impl Command {
    /// A command that moves no data.
    pub fn none(lun: u16, cdb: &[u8]) -> Self {
        Self { lun, cdb: cdb.to_vec(), write: Vec::new(), read: 0 }
    }

    /// A command that returns at most `read` bytes.
    pub fn read(lun: u16, cdb: &[u8], read: usize) -> Self {
        Self { read, ..Self::none(lun, cdb) }
    }

    /// A command that writes `data`.
    pub fn write(lun: u16, cdb: &[u8], data: Vec<u8>) -> Self {
        Self { write: data, ..Self::none(lun, cdb) }
    }
}

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its tag.
    pub tag: u32,
    /// The SAM status byte.
    pub status: u8,
    /// The sense data, if there is any.
    pub sense: Vec<u8>,
    /// What it returned.
    pub data: Vec<u8>,
    /// The residual count: above zero when less was moved than expected (underflow), below when more was there.
    pub residual: i64,
    /// When it was sent.
    pub sent: Instant,
    /// When it was done.
    pub at: Instant,
}

impl Done {
    /// How long it took.
    pub fn latency(&self) -> Duration {
        self.at - self.sent
    }

    /// Sense key, additional sense code and its qualifier (fixed format), where there is sense.
    pub fn sense_code(&self) -> Option<(u8, u8, u8)> {
        let sense = self.sense.get(..14)?;
        Some((sense[2] & 0x0f, sense[12], sense[13]))
    }

    /// True for CHECK CONDITION with UNIT ATTENTION.
    pub fn is_unit_attention(&self) -> bool {
        self.status == 2 && self.sense_code().is_some_and(|(key, _, _)| key == 6)
    }
}

/// A command that has been sent.
#[derive(Debug)]
pub(super) struct Task {
    pub command: Command,
    pub sent: Instant,
    data: Vec<u8>,
    data_in: u32,
    r2ts: u32,
}

impl Task {
    pub fn new(command: Command) -> Self {
        Self { command, sent: Instant::now(), data: Vec::new(), data_in: 0, r2ts: 0 }
    }

    /// Takes a Data-In. Without a status there is more to come; with one, and only with GOOD, the command is over.
    pub fn data_in(&mut self, pdu: &Pdu, most: usize) -> anyhow::Result<()> {
        ensure!(pdu.data.len() <= most, "Data-In of {} bytes; {most} were declared", pdu.data.len());
        ensure!(pdu.word(36) == self.data_in, "DataSN {} instead of {}", pdu.word(36), self.data_in);
        let offset = pdu.word(40) as usize;
        ensure!(offset == self.data.len(), "Data-In at {offset} instead of {}", self.data.len());
        ensure!(offset + pdu.data.len() <= self.command.read, "more Data-In than was asked for");
        self.data_in += 1;
        self.data.extend_from_slice(&pdu.data);
        Ok(())
    }

    /// Takes an R2T. Returns where the wanted data begins and how much of it there shall be.
    pub fn r2t(&mut self, pdu: &Pdu, most: usize) -> anyhow::Result<(usize, usize)> {
        let (sequence, offset, length) = (pdu.word(36), pdu.word(40) as usize, pdu.word(44) as usize);
        ensure!(sequence == self.r2ts, "R2TSN {sequence} instead of {}", self.r2ts);
        ensure!((1..=most).contains(&length), "R2T for {length} bytes; MaxBurstLength is {most}");
        ensure!(offset + length <= self.command.write.len(), "R2T for more than there is to write");
        self.r2ts += 1;
        Ok((offset, length))
    }

    /// The end of the command, told by a SCSI Response or by a Data-In with status.
    pub fn done(self, pdu: &Pdu, at: Instant) -> anyhow::Result<Done> {
        let is_data = pdu.opcode() == response::DATA_IN;
        if !is_data {
            ensure!(pdu.bhs[2] == 0, "response {:02x}: not completed at target", pdu.bhs[2]);
            let sent = pdu.word(36);
            ensure!(sent == self.data_in || sent == self.r2ts, "ExpDataSN {sent}, but {} came", self.data_in);
        }
        let sense = match (is_data, pdu.data.get(..2)) {
            (false, Some(length)) => {
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                ensure!(pdu.data.len() >= 2 + length, "sense data that is cut off");
                pdu.data[2..2 + length].to_vec()
            }
            _ => Vec::new(),
        };
        let residual = match pdu.bhs[1] & 0x06 {
            0 => 0,
            2 => i64::from(pdu.word(44)),
            4 => -i64::from(pdu.word(44)),
            _ => bail!("both residual bits are set"),
        };
        let expected = self.command.read as i64 - residual.max(0);
        let count = self.data.len() as i64;
        ensure!(self.command.read == 0 || count == expected, "{count} bytes with residual {residual}");
        let (tag, status) = (pdu.tag(), pdu.bhs[3]);
        Ok(Done { tag, status, sense, data: self.data, residual, sent: self.sent, at })
    }
}

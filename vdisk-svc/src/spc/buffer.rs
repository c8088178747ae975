//! READ BUFFER and WRITE BUFFER (SPC-4 6.18, 6.49): a data buffer and an echo buffer of a unit, for initiators that want to
//! try the way to it.
//!
//! They outlive this process in its notebook; that bounds their size.

use scsi::asc::Asc;
use scsi::command::{Buffer, BufferMode};
use scsi::parameter::ParameterData;
use scsi::sense::Sense;

use super::answer;
use crate::task::{Outcome, Task};
use crate::unit::Unit;

/// Bytes of each buffer.
pub const CAPACITY: usize = 4096;

/// The buffers, as far as they have been written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    data: Vec<u8>,
    echo: Vec<u8>,
}

/// READ BUFFER.
pub fn read(task: &Task, unit: &Unit, request: &Buffer) -> Outcome {
    answer(task, unit.buffers.read(request))
}

/// WRITE BUFFER.
pub fn write(task: &Task, unit: &mut Unit, request: &Buffer) -> Outcome {
    let mut bytes = vec![0; (request.length as usize).min(task.data.bytes()).min(CAPACITY)];
    task.data.read_at(0, &mut bytes);
    match unit.buffers.write(request, &bytes) {
        Ok(()) => {
            unit.touch_buffers();
            Outcome::good(bytes.len(), request.length as usize)
        }
        Err(sense) => Outcome::check(sense),
    }
}

impl Buffers {
    /// What READ BUFFER returns.
    pub fn read(&self, request: &Buffer) -> Result<ParameterData, Sense> {
        let mut data = ParameterData::new(request.length);
        match request.mode {
            BufferMode::Data => {
                let offset = place(request)?;
                let mut bytes = self.data.clone();
                bytes.resize(CAPACITY, 0);
                data.put(&bytes[offset..]);
            }
            // OFFSET BOUNDARY zero: any byte. A buffer that there is not has a capacity of zero.
            BufferMode::Descriptor if request.id == 0 => {
                let [_, a, b, c] = (CAPACITY as u32).to_be_bytes();
                data.put(&[0, a, b, c]);
            }
            BufferMode::Descriptor => data.put(&[0; 4]),
            // What was never written cannot be echoed (SPC-4 6.18.6).
            BufferMode::Echo if self.echo.is_empty() => {
                return Err(Sense::illegal_request(Asc::COMMAND_SEQUENCE_ERROR));
            }
            BufferMode::Echo => data.put(&self.echo),
            BufferMode::EchoDescriptor => {
                let [a, b] = (CAPACITY as u16).to_be_bytes();
                data.put(&[0, 0, a, b]);
            }
        }
        Ok(data)
    }

    /// Takes `bytes`, as much as has come of WRITE BUFFER's data.
    pub fn write(&mut self, request: &Buffer, bytes: &[u8]) -> Result<(), Sense> {
        match request.mode {
            BufferMode::Data => {
                let offset = place(request)?;
                if request.length as usize > CAPACITY - offset {
                    return Err(Sense::invalid_field_in_cdb(6, None));
                }
                let end = offset + bytes.len();
                self.data.resize(self.data.len().max(end), 0);
                self.data[offset..end].copy_from_slice(bytes);
            }
            BufferMode::Echo if request.length as usize > CAPACITY => {
                return Err(Sense::invalid_field_in_cdb(6, None));
            }
            BufferMode::Echo => self.echo = bytes.to_vec(),
            BufferMode::Descriptor | BufferMode::EchoDescriptor => {
                return Err(Sense::invalid_field_in_cdb(1, Some(4)));
            }
        }
        Ok(())
    }

    /// The bytes for the notebook.
    pub fn encode(&self) -> Vec<u8> {
        [&(self.data.len() as u16).to_le_bytes()[..], &self.data, &self.echo].concat()
    }

    /// Reads them back. None if they cannot be those of two buffers.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (data, echo) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let fits = data.len() <= CAPACITY && echo.len() <= CAPACITY;
        fits.then(|| Self { data: data.to_vec(), echo: echo.to_vec() })
    }
}

/// Where in the data buffer; there is one, number 0.
fn place(request: &Buffer) -> Result<usize, Sense> {
    if request.id != 0 {
        return Err(Sense::invalid_field_in_cdb(2, None));
    }
    let offset = request.offset as usize;
    if offset > CAPACITY { Err(Sense::invalid_field_in_cdb(3, None)) } else { Ok(offset) }
}

#[cfg(test)]
mod tests;

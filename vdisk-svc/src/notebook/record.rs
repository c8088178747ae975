//! A record of the notebook as bytes: little-endian, at fixed places, with every field checked on the way back.
//!
//! ```text
//! 0 nexus | 8 serial | 16 unit | 20 phase | 21 room | 24 transferred | 28 wanted
//! begun: 32 offset | 40 length | 44 checksum of the data | 48 generation of the medium
//! done:  48 1 with sense data | 49 key | 50 ASC | 51 ASCQ | 52 1 with INFORMATION | 53 specific | 54 1 if deferred | 56 INFORMATION | 64 specific
//! ```

use ipc::notebook::records::RECORD;
use scsi::asc::Asc;
use scsi::sense::{FieldPointer, Sense, SenseKey, Specific};

use super::Name;
use crate::task::Outcome;

/// How far a command has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is about to write.
    Begun { room: u8, generation: u32, offset: u64, len: u32, checksum: u32, transferred: u32, wanted: u32 },
    /// It has ended.
    Done(Outcome),
}

/// What is known of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub name: Name,
    pub unit: u32,
    pub phase: Phase,
}

const BEGUN: u8 = 1;
const DONE: u8 = 2;

struct Writer([u8; RECORD]);

impl Writer {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

fn get<const N: usize>(bytes: &[u8; RECORD], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

impl Record {
    pub fn encode(&self) -> [u8; RECORD] {
        let mut out = Writer([0; RECORD]);
        out.put(0, &self.name.0.to_le_bytes());
        out.put(8, &self.name.1.to_le_bytes());
        out.put(16, &self.unit.to_le_bytes());
        match &self.phase {
            Phase::Begun { room, generation, offset, len, checksum, transferred, wanted } => {
                out.put(20, &[BEGUN, *room]);
                out.put(24, &transferred.to_le_bytes());
                out.put(28, &wanted.to_le_bytes());
                out.put(32, &offset.to_le_bytes());
                out.put(40, &len.to_le_bytes());
                out.put(44, &checksum.to_le_bytes());
                out.put(48, &generation.to_le_bytes());
            }
            Phase::Done(outcome) => {
                out.put(20, &[DONE, 0]);
                out.put(24, &(outcome.transferred as u32).to_le_bytes());
                out.put(28, &(outcome.wanted as u32).to_le_bytes());
                if let Err(sense) = &outcome.result {
                    put_sense(&mut out, sense);
                }
            }
        }
        out.0
    }

    /// None: no such record is ever written.
    pub fn decode(bytes: &[u8; RECORD]) -> Option<Self> {
        let word = |at| u32::from_le_bytes(get(bytes, at));
        let long = |at| u64::from_le_bytes(get(bytes, at));
        let phase = match bytes[20] {
            BEGUN => Phase::Begun {
                room: bytes[21],
                generation: word(48),
                offset: long(32),
                len: word(40),
                checksum: word(44),
                transferred: word(24),
                wanted: word(28),
            },
            DONE => Phase::Done(Outcome {
                result: if bytes[48] == 0 { Ok(()) } else { Err(get_sense(bytes)?) },
                transferred: word(24) as usize,
                wanted: word(28) as usize,
                condition_met: false,
            }),
            _ => return None,
        };
        Some(Self { name: (long(0), long(8)), unit: word(16), phase })
    }
}

fn put_sense(out: &mut Writer, sense: &Sense) {
    let (kind, value) = match sense.specific {
        Specific::None => (0, [0; 4]),
        Specific::Progress(done) => (1, [0, 0, done.to_le_bytes()[0], done.to_le_bytes()[1]]),
        Specific::Field(FieldPointer { in_cdb, byte, bit }) => {
            let [low, high] = byte.to_le_bytes();
            (2, [u8::from(in_cdb), bit.map_or(0xFF, |bit| bit & 7), low, high])
        }
    };
    let information = u8::from(sense.information.is_some());
    let deferred = u8::from(sense.deferred);
    out.put(48, &[1, sense.key.code(), sense.asc.code, sense.asc.qualifier, information, kind, deferred]);
    out.put(56, &sense.information.unwrap_or(0).to_le_bytes());
    out.put(64, &value);
}

fn get_sense(bytes: &[u8; RECORD]) -> Option<Sense> {
    let key = SenseKey::try_from(bytes[49]).ok()?;
    let asc = Asc { code: bytes[50], qualifier: bytes[51] };
    let [first, second, low, high] = get(bytes, 64);
    let number = u16::from_le_bytes([low, high]);
    let specific = match bytes[53] {
        0 => Specific::None,
        1 => Specific::Progress(number),
        2 => Specific::Field(FieldPointer {
            in_cdb: first != 0,
            byte: number,
            bit: (second <= 7).then_some(second),
        }),
        _ => return None,
    };
    let information = (bytes[52] != 0).then(|| u64::from_le_bytes(get(bytes, 56)));
    Some(Sense { information, specific, deferred: bytes[54] != 0, ..Sense::new(key, asc) })
}

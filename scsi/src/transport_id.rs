//! TransportIDs (SPC-4 7.6.4): the name of a SCSI initiator port as it stands in PERSISTENT RESERVE parameter data.
//!
//! Bytes come from an initiator's parameter list ([`TransportId::parse`]), from a notebook or a file; a value of this type holds
//! only what is possible. Two are equal exactly if they name the same port: what may be written in more than one
//! way (the case of an iSCSI name, of the digits of an ISID) is kept in one.

use std::fmt;

/// PROTOCOL IDENTIFIER (SPC-4 7.6.1) of the protocols that have a TransportID here.
const FCP: u8 = 0x0;
const SRP: u8 = 0x4;
const ISCSI: u8 = 0x5;
const SAS: u8 = 0x6;
/// TPID FORMAT in bits 7 and 6.
const FORMAT: u8 = 0xC0;
/// The one other format that there is: an iSCSI initiator port, 01b.
const ISCSI_PORT: u8 = 0x40;
/// Bytes of every TransportID but iSCSI's.
const FIXED: usize = 24;
/// What separates the iSCSI name from the ISID (RFC 7143 4.2.7.1).
const SEPARATOR: &str = ",i,0x";
/// Longest iSCSI name in bytes (RFC 7143 4.2.7.2).
const LONGEST_NAME: usize = 223;

/// Bytes of the longest TransportID: header, name, separator, twelve digits, NUL, filled up to a multiple of four.
pub const LONGEST: usize = (4 + LONGEST_NAME + SEPARATOR.len() + 12 + 1).next_multiple_of(4);

/// An initiator port, or for iSCSI also a whole initiator device.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransportId {
    /// Fibre Channel: N_PORT_NAME.
    Fcp([u8; 8]),
    /// SRP: INITIATOR PORT IDENTIFIER.
    Srp([u8; 16]),
    /// iSCSI, format 00b: every port of the initiator device with this name.
    IscsiDevice(IscsiName),
    /// iSCSI, format 01b: the port that is this name and this ISID.
    IscsiPort(IscsiName, [u8; 6]),
    /// SAS: SAS ADDRESS.
    Sas([u8; 8]),
}

/// The iSCSI name of an initiator, in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IscsiName(Box<str>);

/// Where in the bytes something is that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {0} of the TransportID")]
pub struct Misplaced(pub usize);

impl IscsiName {
    /// A name, if it can be one.
    pub fn new(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let shape = (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(',');
        let printable = name.bytes().all(|byte| byte > b' ' && byte != 0x7F);
        (shape && printable).then(|| Self(name.into_boxed_str()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IscsiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TransportId {
    /// Reads the TransportID at the start of `bytes`; with it comes the number of bytes that it has.
    ///
    /// # Errors
    /// The offset of the first byte of the wrong field.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Misplaced> {
        let first = *bytes.first().ok_or(Misplaced(0))?;
        let (format, protocol) = (first & FORMAT, first & 0x0F);
        match (protocol, format) {
            (ISCSI, 0 | ISCSI_PORT) => parse_iscsi(bytes, format == ISCSI_PORT),
            (FCP | SRP | SAS, 0) => {
                let fixed = bytes.get(..FIXED).ok_or(Misplaced(bytes.len()))?;
                let id = match protocol {
                    FCP => Self::Fcp(part(fixed, 8)?),
                    SRP => Self::Srp(part(fixed, 8)?),
                    _ => Self::Sas(part(fixed, 4)?),
                };
                Ok((id, FIXED))
            }
            _ => Err(Misplaced(0)),
        }
    }

    /// The TransportID's bytes, a multiple of four.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        match self {
            Self::Fcp(name) => bytes[8..16].copy_from_slice(name),
            Self::Srp(port) => {
                bytes[0] = SRP;
                bytes[8..24].copy_from_slice(port);
            }
            Self::Sas(address) => {
                bytes[0] = SAS;
                bytes[4..12].copy_from_slice(address);
            }
            Self::IscsiDevice(name) => return encode_iscsi(ISCSI, name.as_str()),
            Self::IscsiPort(name, isid) => {
                let digits: String = isid.iter().map(|byte| format!("{byte:02x}")).collect();
                return encode_iscsi(ISCSI | ISCSI_PORT, &format!("{}{SEPARATOR}{digits}", name.as_str()));
            }
        }
        bytes
    }

    /// The port with this SCSI port name: `NAME,i,0xISID` for iSCSI, `fc.` with 16 hexadecimal digits for Fibre
    /// Channel, `srp.` with 32, `sas.` with 16.
    pub fn from_port_name(name: &str) -> Option<Self> {
        if let Some((name, isid)) = name.split_once(SEPARATOR) {
            return Some(Self::IscsiPort(IscsiName::new(name)?, digits(isid)?));
        }
        match name.split_once('.')? {
            ("fc", port) => Some(Self::Fcp(digits(port)?)),
            ("srp", port) => Some(Self::Srp(digits(port)?)),
            ("sas", port) => Some(Self::Sas(digits(port)?)),
            _ => None,
        }
    }

    /// Whether `port` is what this TransportID names: itself, or a port of the device.
    pub fn covers(&self, port: &Self) -> bool {
        match (self, port) {
            (Self::IscsiDevice(device), Self::IscsiPort(name, _)) => device == name,
            _ => self == port,
        }
    }

    /// Whether a port of the other's protocol could be this one.
    pub fn is_protocol_of(&self, other: &Self) -> bool {
        let iscsi = |id: &Self| matches!(id, Self::IscsiDevice(_) | Self::IscsiPort(..));
        std::mem::discriminant(self) == std::mem::discriminant(other) || iscsi(self) && iscsi(other)
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Misplaced> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Misplaced(at))
}

/// So many bytes, as twice as many hexadecimal digits.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// SPC-4 7.6.4.6: ADDITIONAL LENGTH is at least 20 and a multiple of four; the text ends with a NUL and NULs fill the rest.
fn parse_iscsi(bytes: &[u8], port: bool) -> Result<(TransportId, usize), Misplaced> {
    let length = usize::from(u16::from_be_bytes(part(bytes, 2)?));
    if length < FIXED - 4 || !length.is_multiple_of(4) || length > LONGEST - 4 {
        return Err(Misplaced(2));
    }
    let field = bytes.get(4..4 + length).ok_or(Misplaced(2))?;
    let end = field.iter().position(|byte| *byte == 0).ok_or(Misplaced(4))?;
    let (text, rest) = field.split_at(end);
    if let Some(at) = rest.iter().position(|byte| *byte != 0) {
        return Err(Misplaced(4 + end + at));
    }
    let text = std::str::from_utf8(text).map_err(|error| Misplaced(4 + error.valid_up_to()))?;
    let id = match text.split_once(SEPARATOR) {
        Some((name, isid)) if port => {
            let isid = digits(isid).ok_or(Misplaced(4 + name.len()))?;
            IscsiName::new(name).map(|name| TransportId::IscsiPort(name, isid))
        }
        None if !port => IscsiName::new(text).map(TransportId::IscsiDevice),
        _ => None,
    };
    Ok((id.ok_or(Misplaced(4))?, 4 + length))
}

fn encode_iscsi(head: u8, text: &str) -> Vec<u8> {
    let length = (text.len() + 1).next_multiple_of(4).max(FIXED - 4);
    let mut bytes = vec![head, 0];
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(4 + length, 0);
    bytes
}

#[cfg(test)]
mod tests;

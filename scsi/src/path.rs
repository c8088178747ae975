//! How a command reached its logical unit: what of the answers to INQUIRY and MODE SENSE depends on the way.
//!
//! core-svc knows the way and tells handlers of it with each command. Next: [`crate::inquiry`], [`crate::vpd`].

/// The way of one command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Path {
    /// RELATIVE TARGET PORT IDENTIFIER of the port; 0 if it is not known.
    pub port: u16,
    /// TARGET PORT GROUP of the port.
    pub port_group: u16,
    /// Version of the transport protocol that was negotiated: for iSCSI iSCSIProtocolLevel; 0 if nothing was.
    pub protocol_level: u8,
    /// Writes are refused on this way, whatever the unit allows.
    pub write_protected: bool,
    /// The port is in a state in which the unit cannot be used through it (unavailable, offline): the peripheral qualifier
    /// of INQUIRY data says so (SPC-4 5.15.2.4.5).
    pub unavailable: bool,
}

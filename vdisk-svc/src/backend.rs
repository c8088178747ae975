//! What a logical unit is made of. One kind, one file: [`mod@file`] (also block devices), [`null`], [`fault`].
//!
//! A backend answers at once or says that it would block; then the I/O goes to the [`crate::engine`]. It knows bytes
//! and offsets, nothing of SCSI.

pub mod allocation;
pub mod direct;
pub mod fault;
mod fiemap;
pub mod file;
pub mod null;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::span::Spans;
use direct::Align;
use fault::Fault;
use file::Medium;
use null::Null;

/// A backend whose medium is ours alone.
#[derive(Debug)]
pub enum Backend {
    /// A file or block device.
    File(Medium),
    /// Nothing.
    Null(Null),
    /// A file that misbehaves.
    Fault(Fault),
    /// A file whose data is left alone: READ and WRITE of it are pretended.
    Pretend(Medium),
}

/// What a try that must not block came to.
#[derive(Debug)]
pub enum Attempt {
    /// So many bytes were moved, at least one.
    Moved(usize),
    /// It has to go to the engine.
    WouldBlock,
    /// The medium said no.
    Failed(io::Error),
}

/// How one I/O is to go, decided before it begins. Only a fault device has anything but the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    /// It begins so much later.
    pub delay: Option<Duration>,
    /// It fails with EIO.
    pub fail: bool,
    /// The first try moves only half.
    pub half: bool,
    /// The process dies when half of it is done.
    pub die: bool,
}

/// Which way bytes move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the medium to the initiator.
    In,
    /// From the initiator to the medium.
    Out,
}

impl Backend {
    /// Size of the medium in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File(medium) | Self::Pretend(medium) => medium.bytes(),
            Self::Null(null) => null.bytes(),
            Self::Fault(fault) => fault.medium_ref().bytes(),
        }
    }

    /// Counts one I/O and says how it is to go.
    #[inline]
    pub fn plan(&mut self) -> Plan {
        match self {
            Self::Fault(fault) => fault.plan(),
            _ => Plan::default(),
        }
    }

    /// Moves bytes if that can be done without waiting for a device.
    #[inline]
    pub fn attempt(&mut self, way: Way, spans: &Spans, skip: usize, len: usize, offset: u64) -> Attempt {
        match self {
            Self::File(medium) => medium.attempt(way, &mut spans.pieces(skip, len), offset),
            Self::Null(_) | Self::Pretend(_) => null::attempt(way, spans, len),
            Self::Fault(fault) => fault.medium().attempt(way, &mut spans.pieces(skip, len), offset),
        }
    }

    /// What transfers have to be aligned to, if the page cache is left out.
    pub fn direct(&self) -> Option<Align> {
        match self {
            Self::File(medium) | Self::Pretend(medium) => medium.direct(),
            Self::Fault(fault) => fault.medium_ref().direct(),
            Self::Null(_) => None,
        }
    }

    /// Whether blocks can be anchored: reserved, and told from others.
    pub fn anchors(&self) -> bool {
        match self {
            Self::File(medium) | Self::Pretend(medium) => medium.anchors(),
            Self::Fault(fault) => fault.medium_ref().anchors(),
            Self::Null(_) => false,
        }
    }

    /// The file for the engine; a backend without one never says [`Attempt::WouldBlock`] and needs no sync.
    pub fn file(&self) -> Option<&Arc<File>> {
        match self {
            Self::File(medium) | Self::Pretend(medium) => Some(medium.file()),
            Self::Fault(fault) => Some(fault.medium_ref().file()),
            Self::Null(_) => None,
        }
    }
}

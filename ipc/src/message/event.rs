//! What a service sends to the supervisor.

use serde::{Deserialize, Serialize};

use super::config::{AccessState, ServiceKind};
use super::explain::Explained;

/// What came of a `Grant::Change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceAnswer {
    /// The medium could be changed: nothing stands against it. To be settled.
    Prepared,
    /// It is done; the device has so many bytes now.
    Done {
        /// Size in bytes; 0 without a medium.
        bytes: u64,
    },
    /// It cannot be done, and everything is as it was: the text says why, for the administrator.
    Refused {
        /// Why.
        text: String,
    },
}

/// A message to the supervisor, with the descriptors that come with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first message of every service, before any grant.
    Hello {
        /// [`crate::ABI_VERSION`] of its build.
        abi: u32,
        /// What it is.
        kind: ServiceKind,
        /// Version of its package.
        version: String,
        /// Names of its counters, in the order in which they stand on the statistics page.
        counters: Vec<String>,
    },
    /// It serves.
    Ready,
    /// A grant cannot be served: the text says what and why, for the administrator. The service goes on without it.
    Problem {
        /// What is wrong, where, and what to do.
        text: String,
    },
    /// Answer to a change of a device.
    Device {
        /// The unit's index.
        unit: u32,
        /// The request.
        request: u64,
        /// What came of it.
        answer: DeviceAnswer,
    },
    /// The peer broke the contract; the link was closed at this end.
    PeerFault {
        /// The peer's index.
        peer: u32,
        /// The link's epoch.
        epoch: u64,
        /// What it did.
        fault: String,
    },
    /// Keep this connected socket for a successor. Descriptor: the socket.
    Deposit {
        /// Chosen by the service, unique among its living connections.
        key: u64,
    },
    /// The connection is over: close the deposited socket.
    Withdraw {
        /// The key.
        key: u64,
    },
    /// It has ended in order and is about to exit.
    Stopped,
    /// The asymmetric access state of a target port group for a device group is this now: said of all of them before
    /// `Ready`, and of each that was set by the administrator or an initiator.
    AccessState {
        /// Index of the device group.
        device_group: u32,
        /// Identifier of the target port group.
        port_group: u16,
        /// The state.
        state: AccessState,
    },
    /// Answer to `Grant::Explain`.
    Explained {
        /// The request.
        request: u64,
        /// How the commands stand.
        told: Explained,
    },
}

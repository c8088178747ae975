//! What the end-to-end suites share: a target in a temporary directory, the clients that load it, and the rules of a
//! test that waits.
//!
//! Knows the target from outside only: its command line, its manifest, its sockets. The iSCSI initiator here is written
//! from RFC 7143 and shares no code with `iscsi-svc`, so that a mistake in one does not hide in the other. Begin with
//! [`suite`], then [`target`].

pub mod suite;

pub mod binaries;
pub mod manifest;
pub mod status;
pub mod target;

pub mod chaos;
pub mod counter;
pub mod crash_points;
pub mod gauge;
pub mod initiator;
pub mod load;
pub mod pause;
pub mod segments;
pub mod stir;

pub mod clients;
pub mod fio;
pub mod loop_device;
pub mod small_fs;
pub mod test_cu;

pub mod deadline;
pub mod leftovers;
pub mod random;

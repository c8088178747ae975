//! What processes say to one another.
//!
//! [`record`] is the data path: fixed-size records in rings between services. [`grant`] and [`event`] are the control
//! path between the supervisor and a service, encoded by [`codec`] and carried by [`crate::channel`].

pub mod codec;
pub mod config;
pub mod event;
pub mod explain;
pub mod grant;
pub mod record;

pub use event::Event;
pub use grant::Grant;

//! Commands of SBC-3: those that move blocks, and those about the medium that holds them.

pub mod capacity;
pub mod read_write;
pub mod start_stop;
pub mod synchronize;

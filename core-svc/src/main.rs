//! Stand-in until the service is written.
fn main() {}

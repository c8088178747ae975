//! `bulkhead chaos`: hands over to `bulkhead-chaos`, a program of its own that is installed where it is wanted. It starts
//! targets as anybody would, and knows nothing of this crate.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::spawn;

/// Its name.
const PROGRAM: &str = "bulkhead-chaos";

/// Becomes that program.
///
/// # Errors
/// It is not installed.
pub fn become_chaos(arguments: &[OsString]) -> Result<Infallible> {
    let own = spawn::own_program();
    let program = own.parent().unwrap_or(&own).join(PROGRAM);
    let error = Command::new(&program).args(arguments).exec();
    Err(anyhow!(
        "{} cannot be run: {error}; it comes with the tests: cargo build --release --bins",
        program.display()
    ))
}

//! The `bulkhead` binary: hands what was typed to `supervisor::cli`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    supervisor::cli::main(supervisor::cli::Cli::parse()).unwrap_or_else(|error| {
        eprintln!("bulkhead: {error:#}");
        ExitCode::FAILURE
    })
}

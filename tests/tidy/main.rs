//! The rules of the repository that a machine can check: heads of files, their length, where unsafe code is, who depends
//! on whom, what is not to be committed. Reads sources as text; trusts git for the list of files.

mod crates;
mod files;

use std::process::ExitCode;

use harness::suite::{self, Case};

fn main() -> ExitCode {
    suite::main(vec![
        Case::new("every_rust_file_has_a_head", files::heads),
        Case::new("no_file_is_too_long", files::lengths),
        Case::new("modules_are_named_after_their_files", files::no_mod_rs),
        Case::new("unsafe_code_is_in_the_closed_list_only", files::unsafe_code),
        Case::new("no_build_product_log_or_binary_is_committed", files::products),
        Case::new("every_crate_takes_the_lints_of_the_workspace", crates::lints),
        Case::new("every_crate_takes_its_versions_from_the_workspace", crates::versions),
        Case::new("services_depend_on_scsi_and_ipc_only", crates::dependencies),
        Case::new("bincode_is_used_in_one_module", files::bincode),
        Case::new("no_test_is_ignored", files::ignored),
    ])
}

/// Fails with a line for each finding.
fn none(findings: Vec<String>) -> anyhow::Result<()> {
    anyhow::ensure!(findings.is_empty(), "\n{}", findings.join("\n"));
    Ok(())
}

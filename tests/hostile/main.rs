//! Initiators that lie, stutter, flood or stay silent. Whatever they do, an honest session beside them goes on, and no
//! process of the target dies.

mod connections;
mod pdus;

use std::process::ExitCode;

use anyhow::{Context, ensure};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::suite::{self, Case};
use harness::target::Target;

fn main() -> ExitCode {
    suite::main(vec![
        Case::new("pdu_with_lying_lengths_ends_its_connection_only", pdus::lying_lengths),
        Case::new("pdu_with_unknown_opcode_is_rejected_or_ends_its_connection", pdus::unknown_opcodes),
        Case::new("pdu_of_a_target_sent_by_an_initiator_is_survived", pdus::targets_own),
        Case::new("pdu_with_a_wrong_digest_is_not_executed", pdus::wrong_digest),
        Case::new("pdus_of_any_bytes_are_survived", pdus::any_bytes),
        Case::new("pdus_with_single_bits_wrong_are_survived", pdus::bit_flips),
        Case::new("data_out_for_no_task_is_survived", pdus::stray_data),
        Case::new("data_out_past_the_end_of_its_task_is_survived", pdus::data_past_the_end),
        Case::new("login_with_garbage_keys_is_refused", connections::garbage_keys),
        Case::new("login_byte_by_byte_works", connections::slow_login),
        Case::new("connections_that_say_nothing_do_not_keep_others_out", connections::silent),
        Case::new("connections_by_the_thousand_are_survived", connections::thousands),
        Case::new("connection_closed_in_the_middle_of_a_command_is_survived", connections::cut_off),
    ])
}

/// Runs `attack` while an honest session loads the target, and checks that nobody noticed.
fn beside_an_honest_session(attack: impl FnOnce(&Target) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let manifest = Manifest::usual(64).service("iscsi", "max_connections = 64");
    let target = Target::start(&manifest)?;
    let plan = Plan { depth: 4, initiator: 99, ..Plan::usual(target.portal, 1) };
    let honest = Load::start(plan)?;
    attack(&target).with_context(|| target.logs())?;
    honest.wait_for_progress(100).with_context(|| target.logs())?;
    honest.finish()?.flawless()?;
    for service in target.status()?.services {
        let death = service.last_death.map(|death| death.cause).unwrap_or_default();
        ensure!(service.restarts == 0, "{} died: {death}\n{}", service.name, target.logs());
    }
    target.stop()
}

//! Sessions as RFC 7143 has them, checked by an initiator that shares no code with the target: login and what it refuses,
//! negotiation, discovery, data in every form that can be negotiated, task management, the end of a session.

mod commands;
mod paths;
mod phase;

use std::process::ExitCode;

use harness::suite::{self, Case};

fn main() -> ExitCode {
    suite::main(vec![
        Case::new("login_to_an_unknown_target_is_refused", phase::unknown_target),
        Case::new("login_without_an_initiator_name_is_refused", phase::no_initiator_name),
        Case::new("login_negotiates_each_key_by_its_rule", phase::negotiation),
        Case::new("login_of_the_same_port_reinstates_the_session", phase::reinstatement),
        Case::new("login_of_another_port_leaves_the_first_alone", phase::two_sessions),
        Case::new("send_targets_names_the_target_and_its_portal", phase::discovery),
        Case::new("logout_closes_the_connection", phase::logout),
        Case::new("nop_out_is_answered_with_its_data", commands::ping),
        Case::new("first_command_meets_a_unit_attention", commands::unit_attention),
        Case::new("report_luns_lists_every_lun", commands::report_luns),
        Case::new("read_and_write_with_every_negotiation_of_data", commands::data_forms),
        Case::new("read_and_write_with_digests", commands::digests),
        Case::new("read_past_the_end_is_refused", commands::past_the_end),
        Case::new("read_with_wrong_expected_length_has_a_residual", commands::residuals),
        Case::new("command_to_an_unknown_lun_is_refused", commands::unknown_lun),
        Case::new("abort_task_of_an_unknown_task_is_answered", commands::abort_unknown),
        Case::new("logical_unit_reset_raises_a_unit_attention_for_others", commands::reset),
        Case::new("two_ports_of_a_unit_tell_of_each_other", paths::both_ports),
        Case::new("state_of_a_port_group_changes_while_it_is_used", paths::states),
        Case::new("state_asked_of_a_core_that_dies_is_asked_again", paths::asked_of_a_dead_core),
        Case::new("alua_command_that_cannot_be_is_refused", paths::refusals),
        Case::new("initiator_of_an_access_group_sees_its_own_luns", paths::access_group),
        Case::new("several_sessions_load_one_unit_each", commands::many_sessions),
    ])
}

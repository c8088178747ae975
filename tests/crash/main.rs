//! Every process of the target is killed, stopped, or kept from starting, at random times under load. Initiators see a
//! pause, never an error, and every byte is right.
//!
//! `BULKHEAD_KILLS` says how often each service is killed (5; the full run takes 20), `BULKHEAD_SEED` repeats a run.

mod adoption;
mod again;
mod atomic;
mod chaos;
mod clients;
mod copies;
mod full;
mod garbage;
mod hang;
mod kills;
mod lifecycle;
mod lost;
mod media;
mod overlap;
mod pauses;
mod points;
mod post_mortem;
mod power;
mod refusals;
mod reservations;
mod why;
mod witness;

use std::process::ExitCode;
use std::time::Duration;

use harness::clients::Need;
use harness::suite::{self, Case};

/// How often each service is killed.
fn kills() -> usize {
    std::env::var("BULKHEAD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn main() -> ExitCode {
    let long = Duration::from_secs(600);
    suite::main(vec![
        Case::new("damage_to_the_medium_is_noticed_by_the_load", witness::damage),
        Case::new("errors_of_the_host_never_become_good", witness::errors_of_the_host),
        Case::new("data_that_the_host_loses_is_told_unasked", lost::unasked),
        Case::new("data_that_was_lost_as_vdisk_died_is_told", lost::unheard),
        Case::new("short_io_is_finished", witness::short_io),
        Case::new("post_mortem_names_the_last_commands", post_mortem::names_the_last_commands),
        Case::new("why_names_a_stopped_vdisk", why::stopped_vdisk),
        Case::new("why_names_a_stopped_core", why::stopped_core),
        Case::new("vdisk_dies_under_load", kills::vdisk).limit(long),
        Case::new("vdisk_with_worker_threads_dies_under_load", kills::vdisk_with_threads).limit(long),
        Case::new("services_die_without_polling", kills::without_polling).limit(long),
        Case::new("vdisk_and_core_die_with_write_through", kills::write_through).limit(long),
        Case::new("core_dies_under_load", kills::core).limit(long),
        Case::new("iscsi_dies_under_load", kills::iscsi).limit(long),
        Case::new("iscsi_dies_under_load_with_digests", kills::iscsi_with_digests).limit(long),
        Case::new("iscsi_dies_under_load_of_4_kib", kills::iscsi_with_small_commands).limit(long),
        Case::new("iscsi_dies_under_load_of_1_mib", kills::iscsi_with_large_commands).limit(long),
        Case::new(
            "iscsi_dies_under_load_of_1_mib_with_digests",
            kills::iscsi_with_large_commands_and_digests,
        )
        .limit(long),
        Case::new("every_service_dies_under_load_in_turns", kills::in_turns).limit(long),
        Case::new("vdisk_and_core_die_at_once", kills::at_once).limit(long),
        Case::new("iscsi_and_core_die_at_once", kills::iscsi_and_core_at_once).limit(long),
        Case::new("all_services_die_at_once", kills::all_at_once).limit(long),
        Case::new("nothing_that_was_written_over_comes_back_when_services_die", overlap::nothing_comes_back)
            .limit(long),
        Case::new("service_dies_again_during_its_recovery", again::during_recovery).limit(long),
        Case::new("handler_that_dies_again_and_again_is_held_and_brought_back", again::until_it_is_held),
        Case::new("compare_and_write_counter_is_exact_under_kills", atomic::counter_is_exact).limit(long),
        Case::new("vdisk_dies_in_the_middle_of_an_io", kills::in_the_middle).limit(long),
        Case::new("processes_die_in_the_middle_of_persistent_reserve_out", reservations::every_process)
            .limit(long),
        Case::new("vdisk_dies_while_fio_verifies", clients::fio_vdisk).needs(&[Need::Fio]).limit(long),
        Case::new("core_dies_while_fio_verifies", clients::fio_core).needs(&[Need::Fio]).limit(long),
        Case::new("iscsi_dies_while_fio_verifies", clients::fio_iscsi).needs(&[Need::Fio]).limit(long),
        Case::new("services_die_while_qemu_img_converts", clients::qemu)
            .needs(&[Need::QemuIscsi])
            .limit(long),
        Case::new("iscsi_dies_while_qemu_img_converts", clients::qemu_iscsi)
            .needs(&[Need::QemuIscsi])
            .limit(long),
        Case::new("image_without_a_name_is_served_across_deaths", media::unlinked),
        Case::new("disk_is_resized_under_load", media::resize),
        Case::new("image_is_changed_and_deaths_do_not_change_it_back", media::change),
        Case::new("medium_is_ejected_and_inserted", media::eject_and_insert),
        Case::new("vdisk_dies_on_a_block_device_past_the_page_cache", media::blockio).limit(long),
        Case::new("qemu_img_round_trip_past_the_page_cache", media::blockio_qemu)
            .needs(&[Need::QemuIscsi])
            .limit(long),
        Case::new("processes_die_while_a_thin_medium_has_no_room_left", full::medium).limit(long),
        Case::new("processes_die_while_a_thin_medium_on_ext4_has_no_room_left", full::medium_on_ext4)
            .limit(long),
        Case::new("processes_die_while_the_state_directory_has_no_room_left", full::state_directory)
            .limit(long),
        Case::new("vdisk_dies_and_its_notebook_is_garbage", garbage::vdisk).limit(long),
        Case::new("core_dies_and_its_notebook_is_garbage", garbage::core).limit(long),
        Case::new("iscsi_dies_and_its_notebook_is_garbage", garbage::iscsi).limit(long),
        Case::new("core_and_vdisks_die_while_blocks_are_copied", copies::copies).limit(long),
        Case::new("hanging_vdisk_is_found_by_its_heartbeat_and_replaced", hang::vdisk),
        Case::new("hanging_core_is_found_by_its_heartbeat_and_replaced", hang::core),
        Case::new("hanging_iscsi_is_found_by_its_heartbeat_and_replaced", hang::iscsi),
        Case::new("hanging_supervisor_is_found_by_its_keeper_and_replaced", hang::supervisor),
        Case::new("spinning_vdisk_is_found_by_its_heartbeat_and_replaced", hang::spinning_vdisk),
        Case::new("spinning_core_is_found_by_its_heartbeat_and_replaced", hang::spinning_core),
        Case::new("spinning_iscsi_is_found_by_its_heartbeat_and_replaced", hang::spinning_iscsi),
        Case::new("spinning_supervisor_is_found_by_its_keeper_and_replaced", hang::spinning_supervisor),
        Case::new(
            "sessions_that_begin_while_the_supervisor_hangs_survive",
            hang::logins_without_a_supervisor,
        ),
        Case::new("vdisk_away_past_the_hold_limit_fails_commands_until_it_is_back", hang::hold_limit),
        Case::new("service_stopped_and_started_by_an_administrator", lifecycle::stop_start),
        Case::new("service_restarted_and_killed_by_command", lifecycle::restart_and_kill),
        Case::new("stats_board_tells_what_the_supervisor_tells", lifecycle::board),
        Case::new("supervisor_on_sigterm_leaves_nothing_behind", lifecycle::sigterm),
        Case::new("bulkhead_dies_as_a_whole_and_the_next_one_cleans_up", lifecycle::bulkhead_dies),
        Case::new("what_was_promised_survives_a_loss_of_power", power::failures).limit(long),
        Case::new("pauses_at_queue_depth_one", pauses::at_depth_one).limit(long),
        Case::new("services_die_with_64_devices_and_64_sessions", pauses::of_many).limit(long),
        Case::new("supervisor_dies_under_load", adoption::supervisor).limit(long),
        Case::new("service_dies_after_the_return_of_the_supervisor", adoption::then_a_service).limit(long),
        Case::new("supervisor_and_a_service_die_at_once", adoption::at_once).limit(long),
        Case::new("service_dies_while_there_is_no_supervisor", adoption::unsupervised),
        Case::new("services_and_supervisor_are_upgraded_under_load", adoption::upgrades).limit(long),
        Case::new("keeper_dies_and_the_supervisor_goes_on", adoption::keeper),
        Case::new("core_dies_at_every_crash_point", points::core).limit(long),
        Case::new("iscsi_dies_at_every_crash_point", points::iscsi).limit(long),
        Case::new("vdisk_dies_at_every_crash_point", points::vdisk).limit(long),
        Case::new("supervisor_dies_at_every_crash_point", points::supervisor).limit(long),
        Case::new("every_fault_on_every_process_under_every_workload", chaos::everything).limit(long),
        Case::new("idle_target_uses_no_cpu", lifecycle::idle),
        Case::new("second_supervisor_on_a_run_directory_is_refused", refusals::second_supervisor),
        Case::new("portal_in_use_is_named", refusals::portal_in_use),
        Case::new("missing_service_binary_is_named", refusals::missing_binary),
        Case::new("binary_that_is_no_service_is_reported", refusals::not_a_service),
        Case::new("manifest_with_a_mistake_starts_nothing", refusals::bad_manifest),
    ])
}

//! What Linux finds: its own initiator in a guest of QEMU's logs in to a target on the host by two paths, and the SCSI
//! utilities, file systems and multipath work on what is there.
//!
//! One guest and one target serve all cases, one after the other; nothing of ours runs in the guest but what starts
//! scripts (`guest/agent`). `guest/build.sh` makes the guest; without it the cases are skipped.

mod bench;
mod blocks;
mod cdrom;
mod files;
mod guest;
mod iso;
mod kills;
mod pages;
mod recovery;
mod reservations;
mod resize;
mod settings;
mod thin;

use std::process::ExitCode;
use std::time::Duration;

use harness::suite::{self, Case};

fn main() -> ExitCode {
    let cases = vec![
        case("linux_logs_in_by_two_paths", pages::two_paths),
        case("sg_inq_shows_the_identity", pages::inquiry),
        case("sg_vpd_decodes_every_page", pages::vpd),
        case("sg_luns_shows_every_unit", pages::luns),
        case("sg_readcap_and_linux_agree_on_sizes", pages::capacity),
        case("sg_modes_decodes_every_page", pages::modes),
        case("sg_opcodes_lists_commands_and_functions", pages::opcodes),
        case("sg_logs_decodes_every_page", pages::logs),
        case("sg_compare_and_write_writes_if_equal", blocks::compare_and_write),
        case("sg_write_same_repeats_a_block", blocks::write_same),
        case("sg_write_x_and_sg_write_verify_write", blocks::other_writes),
        case("sg_verify_tells_equal_from_different", blocks::verify),
        case("sg_xcopy_copies_between_units", blocks::copy),
        case("sg_unmap_and_sg_get_lba_status_agree", thin::unmap),
        case("sg_sanitize_and_sg_format_leave_zeros", settings::erase),
        case("fstrim_gives_space_back_to_the_host", thin::trim),
        case("ext4_holds_verified_data", files::ext4),
        case("sg_persist_reserves_for_one_path", reservations::persistent),
        case("sg_rtpg_and_sg_stpg_agree_on_states", pages::port_groups),
        case("sg_reset_leaves_a_working_disk", recovery::reset),
        case("resets_under_load_lose_nothing", recovery::reset_under_load),
        case("sg_start_stops_and_starts_for_both_paths", settings::stop_and_start),
        case("linux_switches_the_write_cache", settings::write_cache),
        case("multipath_goes_on_when_a_path_is_gone", recovery::multipath),
        case("ext4_does_not_notice_kills_and_an_upgrade", kills::ext4),
        case("linux_sees_a_resize", resize::grows),
        case("linux_mounts_and_ejects_a_cd", cdrom::mounts_and_ejects),
        case("linux_sees_another_cd", cdrom::changes),
    ];
    let code = suite::main(cases);
    if let Err(error) = bench::end() {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    code
}

/// The first case boots the guest: on a busy machine that takes its time.
fn case(name: &str, run: fn(&mut bench::Bench) -> anyhow::Result<()>) -> Case {
    Case::new(name, move || bench::with(run)).limit(Duration::from_secs(600))
}

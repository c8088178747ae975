//! What other people's initiators find: libiscsi's tools and its conformance suite, QEMU's block driver.
//!
//! `BULKHEAD_IMAGE_MIB` sets the size of the images that qemu-img copies (256; the full run takes 1024).

mod devices;
mod protected;
mod qemu;
mod skips;
mod test_cu;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use harness::clients::{Need, must};
use harness::manifest::{Manifest, TARGET};
use harness::suite::{self, Case};
use harness::target::Target;

/// Cases that run at once. libiscsi's tests wait for answers that must not come and for units that are sanitized slowly.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut cases = vec![
        Case::new("iscsi_ls_shows_the_target_and_its_luns", iscsi_ls).needs(&[Need::Libiscsi]),
        Case::new("iscsi_inq_reads_every_page_that_is_announced", iscsi_inq).needs(&[Need::Libiscsi]),
    ];
    cases.push(Case::new("protection_excuses_nothing_but_refused_writes", protected::objects));
    cases.extend(test_cu::cases());
    let qemu = [
        Case::new("qemu_img_round_trip_of_one_image", qemu::one),
        Case::new("qemu_img_round_trips_of_two_luns_at_once", qemu::two_at_once),
    ];
    cases.extend(qemu.map(|case| case.needs(&[Need::QemuIscsi]).limit(Duration::from_secs(600))));
    suite::main_at_once(AT_ONCE, cases)
}

fn iscsi_ls() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let said = must("iscsi-ls", &["-s", &format!("iscsi://{}", target.portal)])?;
    ensure!(said.contains(&format!("Target:{TARGET} Portal:{},1", target.portal)), "{said}");
    ensure!(said.contains("Lun:0    Type:DIRECT_ACCESS (Size:63M)") || said.contains("(Size:64M)"), "{said}");
    ensure!(said.contains("Lun:1    Type:DIRECT_ACCESS"), "{said}");
    ensure!(!said.contains("Lun:2"), "{said}");
    target.stop()
}

fn iscsi_inq() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let standard = must("iscsi-inq", &[&target.url(0)])?;
    ensure!(standard.contains("Peripheral Device Type:DIRECT_ACCESS"), "{standard}");
    let pages = must("iscsi-inq", &["-e", "1", "-c", "0x00", &target.url(0)])?;
    for page in ["0x00", "0x80", "0x83", "0xb0", "0xb1"] {
        ensure!(pages.to_lowercase().contains(&page[2..]), "page {page} is not announced: {pages}");
        must("iscsi-inq", &["-e", "1", "-c", page, &target.url(0)])?;
    }
    target.stop()
}

//! Images that qemu-img copies to logical units and back: every byte comes again.

use std::path::Path;

use harness::clients::{compare, convert_from, convert_to};
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;

fn image_mib() -> u64 {
    std::env::var("BULKHEAD_IMAGE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(256)
}

/// An image of random bytes.
fn random_image(path: &Path, mib: u64, random: &mut Random) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(path)?;
    (0..mib).try_for_each(|_| file.write_all(&random.bytes(1 << 20)))?;
    Ok(())
}

fn round_trip(target: &Target, lun: usize, mib: u64, mut random: Random) -> anyhow::Result<()> {
    let (sent, back) =
        (target.dir.path().join(format!("sent{lun}")), target.dir.path().join(format!("back{lun}")));
    random_image(&sent, mib, &mut random)?;
    let url = target.url(lun);
    convert_to(&sent, &url)?;
    compare(&sent.display().to_string(), &url)?;
    convert_from(&url, &back)?;
    compare(&sent.display().to_string(), &back.display().to_string())?;
    // The medium itself, behind the target's back.
    compare(&sent.display().to_string(), &target.image(&format!("disk{lun}")).display().to_string())
}

/// One image to one unit.
pub fn one() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::default().file("disk0", image_mib(), ""))?;
    round_trip(&target, 0, image_mib(), Random::printed("qemu-img"))?;
    target.stop()
}

/// Two images to two units at once.
pub fn two_at_once() -> anyhow::Result<()> {
    let mib = image_mib();
    let target = Target::start(&Manifest::default().file("disk0", mib, "").file("disk1", mib, ""))?;
    let mut random = Random::printed("qemu-img");
    let seeds = [Random::new(random.number()), Random::new(random.number())];
    std::thread::scope(|scope| {
        let trip = |lun: usize| round_trip(&target, lun, mib, seeds[lun].clone());
        let other = scope.spawn(move || trip(1));
        let own = round_trip(&target, 0, mib, seeds[0].clone());
        own.and(other.join().unwrap_or_else(|_| anyhow::bail!("panicked")))
    })?;
    target.stop()
}

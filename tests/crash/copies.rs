//! EXTENDED COPY between two handlers while every process under it is killed: the disks end as one copy leaves them.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::login::Login;
use harness::initiator::task::Command;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Bytes of each disk.
const DISK: usize = 64 << 20;
const BLOCK: usize = 512;
/// Blocks that a segment can have.
const MOST_BLOCKS: u64 = 0x7FFF;

/// One segment: disk and block where it comes from and goes to, and how many blocks.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: (usize, u64),
    to: (usize, u64),
    blocks: u64,
}

impl Segment {
    fn random(random: &mut Random) -> Self {
        let blocks = random.between(1, MOST_BLOCKS);
        let place = |random: &mut Random| random.between(0, (DISK / BLOCK) as u64 - blocks);
        let (from, to) = (place(random), place(random));
        let (source, destination) = (random.between(0, 2) as usize, random.between(0, 2) as usize);
        // Every other one that stays on its disk goes just a little further, or back.
        let near = source == destination && random.between(0, 2) == 0;
        let to = if near { (from + random.between(0, 600)).saturating_sub(300) } else { to };
        let to = to.min((DISK / BLOCK) as u64 - blocks);
        Self { from: (source, from), to: (destination, to), blocks }
    }

    /// What it does to the disks.
    fn apply(&self, disks: &mut [Vec<u8>; 2]) {
        let bytes = |place: u64| place as usize * BLOCK..(place + self.blocks) as usize * BLOCK;
        let moved = disks[self.from.0][bytes(self.from.1)].to_vec();
        disks[self.to.0][bytes(self.to.1)].copy_from_slice(&moved);
    }

    /// The segment descriptor (SPC-4 6.4.6.2).
    fn descriptor(&self) -> Vec<u8> {
        let mut bytes = vec![0x02, 0x00, 0, 0x18, 0, self.from.0 as u8, 0, self.to.0 as u8, 0, 0];
        bytes.extend((self.blocks as u16).to_be_bytes());
        bytes.extend(self.from.1.to_be_bytes());
        bytes.extend(self.to.1.to_be_bytes());
        bytes
    }
}

/// An identification descriptor with the NAA name from a Device Identification page.
fn target(page: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut rest = page.get(4..).context("a header")?;
    while let [code_set, kind, _, length, ..] = *rest {
        let (designator, after) = rest.split_at(4 + usize::from(length));
        if (code_set & 0x0F, kind & 0x3F) == (0x01, 0x03) {
            let mut bytes = vec![0xE4, 0, 0, 0];
            bytes.extend(designator);
            bytes.resize(28, 0);
            bytes.extend([0, 0, 0x02, 0x00]);
            return Ok(bytes);
        }
        rest = after;
    }
    anyhow::bail!("no NAA name in {page:02x?}")
}

/// A parameter list with LIST ID USAGE 10b.
fn list(targets: &[Vec<u8>], segments: &[Segment]) -> Vec<u8> {
    let mut bytes = vec![1, 0x10, 0, (targets.len() * 32) as u8, 0, 0, 0, 0];
    bytes.extend(((segments.len() * 28) as u32).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(targets.concat());
    segments.iter().for_each(|segment| bytes.extend(segment.descriptor()));
    bytes
}

/// Copies that go on over deaths of the core and of both handlers.
pub fn copies() -> anyhow::Result<()> {
    let mut random = Random::printed("copies");
    let second = "[[service]]\nkind = \"vdisk\"\nname = \"vdisk2\"\n\
        restart = { min_run = \"10ms\", min_delay = \"1ms\", max_delay = \"50ms\", budget = 100000 }";
    let mib = (DISK >> 20) as u64;
    let manifest = Manifest::default()
        .service("core", "arena = \"2MiB\"")
        .file("a", mib, "service = \"vdisk\"")
        .file("b", mib, "service = \"vdisk2\"")
        .append(second);
    let running = Target::start(&manifest)?;
    let images = [running.image("a"), running.image("b")];
    let mut expected = [0, 1].map(|disk: u64| {
        let words = (0..DISK as u64 / 8).map(|word| (word << 1 | disk).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        words.flat_map(u64::to_be_bytes).collect::<Vec<u8>>()
    });
    for (image, bytes) in images.iter().zip(&expected) {
        // In place: for a moment without its blocks the disk would have another capacity.
        std::fs::File::options().write(true).open(image)?.write_all_at(bytes, 0)?;
    }
    let mut session = Login::normal(1).session(running.portal)?;
    let mut targets = Vec::new();
    for lun in 0..2 {
        session.clear_unit_attentions(lun)?;
        let page = session.execute(Command::read(lun, &[0x12, 0x01, 0x83, 0, 255, 0], 255))?;
        targets.push(target(&page.data)?);
    }
    let (rounds, mut kills) = (super::kills() * 3, 0);
    for round in 0..rounds {
        let segments: Vec<Segment> =
            (0..random.between(1, 9)).map(|_| Segment::random(&mut random)).collect();
        let bytes = list(&targets, &segments);
        let mut cdb = [0; 16];
        cdb[0] = 0x83;
        cdb[10..14].copy_from_slice(&(bytes.len() as u32).to_be_bytes());
        session.submit(Command::write(random.between(0, 2) as u16, &cdb, bytes))?;
        for _ in 0..random.between(1, 4) {
            // The time of a kill is the point here; nothing is waited for.
            std::thread::park_timeout(Duration::from_micros(random.between(0, 40_000)));
            let service = ["core", "vdisk", "vdisk2"][random.between(0, 3) as usize];
            let before = running.signal(service, Signal::SIGKILL)?;
            running.wait_restarted(service, before.restarts)?;
            kills += 1;
        }
        let done = session.complete().with_context(|| running.logs())?;
        ensure!(done.status == 0, "round {round}: status {:#x}, {:02x?}", done.status, done.sense);
        segments.iter().for_each(|segment| segment.apply(&mut expected));
        for (image, bytes) in images.iter().zip(&expected) {
            let there = std::fs::read(image)?;
            let differs = || there.iter().zip(bytes).position(|(a, b)| a != b);
            ensure!(there == *bytes, "round {round}: {segments:?}: {image:?} differs at {:?}", differs());
        }
    }
    println!("{rounds} copies of up to eight segments, {kills} kills: every byte as one copy leaves it");
    session.logout()?;
    running.stop()
}

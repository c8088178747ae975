//! A CD drive: Linux mounts what is in it, and both sides can take it out.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{bail, ensure};

use crate::bench::{Bench, DRIVE};
use crate::iso;

/// How often Linux is asked to let a medium go: one path may lock it again while the other is being asked.
const TRIES: u32 = 4;

/// Linux looks for a medium every half a second. `mounted WORD` waits until the disc can be mounted whose file says WORD,
/// and reads it; `empty SENSE` waits until there is none, for this reason; `let_go` until udev has opened the tray.
const SHELL: &str = "
    for node in $DISK $SECOND; do echo 500 >/sys/block/$(basename $(readlink -f $node))/events_poll_msecs; done
    mkdir -p /mnt/cd
    until_done() { n=0; until \"$@\"; do sleep 0.2; n=$((n+1)); [ $n -lt 100 ]; done; }
    is_mounted() {
        mount -t iso9660 -o ro $1 /mnt/cd || return 1
        head -n 1 /mnt/cd/file.txt
        if head -n 1 /mnt/cd/file.txt | grep -q \"$2\"; then return 0; fi
        umount /mnt/cd
        return 1
    }
    mounted() {
        for node in $DISK $SECOND; do
            until_done is_mounted $node $1
            seq -f \"$1 %.0f\" 50000 | cmp - /mnt/cd/file.txt
            umount /mnt/cd
        done
        echo \"the disc is $1\"
    }
    is_empty() { (sg_turs -vv $1 2>&1 || true) | grep -i \"$2\"; }
    empty() { for node in $DISK $SECOND; do until_done is_empty $node \"$1\"; done; echo no disc; }
    let_go() {
        n=0
        until is_empty $DISK 'tray open'; do sleep 0.2; n=$((n+1)); [ $n -lt 50 ] || break; done
        udevadm settle --timeout=60
    }
";

/// An image on the host, whose file says `word` 50,000 times.
fn disc(bench: &Bench, word: &str) -> anyhow::Result<PathBuf> {
    let path = bench.target.dir.path().join(format!("{word}.iso"));
    // What is there may be served.
    if !path.exists() {
        let mut content = String::new();
        for line in 1..=50_000 {
            writeln!(content, "{word} {line}")?;
        }
        iso::write(&path, content.as_bytes())?;
    }
    Ok(path)
}

/// Runs `bulkhead device ACTION drive [IMAGE]`. While Linux holds the medium in, that asks each path to let it go: udev
/// ejects it. Whoever tries again before both paths have done so has the new medium ejected by the later one.
fn device(bench: &mut Bench, action: &str, image: Option<&PathBuf>) -> anyhow::Result<()> {
    let path = image.map(|image| image.display().to_string());
    let mut arguments = vec!["device", action, "drive"];
    arguments.extend(path.as_deref());
    for _ in 0..TRIES {
        let output = bench.target.bulkhead(&arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(());
        }
        ensure!(said.contains("initiators prevent the removal"), "{arguments:?}: {said}");
        guest(bench, "let_go", &[])?;
    }
    bail!("{arguments:?}: Linux does not let the medium go")
}

fn guest(bench: &mut Bench, script: &str, expected: &[&str]) -> anyhow::Result<String> {
    bench.says(DRIVE, &format!("{SHELL}{script}"), expected)
}

/// A disc is put in, mounted by both paths, ejected and taken in again by the guest.
pub fn mounts_and_ejects(bench: &mut Bench) -> anyhow::Result<()> {
    guest(bench, "empty 'medium not present'", &["no disc"])?;
    let first = disc(bench, "first")?;
    device(bench, "insert", Some(&first))?;
    guest(bench, "mounted first", &["the disc is first"])?;
    // As eject(1) does; udev keeps the door locked for each path while a disc is in.
    let eject = "
        sg_readcap $DISK
        echo 0 >/proc/sys/dev/cdrom/autoclose
        sg_prevent --allow $DISK
        sg_prevent --allow $SECOND
        sg_start --eject $DISK
        empty 'tray open'
        if mount -t iso9660 -o ro $SECOND /mnt/cd; then echo mounted without a disc; false; fi
        sg_start --load $SECOND
        echo 1 >/proc/sys/dev/cdrom/autoclose
        mounted first";
    let said = guest(bench, eject, &["Logical block length=2048", "no disc", "the disc is first"])?;
    ensure!(!said.contains("mounted without"), "{said}");
    Ok(())
}

/// The host takes the disc out, puts it in and puts another in its place: the guest reads what is there.
pub fn changes(bench: &mut Bench) -> anyhow::Result<()> {
    let (first, second) = (disc(bench, "first")?, disc(bench, "second")?);
    device(bench, "eject", None)?;
    guest(bench, "empty 'medium not present'", &["no disc"])?;
    device(bench, "insert", Some(&first))?;
    guest(bench, "mounted first", &["the disc is first"])?;
    device(bench, "change", Some(&second))?;
    guest(bench, "mounted second", &["the disc is second"])?;
    device(bench, "change", Some(&first))?;
    guest(bench, "mounted first", &["the disc is first"]).map(drop)
}

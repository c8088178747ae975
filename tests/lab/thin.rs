//! A thin unit: what the guest gives back, the host has again.

use std::os::unix::fs::MetadataExt;

use anyhow::ensure;

use crate::bench::{Bench, THIN};

/// UNMAP: the blocks read as zeros, and GET LBA STATUS says where they begin and end.
pub fn unmap(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 4M /dev/urandom >/tmp/data
        dd if=/tmp/data of=$DISK bs=1M oflag=direct status=none
        sg_unmap --force --lba=2048 --num=4096 $DISK
        dd if=$SECOND bs=1M count=1 iflag=direct status=none | cmp - <(head -c 1M /tmp/data)
        dd if=$SECOND bs=1M skip=1 count=2 iflag=direct status=none | cmp - <(head -c 2M /dev/zero)
        dd if=$SECOND bs=1M skip=3 count=1 iflag=direct status=none | cmp - <(tail -c 1M /tmp/data)
        sg_get_lba_status --lba=0 --maxlen=1024 $SECOND";
    let said = bench.on(THIN, script)?;
    let lines: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for fact in [
        "LBA: 0x0000000000000000 blocks: 2048 mapped",
        "LBA: 0x0000000000000800 blocks: 4096 deallocated",
        "LBA: 0x0000000000001800 blocks: 2048 mapped",
    ] {
        ensure!(lines.iter().any(|line| line.contains(fact)), "{fact:?}: {said}");
    }
    Ok(())
}

/// Discards of a file system: the image on the host becomes smaller by what was deleted.
pub fn trim(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        mkfs.ext4 -q -F $DISK
        mkdir -p /mnt/thin
        mount $DISK /mnt/thin
        head -c 24M /dev/urandom >/mnt/thin/file
        sync";
    let image = bench.target.image("thin");
    let used = || anyhow::Ok(std::fs::metadata(&image)?.blocks() * 512);
    bench.on(THIN, script)?;
    let full = used()?;
    ensure!(full >= 24 << 20, "{full} bytes on the host after 24 MiB were written");
    bench
        .on(THIN, "rm /mnt/thin/file; sync; fstrim -v /mnt/thin; umount /mnt/thin; fsck.ext4 -f -n $DISK")?;
    let left = used()?;
    ensure!(left + (20 << 20) < full, "{full} bytes on the host, {left} after fstrim");
    Ok(())
}

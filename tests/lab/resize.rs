//! A unit that grows and shrinks while Linux has it.

use anyhow::ensure;

use crate::bench::{Bench, GROWING};

/// The target says CAPACITY DATA HAS CHANGED with the next command; Linux is told to look, as its log says.
pub fn grows(bench: &mut Bench) -> anyhow::Result<()> {
    for (size, bytes) in [("96MiB", 96_u64 << 20), ("48MiB", 48 << 20), ("64MiB", 64 << 20)] {
        bench.guest.must("udevadm settle; dmesg -C")?;
        let output = bench.target.bulkhead(&["device", "resize", "growing", "--size", size])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let script = "n=0; until dmesg | grep -q 'Capacity data has changed'; do
                sg_turs $DISK || true; sleep 0.1; n=$((n+1)); [ $n -lt 50 ]; done
            name=$(basename $(readlink -f $DISK))
            echo 1 >/sys/block/$name/device/rescan
            echo size $(blockdev --getsize64 $DISK)";
        bench.says(GROWING, script, &[&format!("size {bytes}")])?;
    }
    Ok(())
}

//! A file system on a unit while every process of the target dies again and again: the guest's kernel must not notice.

use std::time::Duration;

use anyhow::ensure;
use harness::random::Random;
use nix::sys::signal::Signal;

use crate::bench::{Bench, DISK};

/// How often each process is killed: `BULKHEAD_KILLS` (3; the full run takes 20).
fn kills() -> usize {
    std::env::var("BULKHEAD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// ext4 with fio that verifies, then everything is read once more and checked; the kernel's log has no error and no word
/// of a connection.
pub fn ext4(bench: &mut Bench) -> anyhow::Result<()> {
    bench.on(
        DISK,
        "
        mkfs.ext4 -q -F $DISK
        mkdir -p /mnt/disk
        mount $DISK /mnt/disk
        rm -f /tmp/enough /tmp/failed /tmp/rounds
        head -c 8M /dev/urandom >/tmp/random
        echo 'kills begin' >/dev/kmsg
        cat >/tmp/load <<'END'
            trap 'touch /tmp/over' EXIT
            until [ -e /tmp/enough ]; do
                cp /tmp/random /mnt/disk/random
                fio --name=verify --directory=/mnt/disk --size=8m --bs=4k --rw=randwrite --ioengine=libaio --iodepth=8 \\
                    --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1 || { touch /tmp/failed; break; }
                echo done >>/tmp/rounds
            done
END
        rm -f /tmp/over
        setsid bash /tmp/load </dev/null >/tmp/fio 2>&1 &",
    )?;
    let mut random = Random::printed("ext4 under kills");
    for name in ["core", "iscsi", "vdisk", "supervisor"].into_iter().cycle().take(kills() * 4) {
        // The time of a kill is the point here; nothing is waited for.
        std::thread::park_timeout(Duration::from_millis(random.between(50, 500)));
        if name == "supervisor" {
            let before = bench.target.kill_supervisor()?;
            bench.target.wait_supervised(&before)?;
        } else {
            let before = bench.target.signal(name, Signal::SIGKILL)?;
            bench.target.wait_restarted(name, before.restarts)?;
        }
    }
    let output = bench.target.bulkhead(&["upgrade"])?;
    ensure!(output.status.success(), "upgrade: {output:?}");
    let script = "
        touch /tmp/enough
        n=0; until [ -e /tmp/over ]; do sleep 0.2; n=$((n+1)); [ $n -lt 600 ]; done
        [ ! -e /tmp/failed ] || { cat /tmp/fio; false; }
        cat /tmp/fio
        sync
        echo 3 >/proc/sys/vm/drop_caches
        cmp /tmp/random /mnt/disk/random
        umount /mnt/disk
        fsck.ext4 -f -n $DISK
        dmesg | sed '1,/kills begin/d' >/tmp/said
        if grep -Ei 'error|connection|reset|abort|session|timed out' /tmp/said; then false; fi
        echo \"unnoticed in $(wc -l </tmp/rounds) rounds\"";
    let said = bench.says(DISK, script, &["err= 0", "unnoticed in"])?;
    println!("{} kills: {}", kills() * 4, said.lines().last().unwrap_or_default());
    Ok(())
}

//! File systems on a unit.

use crate::bench::{Bench, DISK};

/// A file system is made, filled with data that fio verifies, read after the caches are dropped, and is sound.
pub fn ext4(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        mkfs.ext4 -q -F $DISK
        mkdir -p /mnt/disk
        mount $DISK /mnt/disk
        trap 'mountpoint -q /mnt/disk && umount /mnt/disk' EXIT
        fio --name=verify --directory=/mnt/disk --size=24m --bs=4k --rw=randwrite --ioengine=libaio --iodepth=8 --direct=1 \
            --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1
        head -c 8M /dev/urandom >/tmp/random
        cp /tmp/random /mnt/disk/random
        sync
        echo 3 >/proc/sys/vm/drop_caches
        cmp /tmp/random /mnt/disk/random
        umount /mnt/disk
        fsck.ext4 -f -n $DISK
        echo sound";
    bench.says(DISK, script, &["err= 0", "sound"]).map(drop)
}

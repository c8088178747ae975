//! What Linux changes of a unit: whether it is started, its write cache, and everything that is on it.

use crate::bench::{Bench, GROWING, THIN};

/// Who stops a unit stops it for both paths; either can start it again. Asked through `sg`, for whoever opens the disk has
/// the disk driver start it.
pub fn stop_and_start(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        generic() { echo /dev/$(ls /sys/block/$(basename $(readlink -f $1))/device/scsi_generic); }
        one=$(generic $DISK) two=$(generic $SECOND)
        sg_start --stop $one
        (sg_turs -vv $two 2>&1 || true) | grep -i 'initializing command required'
        sg_start --start $two
        sg_turs $one
        echo started";
    bench.says(GROWING, script, &["started"]).map(drop)
}

/// The disk driver switches the write cache off by MODE SELECT, and on by the other path: each path finds what the other
/// has set.
pub fn write_cache(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        cache() { echo /sys/class/scsi_disk/$(ls /sys/block/$(basename $(readlink -f $1))/device/scsi_disk)/cache_type; }
        look() { echo 1 >/sys/block/$(basename $(readlink -f $1))/device/rescan; cat $(cache $1); }
        one=$(cache $DISK) two=$(cache $SECOND)
        echo at first $(look $DISK), $(look $SECOND)
        echo 'write through' >$one
        echo then $(cat $one), $(look $SECOND)
        head -c 64k /dev/urandom >/tmp/random
        dd if=/tmp/random of=$SECOND bs=64k oflag=direct status=none
        dd if=$DISK bs=64k count=1 iflag=direct status=none | cmp - /tmp/random
        echo 'write back' >$two
        echo at last $(look $DISK), $(cat $two)";
    let expected = [
        "at first write back, write back",
        "then write through, write through",
        "at last write back, write back",
    ];
    bench.says(GROWING, script, &expected).map(drop)
}

/// SANITIZE and FORMAT UNIT leave zeros.
pub fn erase(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        erased() {
            head -c 1M /dev/urandom | dd of=$DISK bs=1M seek=3 iflag=fullblock oflag=direct status=none
            \"$@\"
            dd if=$SECOND bs=1M iflag=direct status=none | cmp -n 64M - /dev/zero
            echo erased by \"$*\"
        }
        erased sg_sanitize --overwrite --zero --quick --wait $DISK
        erased sg_sanitize --block --quick --wait $DISK
        erased sg_format --format --quick --wait $DISK";
    bench.says(THIN, script, &["erased by sg_format --format"]).map(drop)
}

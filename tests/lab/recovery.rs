//! Resets, and paths that go away.

use crate::bench::{Bench, DISK, LARGE};

/// After each kind of reset that Linux knows, what was written is there and the disk works.
pub fn reset(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 1M /dev/urandom >/tmp/random
        for kind in --device --target; do
            dd if=/tmp/random of=$DISK bs=64k oflag=direct status=none
            sg_reset --no-escalate $kind $DISK
            echo \"reset $kind\"
            dd if=$DISK bs=64k count=16 iflag=direct status=none | cmp - /tmp/random
        done";
    bench.says(LARGE, script, &["reset --device", "reset --target"]).map(drop)
}

/// Both paths reset the disk again and again while fio writes and verifies: what is aborted Linux sends again.
pub fn reset_under_load(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        # fio takes a colon for the end of a name.
        fio --name=verify --filename=$(readlink -f $DISK) --size=32m --bs=16k --rw=randwrite --ioengine=libaio --iodepth=8 --direct=1 \
            --verify=crc32c --verify_fatal=1 --do_verify=1 >/tmp/fio &
        fio=$!
        for n in 1 2 3 4; do
            for node in $DISK $SECOND; do
                sg_reset --no-escalate --device $node
                dd if=$node of=/dev/null bs=64k count=16 skip=$((640 + n)) iflag=direct status=none
            done
        done
        wait $fio || { cat /tmp/fio; false; }
        cat /tmp/fio";
    bench.says(DISK, script, &["err= 0"]).map(drop)
}

/// dm-multipath makes one disk of the two paths. While data is written and verified one path is taken away, then the
/// other instead of it.
pub fn multipath(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        wwid=$(udevadm info --query=property --property=ID_SERIAL --value $DISK)
        cat >/etc/multipath.conf <<END
defaults {
    find_multipaths no
    path_grouping_policy multibus
    polling_interval 1
    max_polling_interval 1
    no_path_retry 60
}
blacklist {
    wwid \".*\"
}
blacklist_exceptions {
    wwid \"$wwid\"
}
multipaths {
    multipath {
        wwid \"$wwid\"
        alias lab
    }
}
END
        wait_for() { n=0; until \"$@\"; do sleep 0.2; n=$((n+1)); [ $n -lt 150 ]; done; }
        in_state() { multipath -ll lab | grep -q \"$1 .*$2\"; }
        path() { echo $2 >/sys/block/$1/device/state; wait_for in_state $1 \"$3\"; }
        made() { multipath $DISK; [ -b /dev/mapper/lab ]; }
        multipathd
        trap 'udevadm settle; wait_for multipath -f lab; multipathd shutdown || true; rm -f /etc/multipath.conf' EXIT
        wait_for made
        one=$(basename $(readlink -f $DISK))
        two=$(basename $(readlink -f $SECOND))
        wait_for in_state $one 'active ready'
        wait_for in_state $two 'active ready'
        fio --name=verify --filename=/dev/mapper/lab --size=48m --bs=16k --rw=randwrite --ioengine=libaio --iodepth=8 \
            --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 >/tmp/fio &
        fio=$!
        path $one offline faulty
        path $one running 'active ready'
        path $two offline faulty
        path $two running 'active ready'
        wait $fio
        cat /tmp/fio";
    bench.says(DISK, script, &["err= 0"]).map(drop)
}

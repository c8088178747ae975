//! Commands beside READ and WRITE, as the SCSI utilities send them; what they did is read back through the block layer.

use crate::bench::{Bench, DISK, GROWING, LARGE, THIN};

/// COMPARE AND WRITE: writes where the block is the expected one; else it says from which byte on it is not, and leaves it.
pub fn compare_and_write(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 512 /dev/urandom >/tmp/old
        head -c 512 /dev/urandom >/tmp/new
        (head -c 256 /tmp/old; head -c 256 /dev/zero) >/tmp/wrong
        read_back() { dd if=$SECOND bs=512 skip=9 count=1 iflag=direct status=none; }
        dd if=/tmp/old of=$DISK bs=512 seek=9 oflag=direct status=none
        cat /tmp/wrong /tmp/new >/tmp/pair
        status=0; sg_compare_and_write -v --in=/tmp/pair --lba=9 --num=1 --xferlen=1024 $DISK || status=$?
        echo miscompare is $status
        read_back | cmp - /tmp/old
        cat /tmp/old /tmp/new >/tmp/pair
        sg_compare_and_write --in=/tmp/pair --lba=9 --num=1 --xferlen=1024 $DISK
        read_back | cmp - /tmp/new
        echo written";
    bench.says(DISK, script, &["miscompare is 14", "0x100", "written"]).map(drop)
}

/// WRITE SAME, both lengths of the command, on blocks of both sizes, and with UNMAP on a thin unit.
pub fn write_same(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        size=$(blockdev --getss $DISK)
        head -c $size /dev/urandom >/tmp/block
        dd if=/dev/zero of=$DISK bs=$size seek=100 count=80 oflag=direct status=none
        block() { dd if=$SECOND bs=$size skip=$1 count=1 iflag=direct status=none; }
        same() { block $1 | cmp - $2; }
        head -c $size /dev/zero >/tmp/zeros
        sg_write_same --lba=110 --num=20 --in=/tmp/block --xferlen=$size $DISK
        sg_write_same --16 --lba=140 --num=30 --in=/tmp/block --xferlen=$size $DISK
        for lba in 110 120 129 140 169; do same $lba /tmp/block; done
        for lba in 109 130 139 170; do same $lba /tmp/zeros; done
        echo repeated";
    for lun in [DISK, LARGE] {
        bench.says(lun, script, &["repeated"])?;
    }
    let script = "
        head -c 1M /dev/urandom | dd of=$DISK bs=64k oflag=direct iflag=fullblock status=none
        sg_write_same --16 --unmap --lba=256 --num=1024 --in=/dev/zero --xferlen=512 $DISK
        dd if=$SECOND bs=512 skip=256 count=1024 iflag=direct status=none | cmp - <(head -c 512k /dev/zero)
        sg_get_lba_status --lba=256 $SECOND";
    bench.says(THIN, script, &["deallocated"]).map(drop)
}

/// WRITE ATOMIC, ORWRITE, WRITE SAME without data, WRITE AND VERIFY.
pub fn other_writes(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 4k /dev/zero >/tmp/zeros
        tr '\\000' '\\017' </tmp/zeros >/tmp/low
        tr '\\000' '\\360' </tmp/zeros >/tmp/high
        tr '\\000' '\\377' </tmp/zeros >/tmp/both
        holds() { dd if=$SECOND bs=4k skip=2 count=1 iflag=direct status=none | cmp - $1; }
        sg_write_x --atomic=0 --in=/tmp/low --lba=16 --num=8 $DISK
        holds /tmp/low
        sg_write_x --or --in=/tmp/high --lba=16 --num=8 $DISK
        holds /tmp/both
        sg_write_x --same=1 --lba=16 --num=8 $DISK
        holds /tmp/zeros
        sg_write_verify --in=/tmp/high --lba=16 --num=8 $DISK
        holds /tmp/high
        sg_write_verify --16 --bytchk=1 --in=/tmp/low --lba=16 --num=8 $DISK
        holds /tmp/low
        sg_sync $DISK
        echo all written";
    bench.says(DISK, script, &["all written"]).map(drop)
}

/// VERIFY: of the medium, of every byte, and of one block that is to be everywhere.
pub fn verify(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 32k /dev/urandom >/tmp/data
        dd if=/tmp/data of=$DISK bs=32k seek=1 oflag=direct status=none
        sg_verify --lba=0 --count=524288 --bpc=1024 $DISK
        sg_verify --16 --lba=0 --count=4096 $SECOND
        sg_verify --lba=64 --count=64 --ebytchk=1 --in=/tmp/data --ndo=32768 $SECOND
        status=0; sg_verify --lba=65 --count=64 --ebytchk=1 --in=/tmp/data --ndo=32768 $SECOND || status=$?
        echo miscompare is $status
        sg_write_same --lba=64 --num=64 --in=/tmp/data --xferlen=512 $DISK
        sg_verify --lba=64 --count=64 --ebytchk=3 --in=/tmp/data --ndo=512 $SECOND
        echo verified";
    bench.says(DISK, script, &["miscompare is 14", "verified"]).map(drop)
}

/// EXTENDED COPY from one unit to another: the target moves the data, and what is outside the range stays.
pub fn copy(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        head -c 4M /dev/urandom >/tmp/data
        dd if=/tmp/data of=$DISK bs=1M seek=8 oflag=direct status=none
        dd if=/dev/zero of=$OTHER bs=1M seek=16 count=6 oflag=direct status=none
        sg_copy_results --params $DISK
        sg_xcopy if=$DISK of=$OTHER bs=512 skip=16384 seek=34816 count=8192
        dd if=$OTHER bs=1M skip=17 count=4 iflag=direct status=none | cmp - /tmp/data
        for around in 16 21; do
            dd if=$OTHER bs=1M skip=$around count=1 iflag=direct status=none | cmp - <(head -c 1M /dev/zero)
        done
        echo copied";
    let said = bench.on_two(DISK, GROWING, script)?;
    anyhow::ensure!(said.contains("copied"), "{said}");
    Ok(())
}

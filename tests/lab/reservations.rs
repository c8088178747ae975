//! Persistent reservations between the two paths, which are two I_T nexuses.

use crate::bench::{Bench, LARGE};

/// One path reserves, the other is shut out from writing, takes the reservation over, and clears everything.
pub fn persistent(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "
        settle() { for n in 1 2 3; do sg_turs $1 && return 0; done; return 1; }
        write() { dd if=/dev/zero of=$1 bs=4k count=1 oflag=direct status=none; }
        sg_persist --out --register --param-sark=0xaaa $DISK
        sg_persist --out --register --param-sark=0xbbb $SECOND
        sg_persist --in --read-keys $DISK
        sg_persist --out --reserve --param-rk=0xaaa --prout-type=1 $DISK
        sg_persist --in --read-reservation $SECOND
        write $DISK
        if write $SECOND; then echo a write against the reservation; false; fi
        dd if=$SECOND of=/dev/null bs=4k count=1 iflag=direct status=none
        sg_persist --in --read-full-status $SECOND
        sg_persist --in --report-capabilities $DISK
        sg_persist --out --preempt --param-rk=0xbbb --param-sark=0xaaa --prout-type=3 $SECOND
        settle $DISK || true
        sg_persist --in --read-reservation $SECOND
        write $SECOND
        if write $DISK; then echo a write against the other reservation; false; fi
        sg_persist --out --clear --param-rk=0xbbb $SECOND
        sg_persist --in --read-keys $DISK
        settle $DISK
        write $DISK
        echo all clear";
    let expected = [
        "2 registered reservation keys follow",
        "0xaaa",
        "0xbbb",
        "type: Write Exclusive",
        "type: Exclusive Access",
        "Relative port address: 0x1",
        "iqn.2026-11.test.bulkhead:guest",
        "there are NO registered reservation keys",
        "all clear",
    ];
    bench.says(LARGE, script, &expected).map(drop)
}

//! What a unit says of itself, as Linux and the SCSI utilities decode it.

use anyhow::ensure;

use crate::bench::{Bench, DISK, DRIVE, GROWING, LARGE, THIN};

/// Both sessions, and every unit by both.
pub fn two_paths(bench: &mut Bench) -> anyhow::Result<()> {
    let said = bench
        .guest
        .must("iscsiadm -m session | wc -l; lsscsi -t | grep -c iqn.2026-11.test.bulkhead; lsscsi")?;
    let mut lines = said.lines();
    ensure!(lines.next() == Some("2"), "two sessions: {said}");
    ensure!(lines.next() == Some("10"), "five units by two paths: {said}");
    let count = |kind: &str| said.lines().filter(|line| line.contains(kind)).count();
    ensure!(count("BULKHEAD Virtual Disk") == 8 && count("cd/dvd  BULKHEAD CD-ROM") == 2, "{said}");
    Ok(())
}

/// Standard INQUIRY data of a disk and of a CD drive.
pub fn inquiry(bench: &mut Bench) -> anyhow::Result<()> {
    let disk =
        ["PDT=0 ", "RMB=0", "Product identification: Virtual Disk", "SAM-5", "SPC-4", "SBC-3", "iSCSI"];
    bench.says(DISK, "sg_inq -d $DISK", &disk)?;
    let drive = ["PDT=5 ", "RMB=1", "Product identification: CD-ROM", "SAM-5", "SPC-4", "MMC-6", "iSCSI"];
    bench.says(DRIVE, "sg_inq -d $DISK", &drive)?;
    for lun in [DISK, DRIVE] {
        let both =
            ["Vendor identification: BULKHEAD", "CmdQue=1", "MultiP=1", "TPGS=", "Unit serial number: "];
        bench.says(lun, "sg_inq $DISK", &both)?;
    }
    Ok(())
}

/// Every page that page 00h lists is there and has a decoder; both paths name one unit.
pub fn vpd(bench: &mut Bench) -> anyhow::Result<()> {
    let all = "for page in $(sg_vpd -p 0 -r $DISK | tail -c +5 | od -An -v -tx1); do
                   echo \"is there: $page\"; sg_vpd -p 0x$page $DISK; done";
    let usual = ["Unit serial number:", "SCSI Ports VPD page", "Mode page policy", "LUICLR=1", "NAA,"];
    let of_disks = ["Block limits VPD page", "Non-rotating medium", "Maximum atomic transfer length"];
    for (lun, pages, own) in [
        (DISK, 10, &["Unmap command not implemented", "block -> block", "vendor specific: Virtual Disk"]),
        (THIN, 10, &["Unmap command supported (LBPU): 1", "(thin provisioned)", "Threshold exponent: 11"]),
        (DRIVE, 6, &["vendor specific: CD-ROM", "vendor id: BULKHEAD", "Target port group: 0x1"]),
    ] {
        let said = bench.says(lun, all, &usual)?;
        ensure!(said.matches("is there: ").count() >= pages, "{pages} pages: {said}");
        let expected = own.iter().chain(of_disks.iter().filter(|_| lun != DRIVE));
        for text in expected {
            ensure!(said.contains(text), "{text:?}: {said}");
        }
        ensure!(!undecoded(&said), "{said}");
    }
    let same = "one=$(sg_vpd -p di_lu -q $DISK); two=$(sg_vpd -p di_lu -q $SECOND)
                [ \"$one\" = \"$two\" ]; echo \"$one\"
                [ \"$(sg_vpd -p sn $DISK | tail -1)\" = \"$(sg_vpd -p sn $SECOND | tail -1)\" ]";
    bench.says(DISK, same, &["0x"]).map(drop)
}

/// Whether a utility could make nothing of something.
fn undecoded(said: &str) -> bool {
    let said = said.to_lowercase();
    ["malformed", "unable to decode", "too short", "here is hex", "reserved [", "unknown"]
        .iter()
        .any(|text| said.contains(text))
}

/// REPORT LUNS.
pub fn luns(bench: &mut Bench) -> anyhow::Result<()> {
    let said = bench.says(DISK, "sg_luns -d $DISK", &["5 lun entries"])?;
    ensure!(["lun=0", "lun=1", "lun=2", "lun=3", "lun=4"].iter().all(|lun| said.contains(lun)), "{said}");
    Ok(())
}

/// READ CAPACITY against what the block layer made of it.
pub fn capacity(bench: &mut Bench) -> anyhow::Result<()> {
    bench.says(
        DISK,
        "sg_readcap --16 $DISK",
        &["Number of logical blocks=524288", "Logical block length=512 bytes"],
    )?;
    bench.says(
        LARGE,
        "sg_readcap --16 $DISK",
        &["Number of logical blocks=16384", "Logical block length=4096 bytes"],
    )?;
    for (lun, facts) in [(DISK, "268435456 512"), (LARGE, "67108864 4096"), (GROWING, "67108864 512")] {
        let script = "echo $(blockdev --getsize64 $DISK) $(blockdev --getss $DISK)";
        bench.says(lun, script, &[facts])?;
    }
    Ok(())
}

/// Every mode page, with each kind of its values, by both commands.
pub fn modes(bench: &mut Bench) -> anyhow::Result<()> {
    let of_disk = ["Caching", "Control", "Read-Write error recovery", "Informational exceptions control"];
    let of_drive = ["CD device parameters", "Power condition (mmc)", "MM capabilities", "Control"];
    for command in ["sg_modes -a", "sg_modes -a -6"] {
        for control in 0..3 {
            let script = format!("{command} --control={control} $DISK");
            bench.says(DISK, &script, &of_disk)?;
            bench.says(DRIVE, &script, &of_drive)?;
        }
    }
    Ok(())
}

/// Every log page that is listed can be read; what was written is counted.
pub fn logs(bench: &mut Bench) -> anyhow::Result<()> {
    let counters = ["Write error counter page", "Read error counter page", "Informational Exceptions page"];
    for lun in [DISK, THIN] {
        let said = bench.says(lun, "sg_logs --list --list $DISK; sg_logs --all --all $DISK", &counters)?;
        ensure!(!undecoded(&said), "{said}");
    }
    bench.says(THIN, "sg_logs --page=lbp $DISK", &["Available LBA mapping threshold resource count: "])?;
    let script = "
        bytes() { sg_logs --page=$1 $DISK | awk '/bytes processed/ { print $NF }'; }
        read=$(bytes re) written=$(bytes we)
        dd if=/dev/zero of=$SECOND bs=64k count=16 oflag=direct status=none
        dd if=$SECOND of=/dev/null bs=64k count=8 iflag=direct status=none
        echo written $(($(bytes we) - written))
        # udev looks at a disk that was written.
        [ $(($(bytes re) - read)) -ge 524288 ]";
    bench.says(DISK, script, &["written 1048576"]).map(drop)
}

/// REPORT SUPPORTED OPERATION CODES, all and one, and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS.
pub fn opcodes(bench: &mut Bench) -> anyhow::Result<()> {
    let disk = ["Read(16)", "Write(16)", "Inquiry", "Report luns", "Test Unit Ready", "Compare and write"];
    bench.says(DISK, "sg_opcodes $DISK", &disk)?;
    bench.says(DRIVE, "sg_opcodes $DISK", &["Read TOC/PMA/ATIP", "Get event status notification"])?;
    bench.says(DISK, "sg_opcodes --opcode=0x28 $DISK", &["Read(10)", "conforming to SCSI standard"])?;
    bench.says(DISK, "sg_opcodes --opcode=0x42 $DISK", &["Command is NOT supported"])?;
    bench.says(THIN, "sg_opcodes --opcode=0x42 $DISK", &["Unmap", "conforming to SCSI standard"])?;
    let functions = ["Abort task", "Clear ACA", "Logical unit reset", "Query task", "I_T nexus reset"];
    bench.says(DISK, "sg_opcodes --tmf $DISK", &functions).map(drop)
}

/// REPORT TARGET PORT GROUPS, and SET TARGET PORT GROUPS: a path in standby does no I/O until it is active again.
pub fn port_groups(bench: &mut Bench) -> anyhow::Result<()> {
    let expected = ["group id : 0x1", "group id : 0x2", "active/optimized", "implicit"];
    bench.says(LARGE, "sg_rtpg -d $DISK; sg_vpd -p di_port $DISK; echo implicit", &expected)?;
    let script = "
        try() { for n in 1 2 3; do sg_turs -v $1 && return 0; done; return 1; }
        sg_stpg --standby --tp=2 $DISK
        sg_rtpg -d $DISK
        if try $SECOND; then echo ready in standby; false; fi
        try $DISK
        sg_stpg --optimized --tp=2 $DISK
        try $SECOND
        echo active again";
    bench.says(LARGE, script, &["standby", "active again"]).map(drop)
}

//! What a unit says of itself, as Linux and the SCSI utilities decode it.

use anyhow::ensure;

use crate::bench::{Bench, DISK, GROWING, LARGE};

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

/// Standard INQUIRY data.
pub fn inquiry(bench: &mut Bench) -> anyhow::Result<()> {
    let expected =
        ["PDT=0", "Vendor identification: BULKHEAD", "Product identification: Virtual Disk", "CmdQue=1"];
    bench.says(DISK, "sg_inq $DISK", &expected)?;
    let said = bench.on(DISK, "sg_inq -d $DISK")?;
    ensure!(said.contains("SPC-4") && said.contains("SBC-3") && said.contains("iSCSI"), "versions: {said}");
    Ok(())
}

/// Every page that page 00h lists is there and has a decoder; both paths name one unit.
pub fn vpd(bench: &mut Bench) -> anyhow::Result<()> {
    let list = bench.on(DISK, "sg_vpd --page=sv $DISK")?;
    for name in [
        "Supported VPD pages",
        "Unit serial number",
        "Device identification",
        "Block limits",
        "Mode page policy",
        "SCSI ports",
    ] {
        ensure!(list.contains(name), "{name}: {list}");
    }
    let script = "for page in $(sg_vpd -p 0 -r $DISK | tail -c +5 | od -An -v -tx1); do
                      echo \"page $page\"; sg_vpd -p 0x$page $DISK; done";
    let said = bench.on(DISK, script)?;
    ensure!(said.matches("page ").count() >= 5, "{said}");
    ensure!(!said.to_lowercase().contains("malformed") && !said.contains("unable to decode"), "{said}");
    let same = "one=$(sg_vpd -p di_lu -q $DISK); two=$(sg_vpd -p di_lu -q $SECOND)
                [ \"$one\" = \"$two\" ]; echo \"$one\"
                [ \"$(sg_vpd -p sn $DISK | tail -1)\" = \"$(sg_vpd -p sn $SECOND | tail -1)\" ]";
    bench.says(DISK, same, &["0x"]).map(drop)
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
    for command in ["sg_modes -a", "sg_modes -a -6"] {
        for control in 0..3 {
            let script = format!("{command} --control={control} $DISK");
            bench.says(DISK, &script, &["Caching", "Control"])?;
        }
    }
    Ok(())
}

/// The lists of log pages, and the pages of error counters.
pub fn logs(bench: &mut Bench) -> anyhow::Result<()> {
    let script = "sg_logs --list --list $DISK; for page in we re ve; do sg_logs --page=$page $DISK; done";
    let said = bench.says(DISK, script, &["Write error counter page", "Total bytes processed"])?;
    ensure!(!said.to_lowercase().contains("malformed") && !said.contains("nable to decode"), "{said}");
    Ok(())
}

/// REPORT SUPPORTED OPERATION CODES, all and one, and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS.
pub fn opcodes(bench: &mut Bench) -> anyhow::Result<()> {
    let expected = ["Read(16)", "Write(16)", "Inquiry", "Report luns", "Test Unit Ready"];
    bench.says(DISK, "sg_opcodes $DISK", &expected)?;
    bench.says(DISK, "sg_opcodes --opcode=0x28 $DISK", &["Read(10)", "conforming to SCSI standard"]).map(drop)
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

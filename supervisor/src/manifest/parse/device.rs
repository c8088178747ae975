//! `[[device]]` and the table below it that says where its data is.

use std::path::{Path, PathBuf};

use super::super::names::{check_eui64, check_inquiry_text, check_iscsi_name, check_naa, check_plain_name};
use super::super::read::Table;
use super::super::report::{At, Report};
use super::super::{Backend, Device, FaultBackend, FileBackend, Identifiers, Kind, Service, Traits};
use super::{service, traits};

/// Commands that a device may have when the manifest is silent.
const QUEUE_DEPTH: u32 = 4096;
/// Bytes of a block of a CD.
const CD_BLOCK: u32 = 2048;

/// Reads one table. Relative paths count from `base`.
pub fn read(mut table: Table<'_>, base: &Path, services: &[Service], report: &mut Report) -> Option<Device> {
    let span = table.span();
    let name = table.checked_string("name", report, check_plain_name);
    let name = table.require(name, "name", "name = \"disk0\"", report);
    let service = service::reference(&mut table, services, Kind::Vdisk, report);
    let cdrom = table.get("cdrom").is_some();
    // What a CD drive is, it always is: none of these is a key of its own there.
    let block_size = match cdrom {
        true => CD_BLOCK,
        false => block_size(&mut table, "block_size", 512, 65_536, report).unwrap_or(512),
    };
    let physical = match cdrom {
        true => Some(CD_BLOCK),
        false => physical_block_size(&mut table, block_size, report),
    };
    let mut flag = |key| table.boolean(key, report).is_some_and(|flag| flag.value);
    let (read_only, removable) = (cdrom || flag("read_only"), cdrom || flag("removable"));
    let write_through = !cdrom && flag("write_through");
    let traits = match cdrom {
        true => Traits::default(),
        false => traits::read(&mut table, block_size, write_through, report),
    };
    let thin = table.boolean("thin", report).filter(|thin| thin.value);
    let mut inquiry_text = |key, longest| {
        table.checked_string(key, report, |text| check_inquiry_text(text, longest)).map(|text| text.value)
    };
    let serial = inquiry_text("serial", 32);
    let (vendor, product) = (inquiry_text("vendor", 8), inquiry_text("product", 16));
    let revision = inquiry_text("revision", 4);
    let identifiers = identifiers(&mut table, report);
    let queue_depth = table.number("queue_depth", 1..=65_536, report);
    let backend = backend(&mut table, base, report);
    if let (Some(thin), Some(Backend::Null { .. })) = (&thin, &backend) {
        report.error(&thin.span, "a null device has no blocks to give back", "remove thin");
    }
    if traits.threshold > 0 && thin.is_none() {
        let what = "threshold says nothing of a device that is not thin";
        report.warning(&span, what, "write thin = true, or remove threshold");
    }
    // In place of a backend with a mistake, so that references to the device are not reported as well.
    let backend = backend.unwrap_or_else(|| Backend::Null { size: At::implied(u64::from(block_size)) });
    table.finish(report);
    Some(Device {
        name: name?,
        service: service?,
        block_size,
        // Where the manifest and the medium are silent, the 4 KiB that page cache and most media have.
        physical_block_size: physical.unwrap_or(block_size.max(4096)),
        physical_implied: physical.is_none(),
        traits,
        thin: thin.is_some(),
        removable,
        read_only,
        write_through,
        serial,
        vendor,
        product,
        revision,
        identifiers,
        queue_depth: queue_depth.map_or(QUEUE_DEPTH, |depth| depth.value as u32),
        backend,
        span,
    })
}

fn identifiers(table: &mut Table<'_>, report: &mut Report) -> Identifiers {
    let mut hexadecimal = |key, check: fn(&str) -> Result<(), String>| {
        let text = table.checked_string(key, report, check)?;
        let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes = text.value.as_bytes().chunks(2).filter_map(digit).collect();
        Some(At::new(bytes, text.span))
    };
    Identifiers {
        naa: hexadecimal("naa_id", check_naa),
        eui64: hexadecimal("eui64_id", check_eui64),
        t10: table.checked_string("t10_dev_id", report, |text| check_inquiry_text(text, 64)),
        scsi_name: table.checked_string("scsi_device_name", report, check_iscsi_name),
    }
}

fn block_size(
    table: &mut Table<'_>,
    key: &'static str,
    least: u64,
    most: u64,
    report: &mut Report,
) -> Option<u32> {
    let size = table.size(key, report)?;
    if size.value.is_power_of_two() && (least..=most).contains(&size.value) {
        return Some(size.value as u32);
    }
    let hint = format!("write a power of two from {least} to {most}");
    report.error(&size.span, format!("{key} cannot be {}", size.value), hint);
    None
}

fn physical_block_size(table: &mut Table<'_>, logical: u32, report: &mut Report) -> Option<u32> {
    block_size(table, "physical_block_size", u64::from(logical), 1 << 20, report)
}

fn backend(table: &mut Table<'_>, base: &Path, report: &mut Report) -> Option<Backend> {
    let given = ["file", "block", "null", "fault", "cdrom"]
        .into_iter()
        .filter(|key| table.get(key).is_some())
        .count();
    let span = table.span();
    if given == 0 {
        report.error(
            &span,
            "the device has no backend",
            "add [device.file], [device.block], [device.cdrom], [device.null] or [device.fault]",
        );
    }
    if given > 1 {
        report.error(
            &span,
            "the device has more than one backend",
            "keep one of file, block, cdrom, null and fault",
        );
    }
    let mut backend = None;
    if let Some(mut file) = table.table("file", report) {
        let read = file_backend(&mut file, base, report);
        let read = file.require(read, "path", "path = \"disk0.img\"", report);
        file.finish(report);
        backend = backend.or(read.map(Backend::File));
    }
    if let Some(mut block) = table.table("block", report) {
        let read = block_backend(&mut block, base, report);
        let read = block.require(read, "path", "path = \"/dev/vg0/disk0\"", report);
        block.finish(report);
        backend = backend.or(read.map(Backend::File));
    }
    if let Some(mut null) = table.table("null", report) {
        let size = null.size("size", report);
        let size = null.require(size, "size", "size = \"1GiB\"", report);
        null.finish(report);
        backend = backend.or(size.map(|size| Backend::Null { size }));
    }
    if let Some(mut cdrom) = table.table("cdrom", report) {
        let path = path(&mut cdrom, base, report);
        cdrom.finish(report);
        let image =
            path.map(|path| FileBackend { path, size: None, block: false, direct: false, create: false });
        backend = backend.or(Some(Backend::Cdrom(image)));
    }
    if let Some(fault) = table.table("fault", report) {
        let read = fault_backend(fault, base, report);
        backend = backend.or(Some(Backend::Fault(read)));
    }
    backend
}

fn file_backend(table: &mut Table<'_>, base: &Path, report: &mut Report) -> Option<FileBackend> {
    let size = table.size("size", report);
    let direct = table.boolean("direct", report).is_some_and(|direct| direct.value);
    let create = table.boolean("create", report).filter(|create| create.value);
    let path = path(table, base, report)?;
    if let (Some(create), None) = (&create, &size) {
        report.error(&create.span, "a file is to be created without a size", "add size = \"1GiB\"");
    }
    Some(FileBackend { path, size, block: false, direct, create: create.is_some() })
}

/// A block device without the page cache.
fn block_backend(table: &mut Table<'_>, base: &Path, report: &mut Report) -> Option<FileBackend> {
    let size = table.size("size", report);
    let path = path(table, base, report)?;
    Some(FileBackend { path, size, block: true, direct: true, create: false })
}

fn path(table: &mut Table<'_>, base: &Path, report: &mut Report) -> Option<At<PathBuf>> {
    let path = table.string("path", report)?;
    if path.value.is_empty() || path.value.contains('\0') {
        report.error(&path.span, "path names no file", "write a path such as \"disk0.img\"");
    }
    Some(At::new(base.join(PathBuf::from(path.value)), path.span))
}

fn fault_backend(mut table: Table<'_>, base: &Path, report: &mut Report) -> FaultBackend {
    let file = file_backend(&mut table, base, report);
    // Already reported on, as far as it is wrong: here it is the size of the memory, where no file is wrapped.
    let size = table.size("size", &mut Report::new("", "")).unwrap_or_else(|| At::implied(64 << 20));
    let mut count = |key, most| table.number(key, 0..=most, report).map_or(0, |n| n.value as u32);
    let fault = FaultBackend {
        file,
        size,
        delay_us: count("delay_us", 60_000_000),
        fail_every: count("fail_every", u64::from(u32::MAX)),
        short_every: count("short_every", u64::from(u32::MAX)),
        die_at: count("die_at", u64::from(u32::MAX)),
    };
    table.finish(report);
    fault
}

//! Looks at the media that a manifest names, without opening them for I/O: `bulkhead check` runs without root, so
//! missing permission is a warning here and an error only when the device is opened.

use std::os::unix::fs::FileTypeExt;

use nix::unistd::{AccessFlags, access};

use super::block_device;
use super::check::whole_blocks;
use super::report::{At, Report};
use super::units::show_size;
use super::{Device, FileBackend, Manifest};

/// Checks every file of every device.
pub fn check(manifest: &Manifest, report: &mut Report) {
    for device in &manifest.devices {
        if let Some(file) = device.backend.file() {
            check_file(device, file, report);
        }
    }
}

fn check_file(device: &Device, file: &FileBackend, report: &mut Report) {
    let path = &file.path.value;
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.create => {
            if !path.parent().is_some_and(|parent| parent.is_dir()) {
                let hint = "create the directory, or change the path";
                report.error(
                    &file.path.span,
                    format!("{shown} cannot be created: there is no such directory"),
                    hint,
                );
            }
            return;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = "create it, change the path, or add create = true and a size";
            report.error(&file.path.span, format!("there is no file {shown}"), hint);
            return;
        }
        Err(error) => {
            report.error(
                &file.path.span,
                format!("{shown} cannot be used: {error}"),
                "check the path and its owner",
            );
            return;
        }
    };
    let mode = if device.read_only { AccessFlags::R_OK } else { AccessFlags::R_OK | AccessFlags::W_OK };
    if let Err(error) = access(path, mode) {
        let hint = if device.read_only {
            "change its mode, or run as its owner"
        } else {
            "change its mode, run as its owner, or set read_only = true"
        };
        report.warning(&file.path.span, format!("{shown} cannot be opened by this user: {error}"), hint);
    }
    if metadata.file_type().is_block_device() {
        return check_block_device(device, file, report);
    }
    if file.block {
        let hint = "write [device.file] with direct = true, or name a block device";
        report.error(&file.path.span, format!("{shown} is no block device"), hint);
        return;
    }
    if !metadata.is_file() {
        let hint = "name a regular file or a block device";
        report.error(&file.path.span, format!("{shown} is neither a file nor a block device"), hint);
        return;
    }
    check_length(device, file, metadata.len(), report);
}

fn check_block_device(device: &Device, file: &FileBackend, report: &mut Report) {
    let shown = file.path.value.display();
    let Some(facts) = block_device::facts(&file.path.value) else { return };
    if file.direct && device.block_size < facts.logical {
        let what = format!("{shown} has blocks of {}, block_size is {}", facts.logical, device.block_size);
        let hint = format!(
            "write block_size = {}, or use [device.file], whose page cache can do less",
            facts.logical
        );
        report.error(&file.path.span, what, hint);
    }
    if facts.read_only && !device.read_only {
        report.error(&file.path.span, format!("{shown} is read-only"), "add read_only = true");
    }
    match &file.size {
        Some(size) if size.value > facts.size => {
            let what = format!("{shown} has {}, less than size", show_size(facts.size));
            report.error(&size.span, what, "remove size, or make it smaller");
        }
        Some(_) => {}
        None if facts.size < u64::from(device.block_size) => {
            let what = format!("{shown} has {}: less than one block", show_size(facts.size));
            report.error(&file.path.span, what, "is it set up yet?");
        }
        None => {}
    }
}

/// Fills in what the manifest leaves to the media.
pub fn learn(manifest: &mut Manifest) {
    for device in &mut manifest.devices {
        let Some(file) = device.backend.file() else { continue };
        let Some(facts) = block_device::facts(&file.path.value) else { continue };
        device.traits.on_block_device = true;
        device.traits.cacheless = file.direct && !facts.cached;
        device.traits.rotational.get_or_insert(facts.rotational);
        if device.physical_implied {
            // More than 32768 logical blocks to a physical one cannot be told.
            device.physical_block_size = facts.physical.clamp(device.block_size, device.block_size << 15);
        }
    }
}

/// A file that exists is served as it is: `size` is what a missing one is made with.
fn check_length(device: &Device, file: &FileBackend, length: u64, report: &mut Report) {
    let at = file.size.as_ref().map_or(&file.path.span, |size| &size.span);
    whole_blocks(device, &At::new(length, at.clone()), report);
    if let Some(size) = file.size.as_ref().filter(|size| size.value != length) {
        let what = format!(
            "{} has {}, not size: it is served as it is",
            file.path.value.display(),
            show_size(length)
        );
        let hint = format!("write size = {length}, or `bulkhead device resize` it to the size that you want");
        report.warning(&size.span, what, hint);
    }
}

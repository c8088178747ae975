//! Any text as a manifest: it is good, or every complaint can be shown.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use supervisor::manifest::Manifest;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(report) = Manifest::parse("fuzz.toml", text, Path::new("/")) {
        assert!(!report.to_string().is_empty());
    }
});

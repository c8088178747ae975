//! What a manifest says of a medium, and mistakes in it.

use super::super::{Manifest, Traits};
use super::{SMALL, parse};

/// The devices of a manifest whose one device has these keys.
fn with_keys(keys: &str) -> Result<Manifest, String> {
    let text = SMALL.replace("[[device]]\n", &format!("[[device]]\n{keys}\n"));
    parse(&text).map(|(manifest, _)| manifest).map_err(|report| report.to_string())
}

#[test]
fn manifest_with_traits_of_the_medium_is_read() {
    let keys = "rotation_rate = 15000\nnv_cache = true\npretend = true\nlowest_aligned_lba = 7\n\
                opt_transfer = \"1MiB\"\nopt_granularity = \"64KiB\"\nthreshold = 10\nsanitize_rate = \"8MiB\"";
    let manifest = with_keys(keys).expect("a good manifest");
    let expected = Traits {
        rotational: Some(true),
        rotation_rate: 15_000,
        nv_cache: true,
        pretend: true,
        lowest_aligned: 7,
        opt_transfer: 1 << 20,
        opt_granularity: 64 << 10,
        threshold: 10,
        sanitize_rate: 8 << 20,
        cacheless: false,
        on_block_device: false,
    };
    assert_eq!(manifest.devices[0].traits, expected);
    let text = SMALL.replace("[[device]]\n", "[[device]]\nthreshold = 10\n");
    let (_, report) = parse(&text).expect("a good manifest");
    let warning =
        "m.toml:2:1: warning: threshold says nothing of a device that is not thin; write thin = true";
    assert!(report.to_string().contains(warning), "{report}");
    assert_eq!(with_keys("").expect("a good manifest").devices[0].traits, Traits::default());
}

#[test]
fn manifest_with_wrong_traits_is_refused() {
    for (keys, expected) in [
        (
            "rotation_rate = 1024",
            "m.toml:3:17: rotation_rate cannot be 1024; write a whole number from 1025 to 65534",
        ),
        (
            "rotational = false\nrotation_rate = 7200",
            "m.toml:4:17: a medium that does not rotate has no rotation_rate; remove one of the two",
        ),
        (
            "nv_cache = true\nwrite_through = true",
            "m.toml:3:12: nv_cache and write_through contradict one another",
        ),
        (
            "lowest_aligned_lba = 16384",
            "lowest_aligned_lba cannot be 16384; write a whole number from 0 to 16383",
        ),
        ("opt_transfer = 1000", "opt_transfer cannot be 1000; write a multiple of 512, at most 4294966784"),
        (
            "opt_granularity = \"32MiB\"",
            "opt_granularity cannot be 33554432; write a multiple of 512, at most 33553920",
        ),
        (
            "sanitize_rate = 1000",
            "sanitize_rate cannot be 1000; write how many bytes in a second, \"1MiB\" or more, or leave it out",
        ),
        ("threshold = 100", "threshold cannot be 100; write a whole number from 0 to 99"),
    ] {
        let text = with_keys(keys).expect_err(keys);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn manifest_with_a_block_device_that_is_none_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("disk0.img"), [0; 512]).expect("file");
    let text = SMALL.replace("null.size = \"1GiB\"", "block.path = \"disk0.img\"");
    assert_ne!(text, SMALL);
    let report = Manifest::load_text("m.toml", &text, dir.path()).expect_err("no block device").to_string();
    assert!(report.contains("is no block device; write [device.file] with direct = true"), "{report}");
}

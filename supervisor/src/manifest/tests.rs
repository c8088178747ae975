//! Manifests with mistakes, and what is said about them.

mod access;
mod traits;

use std::path::Path;

use proptest::prelude::*;

use super::report::Report;
use super::{Backend, Kind, Manifest};

fn parse(text: &str) -> Result<(Manifest, Report), Report> {
    Manifest::parse("m.toml", text, Path::new("/base"))
}

fn wrong(text: &str) -> String {
    parse(text)
        .map(|(manifest, _)| panic!("accepted: {manifest:?}"))
        .unwrap_or_else(|report| report.to_string())
}

const SMALL: &str = r#"
[[device]]
name = "disk0"
null.size = "1GiB"

[[target]]
name = "iqn.2026-11.org.example:disks"
luns = [{ lun = 0, device = "disk0" }]
"#;

#[test]
fn manifest_without_services_implies_them() {
    let (manifest, report) = parse(SMALL).expect("valid");
    assert_eq!(report.to_string(), "");
    let services: Vec<_> = manifest.services.iter().map(|s| (s.kind, s.name.value.as_str())).collect();
    assert_eq!(services, [(Kind::Core, "core"), (Kind::Iscsi, "iscsi"), (Kind::Vdisk, "vdisk")]);
    assert_eq!(manifest.devices[0].service.value, "vdisk");
    assert_eq!(manifest.devices[0].block_size, 512);
    assert!(matches!(&manifest.devices[0].backend, Backend::Null { size } if size.value == 1 << 30));
    assert_eq!(manifest.targets[0].portals[0].value.to_string(), "127.0.0.1:3260");
    assert_eq!(manifest.targets[0].tag, 1);
}

const ALL_KEYS: &str = r#"
[supervisor]
run_dir = "run"
hold_limit = "20s"
heartbeat_limit = "5s"
stop_limit = "500ms"
log_size = "1MiB"

[[service]]
kind = "core"
arena = "2MiB"

[[service]]
kind = "iscsi"
name = "front"
poll_us = 0
cpus = [0, 1]
arena = "128MiB"
max_connections = 10
queue_depth = 64
nop_interval = "0s"
log = "debug"
limits = { nofile = 1024, address_space = "8GiB" }
restart = { min_run = "2s", min_delay = "1ms", max_delay = "2s", window = "30s", budget = 7 }

[[service]]
kind = "vdisk"
workers = 8

[[device]]
name = "disk0"
block_size = 4096
physical_block_size = "16KiB"
read_only = true
write_through = true
rotational = true
thin = true
removable = true
serial = "S1"
vendor = "ACME"
product = "Disk"
revision = "1.0"
[device.file]
path = "disk0.img"
size = "1MiB"
create = true

[[device]]
name = "bad"
[device.fault]
size = "1MiB"
delay_us = 5
fail_every = 1
short_every = 2
die_at = 3

[[target]]
name = "naa.6001405abcdef012"
alias = "some disks"
portals = ["[::1]:3260", "10.0.0.1:3261"]
tag = 9
luns = [{ lun = 0, device = "disk0" }, { lun = 16383, device = "bad" }]
"#;

#[test]
fn manifest_with_all_keys_is_read() {
    let (manifest, report) = parse(ALL_KEYS).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(report.to_string(), "");
    let front = &manifest.services[1];
    assert_eq!(
        (front.poll_us, front.cpus.as_slice(), front.transport.arena),
        (0, [0, 1].as_slice(), 128 << 20)
    );
    assert_eq!((front.policy.budget, front.policy.max_delay.as_secs()), (7, 2));
    assert_eq!(manifest.settings.run_dir.as_deref(), Some(Path::new("/base/run")));
    let Backend::File(file) = &manifest.devices[0].backend else { panic!("not a file") };
    assert_eq!(file.path.value, Path::new("/base/disk0.img"));
    assert_eq!(manifest.targets[0].luns[1].lun.value, 16383);
}

#[test]
fn manifest_with_mistyped_names_is_told_the_nearest() {
    let text = SMALL.replace("device = \"disk0\" }", "device = \"dsik0\" }").replace("null.size", "nul.size");
    let expected = "\
m.toml:2:1: the device has no backend; add [device.file], [device.block], [device.cdrom], [device.null] or [device.fault]
m.toml:4:1: [[device]] has no key \"nul\"; did you mean \"null\"?
m.toml:8:29: there is no device \"dsik0\"; did you mean \"disk0\"?";
    assert_eq!(wrong(&text), expected);
}

#[test]
fn manifest_with_many_mistakes_has_all_of_them_reported() {
    let text = r#"
[[service]]
kind = "vdsk"

[[service]]
kind = "vdisk"
name = "vd 1"
poll_us = -1
arena = "1MiB"

[[device]]
name = "a"
block_size = 1000
null = { size = "1.5GiB" }

[[device]]
block_size = "4KiB"
null = { size = 6000 }
vendor = "LONGVENDOR"

[[target]]
name = "iqn.26-11.example:x"
portals = ["localhost:3260", 3260]
luns = [{ lun = 99999, device = "a" }, { device = "a" }, 3]
tag = "one"
"#;
    let expected = "\
m.toml:3:8: there is no kind of service \"vdsk\"; did you mean \"vdisk\"?
m.toml:7:8: name \"vd 1\" cannot be used; use 1 to 32 letters, digits, '-', '_' or '.', beginning with a letter or digit
m.toml:8:11: poll_us cannot be -1; write a whole number from 0 to 100000
m.toml:9:1: [[service]] has no key \"arena\"; there is \"kind\", \"name\", \"restart\", \"poll_us\", \"cpus\", \"limits\", \"log\", \"workers\" or \"buffers\"
m.toml:13:14: block_size cannot be 1000; write a power of two from 512 to 65536
m.toml:14:17: size cannot be \"1.5GiB\"; write a whole number with KiB, MiB, GiB or TiB, such as \"64MiB\"
m.toml:16:1: [[device]] has no name; add name = \"disk0\"
m.toml:19:10: vendor \"LONGVENDOR\" cannot be used; use 1 to 8 printable ASCII characters
m.toml:22:8: name \"iqn.26-11.example:x\" cannot be used; \"iqn.\" is followed by year-month.reversed-domain, such as \"iqn.2026-11.org.example:disks\"
m.toml:23:12: portal \"localhost:3260\" cannot be used; write an address and a port, such as \"127.0.0.1:3260\" or \"[::1]:3260\"
m.toml:23:30: portals is a whole number; write strings, such as \"127.0.0.1:3260\"
m.toml:24:17: lun cannot be 99999; write a whole number from 0 to 16383
m.toml:24:40: an entry of luns has no lun; add lun = 0
m.toml:24:58: luns is a whole number; write tables, such as { lun = 0, device = \"disk0\" }
m.toml:25:7: tag is a string; write a whole number from 1 to 65535";
    assert_eq!(wrong(text), expected);
}

#[test]
fn null_device_cannot_be_thin() {
    let text = SMALL.replace("null.size", "thin = true\nnull.size");
    let expected = "m.toml:4:8: a null device has no blocks to give back; remove thin";
    assert_eq!(wrong(&text), expected);
}

#[test]
fn manifest_with_a_syntax_error_says_where() {
    let text = "[[device]\nname = \"disk0\"\n";
    assert!(wrong(text).starts_with("m.toml:1:"), "{}", wrong(text));
    let text = wrong("[[device]]\nname = \"disk0");
    assert!(text.contains("m.toml:2:") && text.contains(": this is not TOML: "), "{text}");
}

#[test]
fn manifest_with_things_defined_twice_is_refused() {
    let text = r#"
[[service]]
kind = "core"
name = "c1"
[[service]]
kind = "core"
name = "c2"
[[device]]
name = "a"
null.size = "1MiB"
[[device]]
name = "a"
null.size = "1MiB"
[[target]]
name = "iqn.2026-11.org.example:x"
luns = [{ lun = 0, device = "a" }, { lun = 0, device = "a" }]
portals = ["127.0.0.1:3260", "127.0.0.1:3260"]
"#;
    let expected = "\
m.toml:7:8: there is more than one core service; keep one of them
m.toml:12:8: there are two devices \"a\"; give one of them another name
m.toml:16:44: LUN 0 is there twice; give each entry its own lun
m.toml:17:30: portal 127.0.0.1:3260 is taken by 127.0.0.1:3260 of target \"iqn.2026-11.org.example:x\"; use another port";
    assert_eq!(wrong(text), expected);
}

#[test]
fn manifest_with_overlapping_portals_is_refused() {
    let second = |portal: &str| {
        format!("{SMALL}\n[[target]]\nname = \"eui.0123456789abcdef\"\nluns = []\nportals = [\"{portal}\"]\n")
    };
    assert!(parse(&second("127.0.0.1:3260")).is_ok(), "targets of one service share a portal");
    assert!(parse(&second("[::]:3260")).is_ok(), "another address family");
    assert!(
        wrong(&second("0.0.0.0:3260"))
            .contains("m.toml:13:12: portal 0.0.0.0:3260 is taken by 127.0.0.1:3260")
    );
}

#[test]
fn manifest_with_services_of_one_kind_wants_a_choice() {
    let text = format!(
        "[[service]]\nkind = \"vdisk\"\nname = \"a\"\n[[service]]\nkind = \"vdisk\"\nname = \"b\"\n{SMALL}"
    );
    assert!(wrong(&text).contains(
        "m.toml:8:1: [[device]] has no service; add service = the name of one of the vdisk services"
    ));
    let text = text.replace("null.size", "service = \"core\"\nnull.size");
    assert!(
        wrong(&text).contains("service \"core\" is a core service, not vdisk; there is \"a\" or \"b\""),
        "{}",
        wrong(&text)
    );
}

#[test]
fn manifest_with_sizes_that_are_no_blocks_is_refused() {
    let text = SMALL.replace("null.size = \"1GiB\"", "null.size = 1000");
    assert_eq!(
        wrong(&text),
        "m.toml:4:13: 1000 bytes are not whole blocks of 512 bytes; make it 512 or 1024"
    );
    let text = SMALL.replace("null.size = \"1GiB\"", "null.size = 100");
    assert!(
        wrong(&text)
            .contains("device \"disk0\" has 100 bytes: less than one block; make it 512 bytes or more")
    );
}

#[test]
fn manifest_with_unused_things_is_warned_about() {
    let text = r#"
[[device]]
name = "disk0"
null.size = "1GiB"
[[service]]
kind = "iscsi"
name = "lonely"
"#;
    let (_, report) = parse(text).expect("valid");
    let expected = "\
m.toml:1:1: warning: the manifest has no target: no initiator can reach anything; add a [[target]] with a name and luns
m.toml:3:8: warning: no target has device \"disk0\"; add it to the luns of a [[target]]
m.toml:7:8: warning: nothing uses service \"lonely\"; name it in a device or a target, or remove it";
    assert_eq!(report.to_string(), expected);
}

fn with_file(dir: &Path, keys: &str, length: Option<u64>) -> Result<(Manifest, Report), Report> {
    let image = dir.join("disk0.img");
    let _ = std::fs::remove_file(&image);
    if let Some(length) = length {
        std::fs::File::create(&image).and_then(|file| file.set_len(length)).expect("image");
    }
    let manifest = dir.join("m.toml");
    let text = SMALL.replace("null.size = \"1GiB\"", &format!("file = {{ path = \"disk0.img\"{keys} }}"));
    std::fs::write(&manifest, text).expect("manifest");
    Manifest::load(&manifest)
}

#[test]
fn manifest_with_a_file_is_checked_against_it() {
    let dir = tempfile::tempdir().expect("tempdir");
    let said = |keys, length| with_file(dir.path(), keys, length).expect_err("refused").to_string();
    assert!(with_file(dir.path(), "", Some(1 << 20)).is_ok());
    assert!(with_file(dir.path(), ", size = \"1MiB\", create = true", None).is_ok());
    assert!(said("", None).contains("there is no file"), "{}", said("", None));
    assert!(said("", None).contains("; create it, change the path, or add create = true and a size"));
    assert!(said("", Some(100)).contains("device \"disk0\" has 100 bytes: less than one block"));
    assert!(
        said("", Some(1000)).contains("1000 bytes are not whole blocks of 512 bytes; make it 512 or 1024")
    );
    let (_, warnings) =
        with_file(dir.path(), ", size = \"2MiB\"", Some(1 << 20)).expect("it is served as it is");
    assert!(warnings.to_string().contains("has 1MiB, not size: it is served as it is"), "{warnings}");
    assert!(
        said(", create = true", None).contains("a file is to be created without a size; add size = \"1GiB\"")
    );
}

#[test]
fn manifest_that_does_not_exist_is_named() {
    let report = Manifest::load(Path::new("/nonexistent/m.toml")).expect_err("refused").to_string();
    assert!(report.starts_with("/nonexistent/m.toml:1:1: cannot be read: No such file"), "{report}");
}

#[test]
fn iscsi_names_are_checked() {
    let check = super::names::check_iscsi_name;
    for good in [
        "iqn.2001-04.com.example",
        "iqn.2001-04.com.example:a.b:c-1",
        "eui.02004567a425678d",
        "naa.52004567ba64678d",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in [
        "iqn.2001-13.com.example",
        "iqn.2001-04.com..example",
        "eui.0200",
        "IQN.2001-04.com.example",
        "disk",
        "iqn.2001-04.com.example:a b",
        "",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    assert!(check(&format!("iqn.2001-04.com.example:{}", "x".repeat(200))).is_err());
}

proptest! {
    /// Whatever the text, reading it ends without a panic, and a report can be shown.
    #[test]
    fn manifest_of_any_text_is_survived(text in "\\PC{0,300}") {
        if let Err(report) = parse(&text) {
            prop_assert!(!report.to_string().is_empty());
        }
    }

    /// The same with pieces that are nearly right.
    #[test]
    fn manifest_of_any_pieces_is_survived(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "[[device]]\n", "[[target]]\n", "[[service]]\n", "[supervisor]\n", "name = \"a\"\n", "name = 'é'\n", "kind = \"core\"\n",
            "luns = [{}]\n", "luns = [{lun = 0, device = \"a\"}]\n", "null.size = 512\n", "[device.file]\n", "path = \"\"\n",
            "size = 18446744073709551616\n", "size = \"9999999999999999TiB\"\n", "cpus = [1e9]\n", "portals = [[]]\n", "= 3\n", "\"", "[[", "\r",
        ]), 0..12)
    ) {
        if let Err(report) = parse(&pieces.concat()) {
            prop_assert!(!report.to_string().is_empty());
        }
    }
}

//! Who has the last word on a size.

use std::path::Path;

use super::Sizes;
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::state_dir::StateDir;

/// One device on a block device, with or without a size.
fn plan(path: &str, size: Option<u64>) -> Plan {
    let size = size.map(|size| format!("size = {size}")).unwrap_or_default();
    let text = format!(
        "[[service]]\nkind = \"core\"\n[[service]]\nkind = \"vdisk\"\n[[device]]\nname = \"d.0\"\n\
         [device.block]\npath = \"{path}\"\n{size}\n"
    );
    let (manifest, _) =
        Manifest::parse("m.toml", &text, Path::new("/")).unwrap_or_else(|report| panic!("{report}"));
    Plan::new(&manifest, "m")
}

fn recalled(sizes: &Sizes, mut plan: Plan) -> Option<u64> {
    sizes.recall(&mut plan);
    plan.units[0].config.limit
}

#[test]
fn size_that_was_given_holds_until_the_manifest_changes() {
    let dir = tempfile::tempdir().expect("tempdir");
    let state = StateDir::take(dir.path()).expect("state directory");
    let sizes = Sizes::open(&state).expect("folder");
    assert_eq!(recalled(&sizes, plan("/dev/a", Some(1 << 20))), Some(1 << 20));

    sizes.keep(&plan("/dev/a", Some(1 << 20)).units[0], 4 << 20).expect("kept");
    assert_eq!(recalled(&sizes, plan("/dev/a", Some(1 << 20))), Some(4 << 20), "the last word");
    assert_eq!(recalled(&sizes, plan("/dev/a", Some(2 << 20))), Some(2 << 20), "a later one");
    assert_eq!(recalled(&sizes, plan("/dev/a", None)), None, "so is taking it out");
    assert_eq!(recalled(&sizes, plan("/dev/b", Some(1 << 20))), Some(1 << 20), "of another medium");

    sizes.keep(&plan("/dev/a", Some(1 << 20)).units[0], 1 << 20).expect("kept");
    assert_eq!(std::fs::read_dir(dir.path().join(".sizes")).expect("folder").count(), 0);

    sizes.keep(&plan("/dev/a", None).units[0], 512).expect("kept");
    assert_eq!(recalled(&sizes, plan("/dev/a", None)), Some(512), "all of it is not served again by itself");
}

#[test]
fn damaged_file_leaves_the_size_of_the_manifest() {
    let dir = tempfile::tempdir().expect("tempdir");
    let state = StateDir::take(dir.path()).expect("state directory");
    let sizes = Sizes::open(&state).expect("folder");
    sizes.keep(&plan("/dev/a", Some(1 << 20)).units[0], 4 << 20).expect("kept");
    let file = dir.path().join(".sizes/size.d%2e0");
    let mut bytes = std::fs::read(&file).expect("the file");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&file, bytes).expect("written");
    assert_eq!(recalled(&sizes, plan("/dev/a", Some(1 << 20))), Some(1 << 20));
}

//! Where the binaries under test are: `BULKHEAD_BIN_DIR`, else the release build of this workspace, which is made when
//! it is not there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// Uses what is installed beside this program, unless `BULKHEAD_BIN_DIR` says otherwise. Before anything else is asked for.
pub fn use_installed() {
    let own = std::env::current_exe().unwrap_or_default();
    if let (None, Some(beside)) = (std::env::var_os("BULKHEAD_BIN_DIR"), own.parent()) {
        DIRECTORY.get_or_init(|| beside.to_owned());
    }
}

/// The directory with `bulkhead` and the services.
pub fn directory() -> &'static Path {
    DIRECTORY.get_or_init(|| match std::env::var_os("BULKHEAD_BIN_DIR") {
        // From the root: cargo runs tests in the folder of their package.
        Some(given) => repository().join(given),
        None => build(),
    })
}

/// The `bulkhead` binary.
pub fn bulkhead() -> PathBuf {
    directory().join("bulkhead")
}

/// Where build products go: files that tests keep between runs go there too.
pub fn target_dir() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    given.map_or_else(|| repository().join("target"), |dir| repository().join(dir))
}

fn build() -> PathBuf {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--release", "--quiet", "--bins"])
        .current_dir(repository())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the binaries under test cannot be built");
    target_dir().join("release")
}

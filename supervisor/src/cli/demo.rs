//! `bulkhead demo`: an embedded manifest, and what to type next.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result};

use crate::kept::Kept;
use crate::manifest::Manifest;

/// The embedded manifest; a copy of it is a good first manifest of one's own.
const MANIFEST: &str = include_str!("demo.toml");

/// Runs the demo with its file in `dir`, and its state too unless `state` names a directory.
pub fn demo(
    dir: &Path,
    run_dir: Option<PathBuf>,
    state: Option<PathBuf>,
    kept: Rc<Kept>,
) -> Result<ExitCode> {
    let base = std::path::absolute(dir).with_context(|| format!("{}", dir.display()))?;
    std::fs::create_dir_all(&base)
        .with_context(|| format!("cannot make {}; choose another with --dir", base.display()))?;
    let loaded = Manifest::load_text("the demo's manifest", MANIFEST, &base);
    let Some((manifest, _)) = super::load(loaded) else { return Ok(ExitCode::FAILURE) };
    let state = state.unwrap_or_else(|| base.join("state"));
    let hints = hints(&base, run_dir.as_deref());
    super::run::run(&manifest, Path::new("demo"), run_dir, Some(state), (kept, hints))
}

fn hints(base: &Path, run_dir: Option<&Path>) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "bulkhead".to_owned());
    let run_dir = run_dir.map(|dir| format!(" --run-dir {}", dir.display())).unwrap_or_default();
    format!(
        "
bulkhead: ready. Target iqn.2026-11.org.bulkhead:demo on 127.0.0.1:3260:
  LUN 0  {}/disk0.img, 1 GiB
  LUN 1  a null disk, 1 GiB

Type in another terminal:
  iscsi-ls -s iscsi://127.0.0.1:3260
  qemu-img info iscsi://127.0.0.1:3260/iqn.2026-11.org.bulkhead:demo/0
  iscsiadm -m discovery -t sendtargets -p 127.0.0.1
  {program}{run_dir} status
  {program}{run_dir} kill vdisk      # it comes back, and initiators see a pause at most

Ctrl-C stops it.
",
        base.display()
    )
}

#[cfg(test)]
mod tests {
    use super::{MANIFEST, Manifest, Path};

    #[test]
    fn demo_has_a_good_manifest() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (manifest, report) = Manifest::load_text("demo", MANIFEST, dir.path()).expect("good");
        assert_eq!(report.to_string(), "");
        assert_eq!(manifest.devices.len(), 2);
        assert!(!Path::new(dir.path()).join("disk0.img").exists(), "reading a manifest makes nothing");
    }
}

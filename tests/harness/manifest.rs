//! Writes the manifest of a target under test: by default one file disk and one null disk, with restart limits wide
//! enough for being killed again and again.

use std::fmt::Write as _;
use std::path::Path;

/// The target's iSCSI name.
pub const TARGET: &str = "iqn.2026-11.test.bulkhead:disks";

/// The name of the target that is the second way to the same units, where there is one.
pub const SECOND: &str = "iqn.2026-11.test.bulkhead:second";

/// A manifest in the making.
#[derive(Debug, Clone)]
pub struct Manifest {
    supervisor: String,
    services: Vec<(String, String)>,
    devices: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    two_ways: bool,
    appendix: String,
}

impl Default for Manifest {
    /// No device yet, and the services that a small manifest implies.
    fn default() -> Self {
        let service = |kind: &str| (kind.to_owned(), String::new());
        Self {
            supervisor: String::new(),
            services: vec![service("core"), service("iscsi"), service("vdisk")],
            devices: Vec::new(),
            environment: Vec::new(),
            two_ways: false,
            appendix: String::new(),
        }
    }
}

impl Manifest {
    /// The usual one: LUN 0 is a sparse file of `mib` MiB, LUN 1 a null device of 1 GiB.
    pub fn usual(mib: u64) -> Self {
        Self::default().file("disk0", mib, "").device("null0", "[device.null]\nsize = \"1GiB\"")
    }

    /// Adds a file-backed device; `keys` are further keys of `[[device]]`, a line each. Devices get LUNs in the order in
    /// which they are added.
    #[must_use]
    pub fn file(self, name: &str, mib: u64, keys: &str) -> Self {
        let backend =
            format!("{keys}\n[device.file]\npath = \"{name}.img\"\nsize = \"{mib}MiB\"\ncreate = true");
        self.device(name, &backend)
    }

    /// Adds a device; `rest` is what follows its name.
    #[must_use]
    pub fn device(mut self, name: &str, rest: &str) -> Self {
        self.devices.push(format!("name = \"{name}\"\n{rest}\n"));
        self
    }

    /// Adds keys to `[supervisor]`.
    #[must_use]
    pub fn supervisor(mut self, keys: &str) -> Self {
        let _ = writeln!(self.supervisor, "{keys}");
        self
    }

    /// Adds keys to the services of a kind.
    #[must_use]
    pub fn service(mut self, kind: &str, keys: &str) -> Self {
        for (_, text) in self.services.iter_mut().filter(|(known, _)| known == kind) {
            let _ = writeln!(text, "{keys}");
        }
        self
    }

    /// Sets a variable in the environment of all processes of the target.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Adds a second target with the same units, on the same portal.
    #[must_use]
    pub fn two_ways(mut self) -> Self {
        self.two_ways = true;
        self
    }

    /// The same, each target in a target port group of its own whose state initiators may set.
    #[must_use]
    pub fn port_groups(self) -> Self {
        let group = |id: u32, name: &str, target: &str| {
            format!("\n[[port_group]]\nid = {id}\nname = \"{name}\"\ntargets = [\"{target}\"]\n")
        };
        let groups = group(1, "left", TARGET) + &group(2, "right", SECOND);
        self.two_ways().append(&format!("\n[alua]\nmode = \"both\"\n{groups}"))
    }

    /// Adds text at the end: of the last target, or tables of its own.
    #[must_use]
    pub fn append(mut self, text: &str) -> Self {
        let _ = writeln!(self.appendix, "{text}");
        self
    }

    /// The variables of the environment.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.environment.iter().copied()
    }

    /// The number of LUNs.
    pub fn luns(&self) -> usize {
        self.devices.len()
    }

    /// The text, for a target that lives in `dir` and listens on `port` of the loopback address.
    pub fn text(&self, dir: &Path, port: u16) -> String {
        let mut text = format!(
            "[supervisor]\nrun_dir = {:?}\nstate_dir = {:?}\n{}",
            dir.join("run"),
            dir.join("state"),
            self.supervisor
        );
        for (kind, keys) in &self.services {
            // A service that was killed while it worked is started again at once, as after min_run (1 s) by default; the
            // tests kill faster than that.
            let restart = "restart = { min_run = \"10ms\", min_delay = \"1ms\", max_delay = \"50ms\", budget = 100000 }\n";
            let restart = if keys.contains("restart") { "" } else { restart };
            let _ = write!(text, "\n[[service]]\nkind = \"{kind}\"\n{keys}{restart}");
        }
        for device in &self.devices {
            let _ = write!(text, "\n[[device]]\n{device}");
        }
        for target in if self.two_ways { &[TARGET, SECOND][..] } else { &[TARGET] } {
            let _ =
                write!(text, "\n[[target]]\nname = \"{target}\"\nportals = [\"127.0.0.1:{port}\"]\nluns = [");
            for lun in 0..self.devices.len() {
                let name = self.devices[lun].split('"').nth(1).unwrap_or_default();
                let _ = write!(text, "{{ lun = {lun}, device = \"{name}\" }}, ");
            }
            text += "]\n";
        }
        text + &self.appendix
    }
}

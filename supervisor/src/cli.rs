//! The `bulkhead` command line: what can be typed, and where it goes.

mod chaos;
mod crash_point;
mod demo;
mod device;
mod logs;
mod post_mortem;
mod run;
mod show;
mod upgrade;
mod why;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::admin::{Request, client};
use crate::graph::{self, Format};
use crate::keeper;
use crate::kept::{self, Kept};
use crate::manifest::Manifest;
use crate::manifest::report::Report;
use crate::plan::Plan;
use crate::run_dir;

/// Names the run directory when `--run-dir` does not.
const RUN_DIR: &str = "BULKHEAD_RUN_DIR";
/// Names the state directory when `--state-dir` does not.
const STATE_DIR: &str = "BULKHEAD_STATE_DIR";

/// A SCSI target made of processes, any of which can be killed under load.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// Where sockets, logs and the lock live [env: BULKHEAD_RUN_DIR] [default: /run/bulkhead as root, else
    /// $XDG_RUNTIME_DIR/bulkhead]
    #[arg(long, global = true, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Where services keep what outlives a reboot [env: BULKHEAD_STATE_DIR] [default: /var/lib/bulkhead as root, else
    /// $XDG_STATE_HOME/bulkhead]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything in a manifest, and supervise it until SIGTERM or Ctrl-C
    Run {
        /// The manifest (TOML)
        manifest: PathBuf,
    },
    /// Serve a 1 GiB file and a null disk on 127.0.0.1:3260, to try things out
    Demo {
        /// Where the file is kept
        #[arg(long, value_name = "DIR", default_value = "demo-data")]
        dir: PathBuf,
    },
    /// Say everything that is wrong with a manifest; starts nothing, needs no root
    Check {
        /// The manifest (TOML)
        manifest: PathBuf,
    },
    /// Draw the processes and links of a manifest
    Graph {
        /// The manifest (TOML)
        manifest: PathBuf,
        /// The language of the drawing
        #[arg(long, value_enum, default_value = "mermaid")]
        format: Format,
    },
    /// Show every service: state, process, uptime, restarts, last death and its cause
    Status {
        /// As JSON, with counters and links
        #[arg(long)]
        json: bool,
        /// Read the stats board in shared memory instead of asking the supervisor
        #[arg(long)]
        board: bool,
    },
    /// Stop a service in order and start it again
    Restart {
        /// The service
        name: String,
    },
    /// Stop a service until it is started again
    Stop {
        /// The service
        name: String,
    },
    /// Start a service that is stopped or held
    Start {
        /// The service
        name: String,
    },
    /// Replace running services by the installed ones, one by one; without names all of them, and the supervisor last
    Upgrade {
        /// The services
        names: Vec<String>,
        /// The supervisor, too, or alone where no service is named
        #[arg(long)]
        supervisor: bool,
    },
    /// Send a service's process a signal
    Kill {
        /// The service
        name: String,
        /// A name or a number
        #[arg(long, short, default_value = "KILL")]
        signal: String,
    },
    /// Have a service die at a named point of its work, to see that nobody notices; without arguments, list the points
    CrashPoint {
        /// The service, or `supervisor`
        #[arg(requires = "point")]
        name: Option<String>,
        /// The point
        point: Option<String>,
        /// How often it is passed until then, from 1
        #[arg(long, default_value_t = 1)]
        count: u32,
        /// In its next incarnation instead of the one that runs
        #[arg(long)]
        next_start: bool,
    },
    /// Kill, hang, starve and scribble over a target of its own under a verified load, and tell what initiators saw of it
    #[command(disable_help_flag = true)]
    Chaos {
        /// See `bulkhead chaos --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Resize a device, or change its medium, while it is served
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Set the asymmetric access state of a target port group, and tell initiators
    Alua {
        /// The port group
        port_group: String,
        /// active, nonoptimized, standby, unavailable, offline or transitioning
        state: String,
        /// For this device group only
        #[arg(long, value_name = "NAME")]
        device_group: Option<String>,
    },
    /// Show the log of a service
    Logs {
        /// The service
        name: String,
        /// Go on as it grows
        #[arg(long, short)]
        follow: bool,
        /// Last lines to begin with
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: usize,
    },
    /// Show of what a service died last, and what it had been doing; works while it lives, too
    PostMortem {
        /// The service
        name: String,
        /// Most of its last records
        #[arg(short = 'n', long, default_value_t = 40)]
        lines: usize,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show where the commands of a logical unit are: which process has each of them, since when, and what it waits for
    Why {
        /// The target's name
        target: String,
        /// The logical unit number
        lun: u16,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the version and the versions of what the processes say to one another and to their successors
    Version,
}

/// Does what was typed.
///
/// # Errors
/// What went wrong, for a person.
pub fn main(cli: Cli) -> Result<ExitCode> {
    let variable = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let given = cli.run_dir.or_else(|| variable(RUN_DIR));
    let state = cli.state_dir.or_else(|| variable(STATE_DIR));
    let given = given.map(std::path::absolute).transpose().context("the run directory")?;
    let run_dir = given.clone().unwrap_or_else(run_dir::default_path);
    let kept = if matches!(cli.command, Command::Run { .. } | Command::Demo { .. }) {
        if !kept::is_supervisor() {
            return keeper::keep();
        }
        match run::resume()? {
            (_, Some(code)) => return Ok(code),
            (kept, None) => kept,
        }
    } else {
        Rc::new(Kept::nobody())
    };
    let ask = |request| request_and_show(&run_dir, &request);
    match cli.command {
        Command::Run { manifest } => {
            let Some((loaded, _)) = load(Manifest::load(&manifest)) else { return Ok(ExitCode::FAILURE) };
            run::run(&loaded, &manifest, given, state, (kept, "bulkhead: ready\n".to_owned()))
        }
        Command::Demo { dir } => demo::demo(&dir, given, state, kept),
        Command::Check { manifest } => Ok(check(&manifest)),
        Command::Graph { manifest, format } => {
            let Some((loaded, _)) = load(Manifest::load(&manifest)) else { return Ok(ExitCode::FAILURE) };
            print!("{}", graph::draw(&Plan::new(&loaded, ""), format));
            Ok(ExitCode::SUCCESS)
        }
        Command::Status { json, board } => status(&run_dir, json, board),
        Command::Restart { name } => ask(Request::Restart { name }),
        Command::Stop { name } => ask(Request::Stop { name }),
        Command::Start { name } => ask(Request::Start { name }),
        Command::Upgrade { names, supervisor } => upgrade::upgrade(&run_dir, &names, supervisor),
        Command::Kill { name, signal } => ask(Request::Kill { name, signal }),
        Command::Alua { port_group, state, device_group } => {
            ask(Request::Alua { port_group, state, device_group })
        }
        Command::CrashPoint { name: Some(name), point: Some(point), count, next_start } => {
            ask(Request::CrashPoint { name, point, count, next_start })
        }
        Command::CrashPoint { .. } => {
            say(&crash_point::table());
            Ok(ExitCode::SUCCESS)
        }
        Command::Chaos { arguments } => match chaos::become_chaos(&arguments)? {},
        Command::Device(command) => ask(command.request()?),
        Command::Logs { name, follow, lines } => logs::logs(&run_dir, &name, follow, lines),
        Command::PostMortem { name, lines, json } => post_mortem::post_mortem(&run_dir, name, lines, json),
        Command::Why { target, lun, json } => why::why(&run_dir, target, lun, json),
        Command::Version => {
            println!("{}", upgrade::version());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes to stdout, where somebody may have stopped reading: no reason for a supervisor to end.
fn say(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Shows what is wrong with a manifest; `None` when it cannot be used.
fn load(loaded: Result<(Manifest, Report), Report>) -> Option<(Manifest, Report)> {
    let (Ok((_, report)) | Err(report)) = &loaded;
    if !report.problems().is_empty() {
        eprintln!("{report}");
    }
    loaded.ok()
}

fn check(path: &Path) -> ExitCode {
    let Some((manifest, _)) = load(Manifest::load(path)) else { return ExitCode::FAILURE };
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    println!(
        "{}: good: {}, {}, {}",
        path.display(),
        count(manifest.services.len(), "service"),
        count(manifest.devices.len(), "device"),
        count(manifest.targets.len(), "target")
    );
    ExitCode::SUCCESS
}

fn request_and_show(run_dir: &Path, request: &Request) -> Result<ExitCode> {
    let reply = client::ask(run_dir, request)?;
    if !reply.ok {
        bail!("{}", reply.text);
    }
    println!("{}", reply.text);
    Ok(ExitCode::SUCCESS)
}

fn status(run_dir: &Path, json: bool, board: bool) -> Result<ExitCode> {
    let status = if board {
        serde_json::from_str(&crate::board::read(run_dir)?)?
    } else {
        let reply = client::ask(run_dir, &Request::Status)?;
        match reply.status {
            Some(status) => status,
            None => bail!("{}", reply.text),
        }
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", show::table(&status));
    }
    Ok(ExitCode::SUCCESS)
}

//! The runner of a suite: cases by name, each with what it needs of the machine and a time limit. What cannot run here
//! is reported as ignored with the reason; what hangs ends the run with the target's logs on the screen.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::bail;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::clients::Need;
use crate::{binaries, target};

/// How long a case may take when it does not say.
const USUAL_LIMIT: Duration = Duration::from_secs(120);

/// The error of a case that found out, as it ran, that it cannot run here.
#[derive(Debug)]
pub struct Skipped(pub String);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skipped {}

/// One test.
pub struct Case {
    name: String,
    needs: &'static [Need],
    limit: Duration,
    run: Box<dyn FnOnce() -> anyhow::Result<()> + Send>,
}

impl Case {
    /// A case that needs nothing but the target.
    pub fn new(name: impl Into<String>, run: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Self {
        Self { name: name.into(), needs: &[], limit: USUAL_LIMIT, run: Box::new(run) }
    }

    /// The programs without which it cannot run.
    #[must_use]
    pub fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn trial(self) -> Trial {
        let Self { name, needs, limit, run } = self;
        Trial::ignorable_test(name.clone(), move || {
            let missing = needs.iter().find_map(|need| need.missing());
            let error = match missing {
                Some(missing) => Skipped(missing).into(),
                None => match watched(&name, limit, run) {
                    Ok(()) => return Ok(Completion::Completed),
                    Err(error) => error,
                },
            };
            if let Some(Skipped(reason)) = error.downcast_ref() {
                println!("{name}: skipped: {reason}");
                return Ok(Completion::ignored_with(reason));
            }
            let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
            Err(Failed::from(causes.join("\n")))
        })
    }
}

/// Runs the case in a thread of its own. One that is not over in time cannot be ended: the whole run is.
fn watched(
    name: &str,
    limit: Duration,
    run: Box<dyn FnOnce() -> anyhow::Result<()> + Send>,
) -> anyhow::Result<()> {
    let (over, wait) = mpsc::channel();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = run();
        let _ = over.send(());
        result
    })?;
    if wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
        eprintln!("{name}: not over after {limit:?}");
        target::abandon_all();
        std::process::exit(101);
    }
    thread.join().unwrap_or_else(|_| bail!("panicked"))
}

/// Runs the cases that the command line selects, one at a time unless it says otherwise: they load the machine.
pub fn main(cases: Vec<Case>) -> ExitCode {
    main_at_once(1, cases)
}

/// The same for cases most of which wait most of the time: so many at once.
pub fn main_at_once(most: usize, cases: Vec<Case>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(most);
    if !arguments.list {
        // Where they have to be built first, that is not on the time of the first case.
        binaries::directory();
    }
    libtest_mimic::run(&arguments, cases.into_iter().map(Case::trial).collect()).exit_code()
}

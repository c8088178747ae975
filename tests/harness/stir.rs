//! Everything that is rare, over and over beside a load: reservations that outlive a reboot, COMPARE AND WRITE, MODE SELECT
//! that is saved, FORMAT UNIT, logins and logouts, changes of media and of sizes. Each of it is written down by somebody.
//!
//! What each of them does is judged elsewhere; here it must work, however often what executes it dies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow, ensure};

use crate::initiator::cdb;
use crate::initiator::login::Login;
use crate::initiator::session::Session;
use crate::initiator::task::Command;

/// Commands of one kind.
struct Step {
    what: &'static str,
    /// Whether the turn is odd: what is as it was is written down by nobody.
    command: fn(odd: bool) -> Command,
}

/// COMPARE AND WRITE of a block that never changes.
fn compare_and_write(_: bool) -> Command {
    Command::write(1, &[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 1, 0, 0], vec![0; 1024])
}

/// PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY with APTPL one.
fn register(odd: bool) -> Command {
    let mut list = vec![0; 24];
    (list[15], list[20]) = (7 + u8::from(odd), 1);
    Command::write(1, &[0x5f, 0x06, 0, 0, 0, 0, 0, 0, 24, 0], list)
}

/// MODE SELECT(6) with SP one: the caching page with WCE zero or one.
fn mode_select(odd: bool) -> Command {
    let page = [&[0x08, 0x12, u8::from(odd) << 2][..], &[0; 17]].concat();
    Command::write(1, &[0x15, 0x11, 0, 0, 24, 0], [&[0; 4][..], &page].concat())
}

const STEPS: [Step; 3] = [
    Step { what: "COMPARE AND WRITE", command: compare_and_write },
    Step { what: "PERSISTENT RESERVE OUT", command: register },
    Step { what: "MODE SELECT", command: mode_select },
];

/// A running stir, on LUN 1 of a target.
pub struct Stir {
    stop: Arc<AtomicBool>,
    /// Rounds that are done.
    pub rounds: Arc<AtomicU64>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Stir {
    /// Starts it.
    pub fn start(portal: SocketAddr) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ours, counted) = (stop.clone(), rounds.clone());
        let thread = std::thread::spawn(move || {
            while !ours.load(Ordering::Relaxed) {
                if let Some(session) = log_in(portal) {
                    round(session)?;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(())
        });
        Self { stop, rounds, thread }
    }

    /// Whether it has ended by itself: something did not work.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it. How many rounds it has done.
    ///
    /// # Errors
    /// Something did not work.
    pub fn finish(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the stir panicked"))??;
        Ok(self.rounds.load(Ordering::Relaxed))
    }
}

/// A login in progress may be dropped by a death: it is begun again.
fn log_in(portal: SocketAddr) -> Option<Session> {
    Login::normal(90).session(portal).ok()
}

fn round(mut session: Session) -> anyhow::Result<()> {
    session.clear_unit_attentions(1).context("right after a login")?;
    for (turn, step) in STEPS.iter().cycle().take(STEPS.len() * 4).enumerate() {
        let odd = turn / STEPS.len() % 2 == 1;
        let mut execute = || session.execute((step.command)(odd)).context(step.what);
        let mut done = execute()?;
        while done.is_unit_attention() {
            done = execute()?;
        }
        ensure!(done.status == 0, "{}: {:02x} {:02x?}", step.what, done.status, done.sense);
    }
    let read = session.execute(Command::read(1, &cdb::read10(64, 1), 512))?;
    ensure!(read.status == 0 && read.data == [0; 512], "a block that nobody changed: {read:?}");
    session.logout().context("a logout")
}

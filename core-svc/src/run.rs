//! The core's only loop: records in, work, records out, sleep.

use std::time::{Duration, Instant};

use ipc::channel::ChannelError;
use ipc::message::Event;
use ipc::message::config::ServiceKind;
use ipc::service::Control;
use ipc::wait::{Awaited, HEARTBEAT, Ready, Turn, Waiter, Watch};

use crate::core::Core;
use crate::grants::Next;
use crate::stats::{Counter, NAMES};

/// Token of the control socket; peers have their service's index.
const CONTROL: u64 = u64::MAX;
/// Turns after which the control socket is looked at nevertheless: with work, or that gave up the processor for want of it.
/// A look is a system call, and who sleeps hears of the socket anyway.
const TURNS: u32 = 64;

/// Runs the core over the control socket that this process inherited.
pub fn inherited() -> anyhow::Result<()> {
    run(Control::inherit(ServiceKind::Core, NAMES)?)
}

/// Runs the core until it is told to stop or the supervisor is gone.
pub fn run(mut control: Control) -> anyhow::Result<()> {
    let mut waiter = Waiter::new(0)?;
    waiter.add(&control, CONTROL, Watch::Readable)?;
    let mut core = Core::default();
    loop {
        let (grant, fds) = match control.wait() {
            Err(ChannelError::Closed) => return Ok(()),
            other => other?,
        };
        match core.adopt(grant, fds, &mut waiter)? {
            Next::Continue => {}
            Next::Go => break,
            Next::Stop => return stopped(&mut control),
        }
    }
    control.report(Event::Ready, Vec::new())?;
    tracing::info!("core serves");

    let mut ready: Vec<Ready> = Vec::new();
    let mut turns = 0u32;
    loop {
        let worked = core.turn();
        core.flush();
        core.stats.beat();
        let turn = if worked {
            waiter.worked();
            Turn::LookAround
        } else {
            waiter.idle(if core.awaits_handler() { Awaited::Answer } else { Awaited::Work })
        };
        match turn {
            Turn::Look => {}
            Turn::LookAround => turns += 1,
            Turn::Sleep => {
                turns = if sleep(&mut core, &mut waiter, &mut ready)? { TURNS } else { turns + 1 };
            }
        }
        if turns >= TURNS {
            turns = 0;
            waiter.tick();
            // Also while others keep the core busy: who is held must not be held for ever.
            if core.deadline().is_some_and(|at| at <= Instant::now()) {
                core.expire();
            }
            if !hear(&mut core, &mut control, &mut waiter)? {
                return stopped(&mut control);
            }
            core.bury_links(&waiter);
        }
        // After grants were heard: who asked something waits for the answer, and the next turn may be one of sleep.
        for event in core.events.drain(..) {
            control.report(event, Vec::new())?;
        }
    }
}

/// Sleeps, if every ring agrees that there is nothing to do. True if the control socket is to be looked at: it can be read,
/// or the time was over. A bell alone is no reason.
fn sleep(core: &mut Core, waiter: &mut Waiter, ready: &mut Vec<Ready>) -> anyhow::Result<bool> {
    let most = core.deadline().map_or(HEARTBEAT, |at| at.saturating_duration_since(Instant::now()));
    if !core.arm() {
        return Ok(false);
    }
    core.count(Counter::Sleeps, 1);
    waiter.wait(most.max(Duration::from_millis(1)), ready)?;
    core.disarm();
    // Whoever woke us has work; one look decides whether the polling budget starts anew.
    if !ready.is_empty() {
        waiter.worked();
    }
    Ok(ready.is_empty() || ready.iter().any(|ready| ready.token == CONTROL))
}

/// Takes every grant that has arrived. False: it is time to end.
fn hear(core: &mut Core, control: &mut Control, waiter: &mut Waiter) -> anyhow::Result<bool> {
    loop {
        match control.poll() {
            Ok(None) => break,
            Ok(Some((grant, fds))) => {
                if core.adopt(grant, fds, waiter)? == Next::Stop {
                    return Ok(false);
                }
            }
            // Nobody is there to restart anything any more; what is running must not go on unsupervised.
            Err(ChannelError::Closed) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    control.flush()?;
    Ok(true)
}

fn stopped(control: &mut Control) -> anyhow::Result<()> {
    tracing::info!("core stops");
    match control.report(Event::Stopped, Vec::new()) {
        Err(ChannelError::Closed) => Ok(()),
        other => Ok(other?),
    }
}

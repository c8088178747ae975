//! What happens because time has passed: restarts, retries, the end of patience, and once a second a look at heartbeats,
//! logs and the stats board, and a word to the keeper, which looks at ours.

use std::time::Duration;

use super::Reactor;
use crate::child::State;

/// How often heartbeats are looked at and the board is refreshed.
const TICK: Duration = Duration::from_secs(1);
/// A tick that is later than this says that the machine stood still, and nobody's heart could beat.
const LATE: Duration = Duration::from_secs(3);
/// How long a service may take from its start to being ready.
const START_LIMIT: Duration = Duration::from_secs(60);

impl Reactor {
    /// When something is due next.
    pub(super) fn next_deadline(&self) -> Duration {
        let of_children = self.children.iter().flat_map(|child| {
            let restart = match child.state {
                State::Backoff { until } => Some(until),
                _ => None,
            };
            let process = child.process.as_ref();
            let others = process
                .map(|process| [process.kill_at.as_ref().map(|(at, _)| *at), process.grants_due])
                .unwrap_or_default();
            others.into_iter().chain([restart]).flatten()
        });
        let of_requests = self.pending.iter().map(|pending| pending.deadline);
        let of_changes = self.changes.deadline();
        let of_changes =
            of_changes.into_iter().chain(self.access.deadline()).chain(self.questions.deadline());
        of_children.chain(of_requests).chain(of_changes).fold(self.ticked + TICK, Duration::min)
    }

    /// Does what is due.
    pub(super) fn on_time(&mut self) {
        let now = self.now();
        for service in 0..self.children.len() as u32 {
            self.on_time_of(service, now);
        }
        self.expire_changes(now);
        self.expire_access(now);
        self.look_at_questions(now);
        if now >= self.ticked + TICK {
            let late = now > self.ticked + LATE;
            self.ticked = now;
            self.memory.kept.alive(self.plan.settings.heartbeat_limit);
            self.check_hearts(now, late);
            self.rotate_logs();
            self.refresh_board();
        }
    }

    fn on_time_of(&mut self, service: u32, now: Duration) {
        let child = self.child(service);
        if matches!(child.state, State::Backoff { until } if until <= now) {
            return self.start(service);
        }
        let Some(process) = &mut child.process else { return };
        if let Some((_, reason)) = process.kill_at.clone().filter(|(at, _)| *at <= now) {
            return self.kill(service, &reason);
        }
        if process.grants_due.is_some_and(|at| at <= now) {
            process.grants_due = None;
            self.grant(service);
        }
    }

    fn check_hearts(&mut self, now: Duration, late: bool) {
        let limit = self.plan.settings.heartbeat_limit;
        for service in 0..self.children.len() as u32 {
            let child = self.child(service);
            let starting = child.state == State::Starting;
            let Some(process) = &mut child.process else { continue };
            let beats = process.stats.beats();
            if late || beats != process.beat.0 {
                process.beat = (beats, now);
            }
            let silent = now.saturating_sub(process.beat.1);
            if process.reason.is_some() {
                continue;
            }
            if starting && now.saturating_sub(process.started) > START_LIMIT {
                self.kill(service, &format!("was not ready after {}s", START_LIMIT.as_secs()));
            } else if process.ready.is_some() && silent > limit {
                self.kill(service, &format!("hung: no heartbeat for {}s", silent.as_secs()));
            }
        }
    }

    /// Moves logs away that have grown too long. A service writes on in the file that it has, so what was written is
    /// copied and the file cut: a line that is written in between is lost.
    fn rotate_logs(&self) {
        for planned in &self.plan.services {
            let log = self.run_dir.log_file(&planned.config.name);
            let long =
                std::fs::metadata(&log).is_ok_and(|metadata| metadata.len() > self.plan.settings.log_size);
            if long {
                let cut = std::fs::copy(&log, log.with_extension("log.1"))
                    .and_then(|_| std::fs::OpenOptions::new().write(true).open(&log)?.set_len(0));
                if let Err(error) = cut {
                    tracing::warn!(log = %log.display(), %error, "the log cannot be rotated");
                }
            }
        }
    }

    /// Writes the status to the stats board.
    pub(super) fn refresh_board(&mut self) {
        if self.board.is_none() {
            return;
        }
        let text = serde_json::to_string(&self.status()).unwrap_or_default();
        if let Some(board) = &mut self.board
            && let Err(error) = board.refresh(&text)
        {
            tracing::warn!(%error, "the stats board cannot be written");
            self.board = None;
        }
    }
}

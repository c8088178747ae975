//! Answers `bulkhead why`: asks the core how the commands of a unit stand, and looks whether the services on their way show
//! a heartbeat. Whoever is silent is waited for a moment only: that it does not answer is an answer.

use std::path::PathBuf;
use std::time::Duration;

use ipc::message::Grant;
use ipc::message::explain::{Explained, Holder};

use super::Reactor;
use crate::admin::Reply;
use crate::child::State;
use crate::manifest::Kind;
use crate::manifest::report::{listed, nearest};
use crate::post_mortem::{PostMortem, Subject};
use crate::why::{Names, Standing, Why};

/// How long a service may take to answer or to show a heartbeat. One that lives shows one twice a second.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often heartbeats are looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// Questions at a time.
const MOST: usize = 64;
/// Records of a silent core that are shown.
const LINES: usize = 64;

/// A question that is not answered yet.
struct Question {
    client: u64,
    request: u64,
    target: u32,
    lun: u16,
    units: Vec<u32>,
    asked: Duration,
    look: Duration,
    /// Heartbeats of all services when it was asked; none of those without a process.
    beats: Vec<Option<u64>>,
    told: Option<Explained>,
}

/// Questions under way.
#[derive(Default)]
pub struct Questions(Vec<Question>);

impl Questions {
    /// When one of them is looked at next.
    pub fn deadline(&self) -> Option<Duration> {
        self.0.iter().map(|question| question.look).min()
    }
}

impl Reactor {
    pub(super) fn on_why_request(&mut self, client: u64, target: &str, lun: u16) {
        let (target, units) = match self.units_behind(target, lun) {
            Ok(found) => found,
            Err(text) => return self.answer(client, &Reply::error(text)),
        };
        if self.questions.0.len() >= MOST {
            return self.answer(client, &Reply::error(format!("{MOST} such questions are open; try again")));
        }
        let (now, request) = (self.now(), ipc::recorder::micros());
        let beats = self.children.iter().map(|child| Some(child.process.as_ref()?.stats.beats())).collect();
        if let Some(core) = self.core().filter(|core| self.serves(*core)) {
            self.send(core, (Grant::Explain { request, units: units.clone() }, Vec::new()));
        }
        let look = now + LOOK;
        let question = Question { client, request, target, lun, units, asked: now, look, beats, told: None };
        self.questions.0.push(question);
    }

    /// The target of this name and the units behind a LUN of it; what there is instead, if there is none.
    fn units_behind(&self, name: &str, lun: u16) -> Result<(u32, Vec<u32>), String> {
        let targets = &self.plan.targets;
        let found = targets.iter().find(|target| target.name.eq_ignore_ascii_case(name));
        let Some(target) = found else {
            let names = targets.iter().map(|target| target.name.as_str());
            return Err(format!("there is no target {name:?}; {}", nearest(name, names)));
        };
        let groups = self.plan.access_groups.iter().filter(|group| group.target == target.target);
        let entries: Vec<_> = target.luns.iter().chain(groups.flat_map(|group| &group.luns)).collect();
        let mut units: Vec<u32> =
            entries.iter().filter(|entry| entry.lun == lun).map(|entry| entry.unit).collect();
        units.sort_unstable();
        units.dedup();
        if units.is_empty() {
            let mut luns: Vec<u16> = entries.iter().map(|entry| entry.lun).collect();
            luns.sort_unstable();
            luns.dedup();
            let luns: Vec<String> = luns.iter().map(u16::to_string).collect();
            let luns: Vec<&str> = luns.iter().map(String::as_str).collect();
            let there = if luns.is_empty() { "none".to_owned() } else { listed(&luns) };
            return Err(format!("target {} has no LUN {lun}; there is {there}", target.name));
        }
        Ok((target.target, units))
    }

    fn core(&self) -> Option<u32> {
        let place = self.plan.services.iter().position(|service| service.kind == Kind::Core)?;
        u32::try_from(place).ok()
    }

    /// Whether a service has a process that takes requests, as far as is known.
    fn serves(&self, service: u32) -> bool {
        let process = self.children[service as usize].process.as_ref();
        process.is_some_and(|process| process.granted && process.reason.is_none())
    }

    /// The core has answered. An answer that nobody waits for any more, or of anybody else, is not heard.
    pub(super) fn on_explained(&mut self, service: u32, request: u64, told: Explained) {
        if self.core() != Some(service) {
            return;
        }
        if let Some(question) = self.questions.0.iter_mut().find(|question| question.request == request) {
            question.told = Some(told);
            question.look = question.asked;
        }
    }

    /// Answers what can be answered, and what has been waited for long enough.
    pub(super) fn look_at_questions(&mut self, now: Duration) {
        let (due, mut rest): (Vec<Question>, Vec<Question>) =
            std::mem::take(&mut self.questions.0).into_iter().partition(|question| question.look <= now);
        let mut over = Vec::new();
        for mut question in due {
            let known = question.told.is_some() || self.core().is_none_or(|core| !self.serves(core));
            let alive = |service: &u32| !self.serves(*service) || self.has_beaten(&question, *service);
            if now >= question.asked + PATIENCE || known && self.on_the_way(&question).iter().all(alive) {
                over.push(question);
            } else {
                question.look = now + LOOK;
                rest.push(question);
            }
        }
        self.questions.0 = rest;
        for question in over {
            let told = self.why(&question, now);
            self.answer(question.client, &Reply::why(told));
        }
    }

    fn has_beaten(&self, question: &Question, service: u32) -> bool {
        let before = question.beats.get(service as usize).copied().flatten();
        let process = self.children[service as usize].process.as_ref();
        process.is_some_and(|process| before != Some(process.stats.beats()))
    }

    /// The services that commands of this unit go through, and those that have one.
    fn on_the_way(&self, question: &Question) -> Vec<u32> {
        let mut services: Vec<u32> = Vec::new();
        services.extend(self.plan.targets.get(question.target as usize).map(|target| target.transport));
        services.extend(self.core());
        let units = question.units.iter().filter_map(|unit| self.plan.units.get(*unit as usize));
        services.extend(units.map(|unit| unit.service));
        for command in question.told.iter().flat_map(|told| &told.commands) {
            match command.holder {
                Holder::Handler(service) => services.push(service),
                Holder::Transport => services.push(command.transport),
                Holder::Core | Holder::CopyManager => {}
            }
        }
        let mut seen = Vec::new();
        services.retain(|service| {
            let new = (*service as usize) < self.children.len() && !seen.contains(service);
            seen.push(*service);
            new
        });
        services
    }

    fn why(&self, question: &Question, now: Duration) -> Why {
        let services = self.on_the_way(question);
        let service = |number: u32| match self.plan.services.get(number as usize) {
            Some(planned) => planned.config.name.clone(),
            None => format!("service {number}"),
        };
        let target = |number: u32| match self.plan.targets.get(number as usize) {
            Some(target) => target.name.clone(),
            None => format!("target {number}"),
        };
        let device = |number: u32| match self.plan.units.get(number as usize) {
            Some(unit) => unit.config.name.clone(),
            None => format!("device {number}"),
        };
        let recording = |number: u32| {
            let starts = self.children.get(number as usize)?.starts;
            let incarnation = starts.checked_sub(1)?;
            let found = super::post_mortem::recording(self.wiring.recorder(number, incarnation)?)?;
            Some(found).filter(|found| found.incarnation == incarnation)
        };
        let mut told = Why {
            target: target(question.target),
            lun: question.lun,
            devices: question.units.iter().map(|unit| device(*unit)).collect(),
            services: services.iter().map(|service| self.standing(question, *service, now)).collect(),
            ..Why::default()
        };
        let core = self.core().map(service).unwrap_or_default();
        let micros = ipc::recorder::micros();
        match &question.told {
            Some(explained) => {
                let names =
                    Names { service: &service, target: &target, device: &device, recording: &recording };
                told.take(explained, &core, &names, micros);
            }
            None => {
                told.core_silent = true;
                let incarnation =
                    self.core().map(|core| self.children[core as usize].starts.saturating_sub(1));
                let subject = Subject {
                    name: &core,
                    incarnation: incarnation.unwrap_or_default(),
                    death: None,
                    memory: None,
                    micros,
                    lines: 0,
                };
                let found = self.core().and_then(recording);
                told.recorded = PostMortem::new(&subject, found, &self.legend()).in_hand;
                told.recorded.truncate(LINES);
            }
        }
        told
    }

    fn standing(&self, question: &Question, service: u32, now: Duration) -> Standing {
        let (name, child) = (self.name(service), &self.children[service as usize]);
        let pid = child.process.as_ref().map(|process| process.pid());
        let cause = || child.last_death.as_ref().map_or("", |death| &death.cause);
        let mut silent = None;
        let trouble = match (&child.state, &child.process) {
            (State::Running, Some(process)) if !self.has_beaten(question, service) => {
                // Heartbeats are looked at once a second, and it has shown none since it was asked about.
                let since = process.beat.1.min(question.asked);
                let seconds = now.saturating_sub(since).as_secs_f64();
                silent = Some(seconds);
                let state = process_state(process.pid());
                format!("does not answer: no heartbeat for {seconds:.1} s{state}")
            }
            (State::Running, _) => String::new(),
            (State::Starting, _) => "is starting".to_owned(),
            (State::Stopping { .. }, _) => "is stopping".to_owned(),
            (State::Stopped, _) => format!("is stopped; then: bulkhead start {name}"),
            (State::Backoff { until }, _) => {
                let wait = until.saturating_sub(now).as_secs_f64();
                format!("is started again in {wait:.1} s; last death: {}", cause())
            }
            (State::Held { reason }, _) => format!("is held: {reason}; then: bulkhead start {name}"),
        };
        Standing {
            service: name.to_owned(),
            state: child.state.word().to_owned(),
            pid: pid.map(u64::from),
            silent_s: silent,
            trouble,
        }
    }
}

/// What the kernel says of a process that does not answer.
fn process_state(pid: u32) -> &'static str {
    let file = PathBuf::from(format!("/proc/{pid}/stat"));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The name before it may hold anything, but for its closing parenthesis it is the last one.
    let letter = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match letter {
        Some('T' | 't') => ", its process is stopped (by a signal or a debugger)",
        Some('D') => {
            ", its process is in the kernel and cannot be interrupted: the host's storage does not answer"
        }
        Some('Z' | 'X') => ", its process has ended",
        Some('R') => ", its process runs and does not come to an end with what it does",
        Some(_) => ", its process sleeps",
        None => "",
    }
}

//! PERSISTENT RESERVE OUT, and the core dies or the power fails at random moments: afterwards registrations and reservation are
//! those before the command or those after it, never others, and a command that was answered is never lost. Sent again
//! after a death of the core, it ends as it would have.
//!
//! `BULKHEAD_POWER_ROUNDS` says how many moments (150; the full run takes 1000), `BULKHEAD_SEED` repeats a run.

#[path = "shared/bare.rs"]
mod bare;
#[path = "power/disk.rs"]
mod disk;
#[path = "shared/ends.rs"]
mod ends;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bare::{A, Bare, DISK, OTHER};
use core_svc::reservation::action::{Asker, Refusal, perform};
use core_svc::reservation::durable::Writer;
use core_svc::reservation::state::{Port, State};
use disk::{Death, MortalDisk, Random};
use ends::*;
use ipc::doorbell::Doorbell;
use ipc::message::record::{ReplyKind, Request, RequestKind, request_flags};
use ipc::shm;
use scsi::persistent_reservation::{List, OutAction, Type};
use scsi::transport_id::TransportId;

const NEXUSES: [u64; 4] = [1, 2, 3, 4];
/// RESERVATION CONFLICT.
const CONFLICT: u8 = 0x18;

/// What is asked.
#[derive(Debug, Clone)]
struct Question {
    nexus: u64,
    action: OutAction,
    scope_type: u8,
    list: Vec<u8>,
}

/// A core with its transport, its disk and what outlives it.
struct Stage {
    random: Random,
    directory: tempfile::TempDir,
    disk: Arc<MortalDisk>,
    notebook: OwnedFd,
    bare: Bare,
    transport: FakeTransport,
    serial: u64,
}

fn notebook() -> OwnedFd {
    shm::create("test:notebook", 2 << 20).unwrap()
}

fn boot(disk: &Arc<MortalDisk>, notebook: &OwnedFd) -> Bare {
    Bare::born(notebook.try_clone().unwrap(), |core, _| {
        core.durable = Some(Writer::new(disk.clone(), Arc::new(Doorbell::new().unwrap())).unwrap());
    })
}

impl Stage {
    fn new(random: Random) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let disk = Arc::new(MortalDisk::new(directory.path()));
        let notebook = notebook();
        let mut bare = boot(&disk, &notebook);
        let transport = bare.transport(A);
        let mut stage = Self { random, directory, disk, notebook, bare, transport, serial: 0 };
        stage.link(0);
        stage
    }

    /// Makes links, names nexuses and takes their power-on conditions.
    fn link(&mut self, flags: u8) {
        for service in [DISK, OTHER] {
            let mut handler = self.bare.handler(service);
            self.bare.settle();
            handler.fence();
            self.bare.settle();
        }
        self.transport = self.bare.transport(A);
        self.transport.send(&Request::new(RequestKind::Attach, 0, 0));
        let opens = NEXUSES.map(|nexus| self.transport.open_request(nexus, 0, flags));
        let (first, then): (&[Request], &[Request]) = if flags == 0 { (&[], &opens) } else { (&opens, &[]) };
        first.iter().for_each(|request| self.transport.send(request));
        self.transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
        then.iter().for_each(|request| self.transport.send(request));
        self.bare.settle();
        while let Some(reply) = self.transport.poll() {
            assert!(reply.kind != ReplyKind::NexusOpened as u8 || reply.status == 0);
        }
    }

    /// The core is gone, at whatever it was; files and notebook are not.
    fn die(&mut self, power: bool) {
        // Whoever waits for the disk that is no more may go.
        self.disk.release();
        if power {
            self.notebook = notebook();
        }
        self.disk = Arc::new(MortalDisk::new(self.directory.path()));
        // What its thread had begun is over before the next core looks.
        drop(std::mem::replace(&mut self.bare, Bare::new()));
        self.bare = boot(&self.disk, &self.notebook);
        self.link(if power { 0 } else { request_flags::RESUMED });
    }

    fn state(&self) -> State {
        self.bare.core.units[0].as_ref().unwrap().reservations.kept.state.clone()
    }

    /// No unit attention condition waits for the nexus.
    fn quieten(&mut self, nexus: u64) {
        loop {
            self.serial += 1;
            let request = command(nexus, self.serial, lun(0), &READ_KEYS);
            let request = self.transport.with_in(request, &[(0, 252)]);
            self.transport.send(&request);
            self.bare.settle();
            if self.transport.done(nexus, self.serial).status == GOOD {
                return;
            }
        }
    }

    /// Puts a parameter list into the arena, which outlives the core elsewhere and is new here.
    fn put(&self, list: &[u8]) {
        let extent = self.transport.extent(4096, list.len() as u32);
        self.transport.arena.write(self.transport.arena.check(extent).unwrap(), list);
    }

    fn request(&mut self, question: &Question) -> Request {
        self.serial += 1;
        let length = question.list.len() as u32;
        self.put(&question.list);
        let cdb = [0x5F, question.action.code(), question.scope_type, 0, 0, 0, 0, 0, length as u8, 0];
        self.transport.with_out(command(question.nexus, self.serial, lun(0), &cdb), 4096, length)
    }

    /// Turns until the answer is there, or the disk has died.
    fn finish(&mut self, request: &Request) -> Option<u8> {
        let mut answer = None;
        until("an answer, or a death", || {
            self.bare.step();
            answer = self.transport.poll();
            (answer.is_some() || self.disk.is_dead()).then_some(())
        });
        let reply = answer?;
        assert_eq!((reply.nexus, reply.serial), (request.nexus, request.serial));
        Some(reply.status)
    }
}

fn port(nexus: u64) -> Port {
    let name = format!("iqn.2026-11.org.example:host,i,0x{nexus:012x}");
    Port { initiator: TransportId::from_port_name(&name).unwrap(), target: 1 }
}

/// The status and the state that follow from a question.
fn foretell(state: &State, question: &Question) -> (u8, State) {
    let ports = NEXUSES.map(port);
    let initiators: Vec<TransportId> = ports.iter().map(|port| port.initiator.clone()).collect();
    let me = port(question.nexus);
    let asker = Asker {
        port: &me,
        target_ports: &[1, 2],
        initiators: &initiators,
        can_persist: true,
        room: 4096 - state.registrations.len(),
    };
    let list = match List::decode(question.action, &question.list, question.list.len() as u32) {
        Ok(list) => list,
        Err(_) => return (CHECK, state.clone()),
    };
    match perform(state, question.action, question.scope_type, &list, &asker) {
        Ok(change) => (GOOD, change.state),
        Err(Refusal::Conflict) => (CONFLICT, state.clone()),
        Err(Refusal::Check(_)) => (CHECK, state.clone()),
    }
}

/// A question that mostly makes sense.
fn question(random: &mut Random, state: &State) -> Question {
    let nexus = NEXUSES[random.below(4) as usize];
    let key_of = |nexus| state.find(&port(nexus)).map_or(0, |known| known.key);
    let key = if random.below(10) == 0 { 99 } else { key_of(nexus) };
    let other = key_of(NEXUSES[random.below(4) as usize]);
    let kind = Type::ALL[random.below(6) as usize].code();
    // Half of all is registering, because that is what is kept.
    let (action, action_key) = match random.below(16) {
        0..=7 => (OutAction::Register, random.below(4)),
        8 => (OutAction::RegisterAndIgnore, random.below(4)),
        9..=10 => (OutAction::Reserve, 0),
        11 => (OutAction::Release, 0),
        12 => (OutAction::Clear, 0),
        13 => (OutAction::Preempt, other),
        14 => (OutAction::PreemptAndAbort, other),
        _ => (OutAction::RegisterAndMove, 1 + random.below(3)),
    };
    let held = state.held.as_ref().map_or(kind, |held| held.kind.code());
    let scope_type = if action == OutAction::Release { held } else { kind };
    let mut list = [key.to_be_bytes(), action_key.to_be_bytes(), [0; 8]].concat();
    let aptpl = u8::from(random.below(8) != 0);
    if action == OutAction::RegisterAndMove {
        let heir = port(NEXUSES[random.below(4) as usize]).initiator.encode();
        (list[17], list[19], list[23]) = (aptpl | (random.below(2) as u8 * 2), 1, heir.len() as u8);
        list.extend(heir);
    } else {
        list[20] = aptpl | if random.below(4) == 0 { 0x04 } else { 0 };
    }
    Question { nexus, action, scope_type, list }
}

/// What is left of a state when the power comes back.
fn after_power(state: &State) -> State {
    state.durable().unwrap_or_default()
}

/// Asks; the core dies at some moment, or the power fails, or nothing happens.
fn round(stage: &mut Stage) {
    let before = stage.state();
    let question = question(&mut stage.random, &before);
    stage.quieten(question.nexus);
    let (status, after) = foretell(&before, &question);
    let request = stage.request(&question);
    let power = stage.random.below(3) == 0;
    let death = match stage.random.below(4) {
        0 => None,
        1 => Some(Death::Before),
        2 => Some(Death::Torn(stage.random.below(1 << 32))),
        _ => Some(Death::After),
    };
    let hasty = stage.random.below(3) == 0;
    stage.disk.die_at_next(death);
    stage.transport.send(&request);
    let mut answered = None;
    if hasty {
        // At any point of a turn, and before the effect of the turn can be seen.
        for _ in 0..stage.random.below(4) {
            stage.bare.step();
        }
        if stage.random.below(2) == 0 {
            stage.bare.core.turn();
        }
        answered = stage.transport.poll().map(|reply| reply.status);
    } else {
        answered = answered.or(stage.finish(&request));
        if answered.is_some() && stage.random.below(2) == 0 {
            // It lives on.
            stage.disk.die_at_next(None);
            assert_eq!((answered, stage.state()), (Some(status), after), "{question:?}");
            return;
        }
    }
    stage.die(power);
    let now = stage.state();
    let seen = |state: &State| if power { after_power(state) } else { state.clone() };
    assert!(
        now == seen(&after) || answered.is_none() && now == seen(&before),
        "{question:?}: {now:?}, not {before:?} or {after:?}; answered {answered:?}"
    );
    if !power && stage.random.below(4) == 0 {
        // Nobody asks again, and what was to be seen is what survives.
        stage.die(true);
        assert_eq!(stage.state(), after_power(&now), "{question:?}: seen after a death of the core");
    } else if !power {
        // It comes again and ends as it would have, once.
        stage.put(&question.list);
        stage.transport.send(&again(request));
        assert_eq!(stage.finish(&request), Some(status), "{question:?} again");
        assert_eq!(stage.state(), after, "{question:?} again");
    }
}

#[test]
fn registrations_are_those_before_or_those_after() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("BULKHEAD_POWER_ROUNDS").unwrap_or(150);
    let seed = number("BULKHEAD_SEED").unwrap_or_else(disk::seed);
    println!("BULKHEAD_SEED={seed}");
    let mut stage = Stage::new(Random(seed));
    for number in 0..rounds {
        println!("round {number}");
        round(&mut stage);
    }
}

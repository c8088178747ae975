//! Transports and handlers that say anything at all: the core neither panics nor hangs nor loses count, and when its peers
//! are replaced by honest ones, everything comes to an end.

#[path = "shared/bare.rs"]
mod bare;
#[path = "shared/ends.rs"]
mod ends;

use std::time::Duration;

use bare::{A, B, Bare, DISK, OTHER};
use core_svc::task::Stage;
use ends::*;
use ipc::extent::Extent;
use ipc::message::Event;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use proptest::prelude::*;
use scsi::unit_report::{Control, Generations, UnitReport};
use zerocopy::FromBytes;

#[derive(Debug, Clone)]
enum Step {
    /// A record of transport A.
    Ask(Box<Request>),
    /// An answer of a handler.
    Answer(u32, Box<Reply>),
    /// A handler answers the oldest request that it has not looked at, honestly.
    Serve(u32),
    /// A handler says how a unit is.
    Report(u32, u32, UnitReport),
    /// A peer dies; `true` for good.
    Die(u32, bool),
    /// A peer has a new link, without having died.
    Renew(u32),
    /// The hold limit runs out.
    Expire,
}

/// A number that is likely to be one that means something.
fn small() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..6, 1 => any::<u64>()]
}

fn extent() -> impl Strategy<Value = Extent> {
    let field = prop_oneof![6 => 0u64..8192, 1 => any::<u64>()];
    (prop_oneof![8 => Just(A), 1 => Just(B), 1 => any::<u32>()], 1u32..8192, field)
        .prop_map(|(arena, len, offset)| Extent { arena, len, offset })
}

fn request() -> impl Strategy<Value = Request> {
    let kind = prop_oneof![1 => 0u8..14, 4 => Just(5u8), 1 => Just(6u8), 2 => Just(7u8), 1 => Just(2u8), 1 => Just(4u8)];
    let cdb = prop_oneof![
        4 => Just(READ_10.to_vec()),
        4 => Just(WRITE_10.to_vec()),
        2 => Just(REQUEST_SENSE.to_vec()),
        2 => Just(vec![0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
        1 => Just(INQUIRY.to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..=32),
    ];
    let cdb = (cdb, prop_oneof![4 => Just(0u8), 1 => Just(0x04)]).prop_map(|(mut cdb, naca)| {
        cdb.iter_mut().last().into_iter().for_each(|control| *control |= naca);
        cdb
    });
    let head = (kind, 0u8..8, 0u8..5, 0u8..13, 0u8..3, 0u8..3);
    let numbers = (small(), small(), small(), 0u64..3, 0u32..3);
    (head, numbers, cdb, prop::array::uniform4(extent()), prop_oneof![40 => Just(false), 1 => Just(true)])
        .prop_map(
            |(
                (kind, flags, attribute, function, out, into),
                (nexus, serial, reference, at, unit),
                cdb,
                extents,
                long,
            )| {
                let mut request = command(nexus, serial, lun(at as u8), &cdb);
                (request.kind, request.flags, request.attribute, request.function) =
                    (kind, flags, attribute, function);
                (request.out_extents, request.in_extents, request.extents) = (out, into, extents);
                (request.ref_serial, request.unit) = (reference, unit);
                request.cdb_len |= if long { 0x80 } else { 0 };
                request
            },
        )
}

fn reply() -> impl Strategy<Value = Reply> {
    let kind = prop_oneof![1 => 0u8..10, 6 => Just(ReplyKind::Done as u8)];
    let status = prop_oneof![8 => Just(0u8), 2 => Just(2u8), 1 => any::<u8>()];
    let nexus = (prop_oneof![4 => Just(u64::from(A)), 1 => 0u64..4], small())
        .prop_map(|(service, n)| service << 56 | n);
    let sense_len = prop_oneof![9 => 0u8..=96, 1 => any::<u8>()];
    (kind, status, prop_oneof![9 => Just(0u8), 1 => any::<u8>()], sense_len, nexus, small(), 0u32..9000)
        .prop_map(|(kind, status, flags, sense_len, nexus, serial, transferred)| {
            let mut reply = Reply::new(ReplyKind::Done, nexus, serial);
            (reply.kind, reply.status, reply.flags, reply.sense_len) = (kind, status, flags, sense_len);
            reply.transferred = transferred;
            reply
        })
}

fn report() -> impl Strategy<Value = UnitReport> {
    let values =
        (0u8..2, prop_oneof![Just(0u8), Just(1), Just(3)], 0u8..2, prop_oneof![Just(0u8), Just(2), Just(3)]);
    (values, any::<(bool, bool, bool, bool)>(), 0u32..3, small()).prop_map(
        |((tst, qerr, queue_algorithm, ua_intlck), (tas, tmf_only, d_sense, keeps), generation, nexus)| {
            UnitReport {
                control: Control { tst, qerr, queue_algorithm, ua_intlck, tas, tmf_only, d_sense },
                generations: Generations { mode: generation, medium: generation, ..Generations::default() },
                origin: u64::from(A) << 56 | nexus,
                keeps_nexus_state: keeps,
                deferred_error: !keeps,
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let handler = || prop_oneof![3 => Just(DISK), 1 => Just(OTHER)];
    let raw_request =
        prop::collection::vec(any::<u8>(), 256).prop_map(|bytes| Request::read_from_bytes(&bytes).unwrap());
    let raw_reply =
        prop::collection::vec(any::<u8>(), 128).prop_map(|bytes| Reply::read_from_bytes(&bytes).unwrap());
    let peer = || prop_oneof![Just(A), Just(DISK), Just(OTHER)];
    prop_oneof![
        40 => request().prop_map(|request| Step::Ask(Box::new(request))),
        1 => raw_request.prop_map(|request| Step::Ask(Box::new(request))),
        8 => (handler(), reply()).prop_map(|(handler, reply)| Step::Answer(handler, Box::new(reply))),
        1 => (handler(), raw_reply).prop_map(|(handler, reply)| Step::Answer(handler, Box::new(reply))),
        20 => handler().prop_map(Step::Serve),
        3 => (handler(), 0u32..3, report()).prop_map(|(handler, unit, report)| Step::Report(handler, unit, report)),
        1 => (peer(), any::<bool>()).prop_map(|(peer, held)| Step::Die(peer, held)),
        2 => peer().prop_map(Step::Renew),
        1 => Just(Step::Expire),
    ]
}

/// The core with its peers: hostile transport A, honest transport B, two hostile handlers.
struct World {
    bare: Bare,
    a: FakeTransport,
    b: FakeTransport,
    disk: FakeHandler,
    other: FakeHandler,
}

impl World {
    fn new() -> Self {
        let mut bare = Bare::new();
        let (disk, other) = (bare.handler(DISK), bare.handler(OTHER));
        let (a, b) = (bare.transport(A), bare.transport(B));
        let mut world = Self { bare, a, b, disk, other };
        world.disk.poll();
        world.begin();
        world.b.send(&Request::new(RequestKind::Attach, 0, 0));
        world.b.send(&Request::new(RequestKind::AttachEnd, 0, 0));
        let open = world.b.open_request(1, 1, 0);
        world.b.send(&open);
        world.bare.settle();
        world
    }

    /// Transport A begins as it should and opens a few nexuses, so that there is something to spoil.
    fn begin(&mut self) {
        self.a.send(&Request::new(RequestKind::Attach, 0, 0));
        for nexus in 0..4 {
            let open = self.a.open_request(nexus, 0, 2);
            self.a.send(&open);
        }
        self.a.send(&Request::new(RequestKind::AttachEnd, 0, 0));
    }

    fn handler(&mut self, service: u32) -> &mut FakeHandler {
        if service == DISK { &mut self.disk } else { &mut self.other }
    }

    fn renew(&mut self, service: u32) {
        match service {
            A => {
                self.a = self.bare.transport(A);
                self.begin();
            }
            DISK => self.disk = self.bare.handler(DISK),
            _ => self.other = self.bare.handler(OTHER),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Ask(request) => {
                // Without a live core end the ring fills up; what is lost then is nobody's loss.
                let _ = self.a.link.send(&request);
                self.a.link.flush();
            }
            Step::Answer(service, reply) => {
                let handler = self.handler(service);
                let _ = handler.link.send(&reply);
                handler.link.flush();
            }
            Step::Serve(service) => {
                let handler = self.handler(service);
                let Ok(Some(request)) = handler.link.receive() else { return };
                let reply = match RequestKind::try_from(request.kind) {
                    Ok(RequestKind::Fence) => Reply::new(ReplyKind::Fenced, 0, 0),
                    Ok(RequestKind::Execute) => Reply::new(ReplyKind::Done, request.nexus, request.serial),
                    Ok(RequestKind::Reset) => Reply::new(ReplyKind::ResetDone, request.nexus, request.serial),
                    Ok(RequestKind::NexusLost | RequestKind::Allow) => {
                        Reply::new(ReplyKind::NexusForgotten, request.nexus, request.serial)
                    }
                    Ok(RequestKind::DeferredError) => {
                        Reply::new(ReplyKind::DeferredErrorIs, request.nexus, request.serial)
                    }
                    _ => return handler.link.flush(),
                };
                let _ = handler.link.send(&reply);
                handler.link.flush();
            }
            Step::Report(service, unit, report) => self.handler(service).report(unit, &report),
            Step::Die(service, held) => {
                self.bare.down(service, held);
                self.renew(service);
            }
            Step::Renew(service) => self.renew(service),
            Step::Expire => {
                let hold = std::mem::replace(&mut self.bare.core.hold, Duration::ZERO);
                self.bare.core.expire();
                self.bare.core.hold = hold;
            }
        }
        self.bare.settle();
        while self.a.link.receive().expect("the core keeps the contract").is_some() {}
        self.a.link.flush();
        self.check();
        // The supervisor gives a new link to whoever broke the contract.
        for event in std::mem::take(&mut self.bare.core.events) {
            match event {
                Event::PeerFault { peer, epoch, .. } => {
                    assert_ne!(peer, B, "an honest transport was blamed");
                    if self.bare.epochs[&peer] == epoch {
                        self.bare.down(peer, false);
                        self.renew(peer);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The core's counts agree with one another.
    fn check(&self) {
        let core = &self.bare.core;
        for (place, handler) in core.handlers.iter().enumerate() {
            let sent = core.tasks.select(|task| {
                matches!(task.stage, Stage::Sent(_)) && core.handler_of(task.unit) == Some(place)
            });
            if handler.link.is_some() {
                let errands = core.errands.iter().filter(|errand| errand.is_with(place)).count();
                assert_eq!(handler.outstanding, sent.len() + errands, "outstanding of {}", handler.name);
            }
        }
        for (place, transport) in core.transports.iter().enumerate() {
            let tasks: usize = core
                .nexuses
                .iter()
                .filter(|(_, nexus)| nexus.transport == place)
                .map(|(_, nexus)| nexus.tasks)
                .sum();
            assert_eq!(transport.tasks, tasks, "tasks of {}", transport.name);
        }
        for (number, unit) in core.units.iter().enumerate() {
            let of_unit = |task: &core_svc::task::Task| {
                task.unit as usize == number && task.nexus != core_svc::nexus::OWN
            };
            let tasks = core.tasks.select(of_unit).len();
            assert_eq!(unit.as_ref().map_or(0, |unit| unit.tasks as usize), tasks, "tasks of a unit");
        }
        let standing = core.units.iter().flatten().any(|unit| !unit.aca.is_empty());
        assert_eq!(core.any_aca, standing);
        if !standing {
            assert!(core.tasks.select(|task| task.stage == Stage::Blocked).is_empty(), "blocked by nothing");
        }
        for (at, nexus) in core.nexuses.iter() {
            assert_eq!(nexus.tasks, core.tasks.select(|task| task.nexus == at).len(), "tasks of a nexus");
        }
    }

    /// Everybody is replaced by somebody honest. Transport A has no nexus any more.
    fn recover(mut self) {
        for service in [A, DISK, OTHER] {
            self.bare.down(service, false);
        }
        self.a = self.bare.transport(A);
        self.disk = self.bare.handler(DISK);
        self.other = self.bare.handler(OTHER);
        self.a.send(&Request::new(RequestKind::Attach, 0, 0));
        self.a.send(&Request::new(RequestKind::AttachEnd, 0, 99));
        self.b.send(&command(1, 777, lun(0), &READ_10));
        self.b.send(&command(1, 778, lun(0), &READ_10));
        let (mut attached, mut answers) = (false, Vec::new());
        for _ in 0..10_000 {
            self.bare.settle();
            for _ in 0..200 {
                self.take_honestly(DISK);
                self.take_honestly(OTHER);
            }
            while let Some(reply) = self.a.poll() {
                assert_eq!(reply.kind, ReplyKind::Attached as u8, "an answer to nothing: {reply:?}");
                attached = true;
            }
            answers.extend(std::iter::from_fn(|| self.b.poll()).filter(|reply| reply.serial >= 777));
            if attached && answers.len() == 2 && self.bare.core.tasks.is_empty() {
                assert!(self.bare.core.functions.is_empty() && self.bare.core.late.is_empty());
                assert_eq!(self.bare.core.nexuses.iter().count(), 1, "only the honest one is left");
                assert!(self.bare.core.units.iter().flatten().all(|unit| unit.set.is_empty()));
                return;
            }
        }
        panic!("attached {attached}, answers {answers:?}, tasks {}", self.bare.core.tasks.len());
    }

    fn take_honestly(&mut self, service: u32) {
        let handler = self.handler(service);
        while let Some(request) = handler.poll() {
            match RequestKind::try_from(request.kind) {
                Ok(RequestKind::Fence) => handler.send(&Reply::new(ReplyKind::Fenced, 0, 0)),
                Ok(RequestKind::Execute) => handler.good(&request, 0),
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn anything_from_peers_is_survived(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.recover();
    }
}

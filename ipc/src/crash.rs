//! Named points at which a process can be told to die, so that every moment that matters is hit on purpose.
//!
//! They stand before and after each store that makes something in a notebook or a file valid, and around every handing
//! over: what is shown to a peer, told to the supervisor, or taken over from a predecessor. The table names each with the
//! processes that pass it. Nobody but the supervisor arms one, by `Grant::CrashPoint`, for one incarnation; a process has at
//! most one that is armed. A point that is not armed costs one load of a word that never changes, and a comparison.
//!
//! A process that dies at a point says so in its log, so that a death there is told from any other.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

/// A process that passes a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// core-svc
    Core,
    /// iscsi-svc
    Iscsi,
    /// vdisk-svc
    Vdisk,
    /// The supervisor.
    Supervisor,
}

/// When a point is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// While the process is at work.
    Work,
    /// While it starts, or takes over: it has to be armed for the next start.
    Start,
}

/// One point.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The point.
    pub point: Point,
    /// Its name.
    pub name: &'static str,
    /// Who passes it.
    pub of: &'static [Process],
    /// When.
    pub when: When,
}

macro_rules! points {
    ($($point:ident $name:literal $when:ident [$($of:ident)+] $doc:literal;)+) => {
        /// A point at which a process can be told to die.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Point {
            $(#[doc = $doc] $point,)+
        }

        /// Every point there is, in the order of [`Point`].
        pub const POINTS: &[Row] = &[
            $(Row { point: Point::$point, name: $name, of: &[$(Process::$of),+], when: When::$when },)+
        ];
    };
}

points! {
    GrantsHeard "grants.heard" Start [Core Iscsi Vdisk] "`Go` has come; nothing has been made of the grants.";
    ReadyTold "ready.told" Start [Core Iscsi Vdisk] "`Ready` has been sent.";
    LinkGranted "link.granted" Work [Core Iscsi Vdisk] "A new link has come; it has not been taken up.";
    LinkDownGranted "link-down.granted" Work [Core Iscsi Vdisk] "A peer's death has been told, and not yet heeded.";
    ChangeGranted "change.granted" Work [Vdisk] "A change of a device has been asked for.";
    SettleGranted "settle.granted" Work [Vdisk] "A change of a medium is to be carried out or forgotten.";
    DeviceTold "device.told" Work [Vdisk] "How a change of a device went has been told.";

    PageBegun "page.begun" Work [Vdisk Supervisor] "A notebook's older page is void, the next one not written.";
    PageWritten "page.written" Work [Vdisk Supervisor] "A page is written, and not yet valid.";
    PageValid "page.valid" Work [Vdisk Supervisor] "A page has become valid.";
    RecordBegun "record.begun" Work [Vdisk] "The place of a record is void, the next one not written.";
    RecordWritten "record.written" Work [Vdisk] "A record is written, and not yet valid.";
    RecordValid "record.valid" Work [Vdisk] "A record has become valid.";
    RecordCleared "record.cleared" Work [Vdisk] "A record has been dropped.";
    JournalWritten "journal.written" Work [Core] "A commit is written, and not yet valid.";
    JournalValid "journal.valid" Work [Core] "A commit has become valid.";
    JournalRewritten "journal.rewritten" Work [Core] "Everything is in the other half, which is not yet valid.";
    JournalBoth "journal.both" Work [Core] "Both halves are valid.";
    JournalMoved "journal.moved" Work [Core] "The other half alone is valid.";
    FileWritten "file.written" Work [Core Vdisk Supervisor] "A file is written beside the one that counts.";
    FileSynced "file.synced" Work [Core Vdisk Supervisor] "The same, brought to the medium.";
    FileRenamed "file.renamed" Work [Core Vdisk Supervisor] "The file counts; its directory is not on the medium.";
    FileDurable "file.durable" Work [Core Vdisk Supervisor] "The file counts for good.";

    TaskNoted "task.noted" Work [Iscsi] "How far a task is is written, and not yet valid.";
    PictureWritten "picture.written" Work [Iscsi] "A connection's picture is written, and not yet valid.";
    PictureValid "picture.valid" Work [Iscsi] "A connection's picture has become valid.";
    PictureErased "picture.erased" Work [Iscsi] "One version of the picture of a connection that is over is void.";
    SocketDeposited "socket.deposited" Work [Iscsi] "A socket has been given to the supervisor.";
    SocketResumed "socket.resumed" Start [Iscsi] "A predecessor's connection is taken over, or given up.";
    BytesReceived "bytes.received" Work [Iscsi] "Bytes have left the socket; no picture says so.";
    BytesSent "bytes.sent" Work [Iscsi] "Bytes are in the socket; no picture says so.";
    ReplyTaken "reply.taken" Work [Iscsi] "A reply of the core has been taken, and nothing made of it.";
    PicturesDone "pictures.done" Work [Iscsi] "All pictures of a turn are valid; nothing has been shown.";
    ConnectionsShown "connections.shown" Work [Iscsi] "Initiators have been answered, the core not yet asked.";
    CoreShown "core.shown" Work [Iscsi] "The core has been asked.";

    TurnSaved "turn.saved" Work [Core] "What a turn touched is noted; nothing has been shown.";
    TransportsShown "transports.shown" Work [Core] "Transports have been answered, handlers not yet asked.";
    HandlersShown "handlers.shown" Work [Core] "Handlers have been asked.";

    RequestTaken "request.taken" Work [Vdisk] "A request has been taken, and not begun.";
    WorkDone "work.done" Work [Vdisk] "What a turn executed is done; no answer can be seen.";
    AnswersShown "answers.shown" Work [Vdisk] "The core can see the answers.";

    ChildSpawned "child.spawned" Work [Supervisor] "A service has been started that nobody else knows of.";
    ChildKept "child.kept" Work [Supervisor] "The keeper has a new service's descriptors; no record names them.";
    ChildReaped "child.reaped" Work [Supervisor] "A death has been noticed; nobody has been told.";
    ChildBuried "child.buried" Work [Supervisor] "What follows from a death is decided, and not written down.";
    EventDone "event.done" Work [Supervisor] "What a service said is done and noted; it is still in its socket.";
    EventTaken "event.taken" Work [Supervisor] "What a service said is off its socket.";
    SayNoted "say.noted" Work [Supervisor] "What is about to be said is written down; nothing has been said.";
    SaySome "say.some" Work [Supervisor] "One service has been told, others not.";
    SaidAll "say.all" Work [Supervisor] "All have been told; no record says so.";
    AdoptBegun "adopt.begun" Start [Supervisor] "A successor has read the record, and taken up nothing.";
    AdoptChildren "adopt.children" Start [Supervisor] "It has taken up the services, and said nothing.";
    AdoptSaid "adopt.said" Start [Supervisor] "It has said again what was owed; the keeper has not heard that it is up.";
}

/// No point is armed.
const NONE: u32 = u32::MAX;
/// The point at which this process dies.
static ARMED: AtomicU32 = AtomicU32::new(NONE);
/// How often it is passed until then.
static LEFT: AtomicU32 = AtomicU32::new(0);

impl Point {
    /// The row of the table.
    pub fn row(self) -> &'static Row {
        &POINTS[self as usize]
    }
}

/// The row of that name, if the process passes it.
pub fn find(name: &str, of: Process) -> Option<&'static Row> {
    POINTS.iter().find(|row| row.name == name && row.of.contains(&of))
}

/// Has this process die at the `count`th passing of a point from here, from 1. False: there is no such point.
pub fn arm(name: &str, count: u32) -> bool {
    let Some(row) = POINTS.iter().find(|row| row.name == name) else { return false };
    LEFT.store(count.max(1), Ordering::Relaxed);
    ARMED.store(row.point as u32, Ordering::Relaxed);
    true
}

/// Whether this is the point that is armed: for what is rare, and can be brought about.
#[inline]
pub fn is_armed(point: Point) -> bool {
    ARMED.load(Ordering::Relaxed) == point as u32
}

/// A point to die at.
#[inline]
pub fn at(point: Point) {
    if is_armed(point) {
        passed(point);
    }
}

/// The point is armed: the last passing is the end.
#[cold]
#[inline(never)]
fn passed(point: Point) {
    if LEFT.fetch_sub(1, Ordering::Relaxed) > 1 {
        return;
    }
    let (name, pid) = (point.row().name, rustix::process::getpid());
    let _ = writeln!(std::io::stderr(), "crash point {name} reached by process {pid}");
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}

#[cfg(test)]
mod tests;

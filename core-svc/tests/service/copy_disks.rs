//! Two disks of two handlers that really have data, and parameter lists of EXTENDED COPY, typed from SPC-4 6.4.

use ipc::arena::Arena;
use ipc::extent::Extent;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};

use crate::ends::*;
use crate::rig::{A, DISK, NEXUS, OTHER, Rig, open_quietly};

/// Blocks that each disk has.
pub const BLOCKS: u64 = 8192;

/// A disk of 512-byte blocks, or of 4096.
pub struct Disk {
    pub handler: FakeHandler,
    arena: Arena,
    /// The last byte of its NAA name.
    name: u8,
    pub block_size: usize,
    pub data: Vec<u8>,
    /// READ and WRITE commands that it has executed: operation code, LBA, blocks.
    pub log: Vec<(u8, u64, u32)>,
    /// What it answers to WRITE instead of GOOD.
    pub refuses: Option<[u8; 18]>,
    /// READ and WRITE that it has received and not answered, if it holds them back.
    pub held: Option<Vec<Request>>,
}

impl Disk {
    fn new(handler: FakeHandler, arena: Arena, name: u8, block_size: usize) -> Self {
        // Every block says whose it is and which.
        let mut data = vec![name; BLOCKS as usize * block_size];
        for (number, block) in data.chunks_mut(block_size).enumerate() {
            block[..8].copy_from_slice(&(number as u64).to_be_bytes());
        }
        let (log, refuses, held) = (Vec::new(), None, None);
        Self { handler, arena, name, block_size, data, log, refuses, held }
    }

    /// Device Identification (SPC-4 7.8.5): one NAA name.
    fn page_83(&self) -> Vec<u8> {
        vec![0x00, 0x83, 0, 12, 0x01, 0x03, 0, 8, 0x31, 0, 0, 0, 0, 0, 0, self.name]
    }

    /// READ CAPACITY(16) data (SBC-3 5.16.2).
    fn capacity(&self) -> Vec<u8> {
        let mut data = vec![0; 32];
        data[..8].copy_from_slice(&(BLOCKS - 1).to_be_bytes());
        data[8..12].copy_from_slice(&(self.block_size as u32).to_be_bytes());
        data
    }

    fn write_arena(&self, extent: Extent, bytes: &[u8]) -> u32 {
        self.arena.write(self.arena.check(extent).unwrap(), bytes) as u32
    }

    /// Executes one request, if there is one. True: there was.
    pub fn serve(&mut self) -> bool {
        let Some(request) = self.handler.poll() else { return false };
        if request.kind != RequestKind::Execute as u8 {
            return true;
        }
        if matches!(request.cdb[0], 0x88 | 0x8A)
            && let Some(held) = &mut self.held
        {
            held.push(request);
            return true;
        }
        self.execute(&request);
        true
    }

    /// Executes what was held back, and holds back no more.
    pub fn release(&mut self) {
        for request in self.held.take().unwrap_or_default() {
            self.execute(&request);
        }
    }

    fn execute(&mut self, request: &Request) {
        let cdb = request.cdb().unwrap();
        let extent = request.extents[0];
        let lba = u64::from_be_bytes(cdb.get(2..10).map_or([0; 8], |field| field.try_into().unwrap()));
        let blocks = u32::from_be_bytes(cdb.get(10..14).map_or([0; 4], |field| field.try_into().unwrap()));
        let (from, len) = (lba as usize * self.block_size, blocks as usize * self.block_size);
        let moved = match cdb[0] {
            0x12 => self.write_arena(extent, &self.page_83()),
            0x9E => self.write_arena(extent, &self.capacity()),
            0x88 => {
                self.log.push((0x88, lba, blocks));
                self.write_arena(extent, &self.data[from..from + len])
            }
            0x8A if self.refuses.is_none() => {
                self.log.push((0x8A, lba, blocks));
                let extent = self.arena.check(extent).unwrap();
                self.arena.read(extent, &mut self.data[from..from + len]) as u32
            }
            _ => 0,
        };
        let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
        (reply.transferred, reply.wanted) = (moved, moved);
        if let (0x8A, Some(sense)) = (cdb[0], &self.refuses) {
            (reply.status, reply.sense_len) = (CHECK, 18);
            reply.sense[..18].copy_from_slice(sense);
        }
        self.handler.send(&reply);
    }

    /// Holds READ and WRITE back.
    pub fn hold(&mut self) {
        self.held = Some(Vec::new());
    }

    /// READ and WRITE that are held back.
    pub fn count_held(&self) -> usize {
        self.held.as_ref().map_or(0, Vec::len)
    }

    /// The bytes of a run of blocks.
    pub fn blocks(&self, lba: u64, count: u64) -> &[u8] {
        &self.data[lba as usize * self.block_size..(lba + count) as usize * self.block_size]
    }
}

/// A core, a transport with [`NEXUS`] at target 0, and disks behind LUN 0 and LUN 1, of these block sizes.
pub struct Scene {
    pub rig: Rig,
    pub transport: FakeTransport,
    pub disks: [Disk; 2],
}

impl Scene {
    pub fn new(sizes: [usize; 2]) -> Self {
        Self::over(Rig::start(), sizes)
    }

    /// The same with a core that has been started, and is configured otherwise.
    pub fn over(mut rig: Rig, sizes: [usize; 2]) -> Self {
        let disks = [(DISK, 0xA0, sizes[0]), (OTHER, 0xB1, sizes[1])].map(|(service, name, block_size)| {
            let mut handler = rig.handler(service);
            handler.fence();
            Disk::new(handler, rig.copy_arena(), name, block_size)
        });
        let mut transport = rig.transport(A);
        transport.attach(0, &[]);
        let mut scene = Self { rig, transport, disks };
        open_quietly(&mut scene.transport, NEXUS, 0);
        scene
    }

    /// The core dies and is born again; handlers and the transport live.
    pub fn core_dies(&mut self) {
        self.rig.die();
        self.rig.launch();
        self.transport = self.rig.transport(A);
        for (disk, service) in self.disks.iter_mut().zip([DISK, OTHER]) {
            disk.handler = self.rig.handler(service);
        }
        self.rig.go();
        for disk in &mut self.disks {
            disk.handler.fence();
        }
        self.transport.attach(0, &[NEXUS]);
    }

    /// EXTENDED COPY of a parameter list, as a request to LUN 0.
    pub fn copy(&self, serial: u64, list: &[u8]) -> Request {
        let mut cdb = [0; 16];
        cdb[0] = 0x83;
        cdb[10..14].copy_from_slice(&(list.len() as u32).to_be_bytes());
        let request = command(NEXUS, serial, lun(0), &cdb);
        if list.is_empty() {
            return request;
        }
        let (at, len) = (serial * 1024, list.len() as u32);
        let extent = self.transport.arena.check(self.transport.extent(at, len)).unwrap();
        self.transport.arena.write(extent, list);
        self.transport.with_out(request, at, len)
    }

    /// RECEIVE COPY RESULTS, and the bytes that come.
    pub fn results(&mut self, serial: u64, action: u8, list_id: u8) -> Result<Vec<u8>, (u8, u8, u8)> {
        let cdb = [0x84, action, list_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
        let request = command(NEXUS, serial, lun(0), &cdb);
        let request = self.transport.with_in(request, &[(0, 512)]);
        self.transport.send(&request);
        let reply = self.answer();
        assert_eq!(reply.serial, serial);
        if reply.status == GOOD { Ok(self.transport.bytes(0, reply.transferred)) } else { Err(sense(&reply)) }
    }

    /// The next answer; meanwhile the disks work.
    pub fn answer(&mut self) -> Reply {
        until("an answer of the core", || {
            self.disks.iter_mut().for_each(|disk| while disk.serve() {});
            self.transport.poll()
        })
    }

    /// Lets the disks work until `count` commands of the core are served, or the copy has ended.
    pub fn serve(&mut self, count: usize) -> Option<Reply> {
        let mut served = 0;
        let mut reply = None;
        while served < count && reply.is_none() {
            until("work", || {
                let one = self.disks.iter_mut().any(Disk::serve);
                served += usize::from(one);
                reply = self.transport.poll();
                (one || reply.is_some()).then_some(())
            });
        }
        reply
    }

    /// A copy from beginning to end.
    pub fn run(&mut self, serial: u64, list: &[u8]) -> Reply {
        let request = self.copy(serial, list);
        self.transport.send(&request);
        let reply = self.answer();
        assert_eq!((reply.kind, reply.serial), (ReplyKind::Done as u8, serial));
        reply
    }
}

/// An identification descriptor for the disk with this name.
pub fn target(name: u8, block_size: u16) -> Vec<u8> {
    let mut bytes = vec![0xE4, 0x00, 0, 0, 0x01, 0x03, 0, 8, 0x31, 0, 0, 0, 0, 0, 0, name];
    bytes.extend([0; 12]);
    bytes.extend([0x00, 0x00]);
    bytes.extend(block_size.to_be_bytes());
    bytes
}

/// A segment from block to block, counted at the source.
pub fn segment(from: (u16, u64), to: (u16, u64), blocks: u16) -> Vec<u8> {
    let mut bytes = vec![0x02, 0x00, 0, 0x18];
    bytes.extend(from.0.to_be_bytes());
    bytes.extend(to.0.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(blocks.to_be_bytes());
    bytes.extend(from.1.to_be_bytes());
    bytes.extend(to.1.to_be_bytes());
    bytes
}

/// The same segment with CAT (bit 0 of byte 1) or DC (bit 1).
pub fn flagged(flags: u8, mut segment: Vec<u8>) -> Vec<u8> {
    segment[1] |= flags;
    segment
}

/// A parameter list; LIST ID USAGE is bits 4 and 3 of `flags`.
pub fn list(list_id: u8, flags: u8, targets: &[Vec<u8>], segments: &[Vec<u8>]) -> Vec<u8> {
    let (targets, segments) = (targets.concat(), segments.concat());
    let lengths = [(targets.len() as u32) << 16, segments.len() as u32].map(u32::to_be_bytes);
    let header = [&[list_id, flags], &lengths[0][..], &[0, 0], &lengths[1], &[0; 4]].concat();
    [header, targets, segments].concat()
}

/// Both disks as targets 0 and 1.
pub fn both() -> Vec<Vec<u8>> {
    vec![target(0xA0, 512), target(0xB1, 512)]
}

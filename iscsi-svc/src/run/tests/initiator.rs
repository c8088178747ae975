//! An initiator that keeps several commands under way and judges every PDU that comes back.

use super::config::TARGET;
use super::{Random, pattern};
use crate::digest::crc32c;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Commands under way at a time; each works on a slot of its own.
const DEPTH: u32 = 5;
/// What we declare as MaxRecvDataSegmentLength.
const SEGMENT: usize = 3000;
const BURST: usize = 6000;
const IMMEDIATE: usize = 2048;

/// What is done.
#[derive(Clone, Copy)]
pub struct Script {
    pub digests: bool,
    pub commands: u32,
    /// Initiators that do it at once, each with slots of its own.
    pub initiators: u8,
}

/// A request that has no answer yet.
struct Asked {
    opcode: u8,
    slot: u8,
    /// What is written, or what must be read.
    data: Vec<u8>,
    got: Vec<u8>,
    data_sn: u32,
    r2t_sn: u32,
}

pub struct Initiator {
    script: Script,
    number: u8,
    socket: Option<TcpStream>,
    logged_in: bool,
    out: Vec<u8>,
    input: Vec<u8>,
    cmd_sn: u32,
    stat_sn: u32,
    next: u32,
    asked: BTreeMap<u32, Asked>,
    disk: BTreeMap<u8, Vec<u8>>,
}

fn word(head: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn put(head: &mut [u8; 48], at: usize, value: u32) {
    head[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

impl Initiator {
    pub fn new(script: Script, number: u8) -> Initiator {
        Initiator {
            script,
            number,
            socket: None,
            logged_in: false,
            out: Vec::new(),
            input: Vec::new(),
            cmd_sn: 1,
            stat_sn: 0,
            next: 0,
            asked: BTreeMap::new(),
            disk: BTreeMap::new(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.logged_in && self.next == self.script.commands && self.asked.is_empty()
    }

    pub fn state(&self) -> String {
        let asked: Vec<_> =
            self.asked.iter().map(|(itt, asked)| (itt, asked.opcode, asked.got.len())).collect();
        format!("logged in: {}, next {}, under way {asked:?}", self.logged_in, self.next)
    }

    fn send(&mut self, mut head: [u8; 48], data: &[u8]) {
        let digests = self.script.digests && self.logged_in;
        head[5..8].copy_from_slice(&(data.len() as u32).to_be_bytes()[1..]);
        self.out.extend_from_slice(&head);
        if digests {
            self.out.extend_from_slice(&crc32c(&head));
        }
        let mut padded = data.to_vec();
        padded.resize(data.len().next_multiple_of(4), 0);
        self.out.extend_from_slice(&padded);
        if digests && !data.is_empty() {
            self.out.extend_from_slice(&crc32c(&padded));
        }
    }

    fn log_in(&mut self, address: SocketAddr) {
        let socket = TcpStream::connect(address).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        socket.set_nonblocking(true).unwrap();
        self.socket = Some(socket);
        (self.out, self.input) = (Vec::new(), Vec::new());
        let mut head = [0; 48];
        (head[0], head[1], head[8], head[13]) = (0x43, 0x87, 0x40, 1);
        put(&mut head, 24, self.cmd_sn);
        let digest = if self.script.digests { "CRC32C" } else { "None" };
        let text = format!(
            "InitiatorName=iqn.1993-08.org.debian:01:sim{}\0TargetName={TARGET}\0HeaderDigest={digest}\0\
             DataDigest={digest}\0MaxRecvDataSegmentLength={SEGMENT}\0InitialR2T=Yes\0ImmediateData=Yes\0\
             MaxBurstLength={BURST}\0FirstBurstLength={IMMEDIATE}\0MaxOutstandingR2T=2\0",
            self.number
        );
        self.send(head, text.as_bytes());
    }

    /// Gives and takes some bytes, and begins a command now and then.
    pub fn turn(&mut self, address: SocketAddr, random: &mut Random) {
        if self.socket.is_none() {
            self.log_in(address);
        }
        if self.logged_in && self.next < self.script.commands && self.asked.len() < DEPTH as usize {
            self.ask();
        }
        let Some(socket) = &mut self.socket else { return };
        let some = (1 + random.below(4000) as usize).min(self.out.len());
        match socket.write(&self.out[..some]) {
            Ok(n) => drop(self.out.drain(..n)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return self.broken(&error.to_string()),
        }
        let mut bytes = vec![0; 1 + random.below(4000) as usize];
        match socket.read(&mut bytes) {
            Ok(0) => return self.broken("end of stream"),
            Ok(n) => self.input.extend_from_slice(&bytes[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return self.broken(&error.to_string()),
        }
        while self.hear() {}
    }

    /// The connection is gone: that may happen before the login is complete, and never after.
    fn broken(&mut self, why: &str) {
        assert!(!self.logged_in, "the connection broke: {why}");
        self.socket = None;
    }

    /// Begins the next command: writes and reads of slots in turn, a function or a ping now and then.
    fn ask(&mut self) {
        let itt = self.next;
        self.next += 1;
        let slot_at = |step: u32| self.number * 2 * DEPTH as u8 + ((itt + step) % (2 * DEPTH)) as u8;
        let slot = slot_at(0);
        let mut head = [0; 48];
        put(&mut head, 16, itt);
        put(&mut head, 24, self.cmd_sn);
        put(&mut head, 28, self.stat_sn);
        let mut asked =
            Asked { opcode: 0x01, slot, data: Vec::new(), got: Vec::new(), data_sn: 0, r2t_sn: 0 };
        if itt % 9 == 7 {
            // LOGICAL UNIT RESET, immediate.
            (head[0], head[1], asked.opcode) = (0x42, 0x85, 0x02);
            put(&mut head, 20, u32::MAX);
            self.send(head, &[]);
        } else if itt % 9 == 8 {
            (head[0], head[1], asked.opcode) = (0x40, 0x80, 0x00);
            put(&mut head, 20, u32::MAX);
            self.send(head, &[]);
        } else {
            let free = |slot: u8| !self.asked.values().any(|asked| asked.slot == slot);
            let known = self.disk.keys().copied().find(|slot| free(*slot) && itt % 3 == 2);
            let slot = known.or((0..2 * DEPTH).map(slot_at).find(|slot| free(*slot))).unwrap();
            let reads = known.is_some();
            (head[0], head[1], head[9]) = (0x01, if reads { 0xc1 } else { 0xa1 }, 1);
            asked.slot = slot;
            asked.data = match self.disk.get(&slot).filter(|_| reads) {
                Some(data) => data.clone(),
                None => pattern(
                    [512, 2048, 9001, 20_000][itt as usize % 4],
                    u64::from(itt) + 1000 * u64::from(self.number),
                ),
            };
            put(&mut head, 20, asked.data.len() as u32);
            (head[32], head[33]) = (if reads { 0x28 } else { 0x2a }, slot);
            self.cmd_sn += 1;
            let immediate = if reads { 0 } else { asked.data.len().min(IMMEDIATE) };
            if !reads {
                self.disk.remove(&slot);
            }
            asked.opcode = head[32];
            self.send(head, &asked.data.clone()[..immediate]);
        }
        self.asked.insert(itt, asked);
    }

    /// Takes a PDU, if one is here.
    fn hear(&mut self) -> bool {
        let digest = if self.script.digests && self.logged_in { 4 } else { 0 };
        if self.input.len() < 48 + digest {
            return false;
        }
        let head: [u8; 48] = self.input[..48].try_into().unwrap();
        let len = word(&[0, head[5], head[6], head[7]], 0) as usize;
        let padded = len.next_multiple_of(4);
        let whole = 48 + digest + padded + if len > 0 { digest } else { 0 };
        if self.input.len() < whole {
            return false;
        }
        let pdu: Vec<u8> = self.input.drain(..whole).collect();
        if digest > 0 {
            assert_eq!(pdu[48..52], crc32c(&head));
            let data = &pdu[52..52 + padded];
            assert!(len == 0 || pdu[52 + padded..] == crc32c(data));
        }
        self.judge(&head, &pdu[48 + digest..48 + digest + len]);
        true
    }

    fn judge(&mut self, head: &[u8; 48], data: &[u8]) {
        let (opcode, itt) = (head[0], word(head, 16));
        if opcode == 0x23 {
            assert_eq!((head[1], &head[36..38]), (0x87, &[0, 0][..]));
            (self.logged_in, self.stat_sn) = (true, word(head, 24) + 1);
            return;
        }
        assert!(word(head, 28).wrapping_sub(self.cmd_sn) as i32 <= 0, "ExpCmdSN is ahead");
        let ends = opcode != 0x31 && (opcode != 0x25 || head[1] & 1 != 0);
        if ends {
            assert_eq!(word(head, 24), self.stat_sn, "StatSN of {opcode:02x}");
            self.stat_sn += 1;
        }
        let asked =
            self.asked.get_mut(&itt).unwrap_or_else(|| panic!("{opcode:02x} for {itt}, which nobody asked"));
        match (opcode, asked.opcode) {
            (0x31, 0x2a) => return self.data_out(head, itt),
            (0x25, 0x28) => {
                assert_eq!((word(head, 36), word(head, 40)), (asked.data_sn, asked.got.len() as u32));
                asked.data_sn += 1;
                asked.got.extend_from_slice(data);
                assert!(!ends || head[3] == 0, "status {:02x}", head[3]);
            }
            (0x21, 0x2a) => assert_eq!(head[2..4], [0, 0], "response and status"),
            (0x22, 0x02) => assert_eq!(head[2], 0),
            (0x20, 0x00) => {}
            other => panic!("{other:02x?}"),
        }
        if ends {
            let asked = self.asked.remove(&itt).unwrap();
            match asked.opcode {
                0x28 => assert!(asked.got == asked.data, "slot {} reads something else", asked.slot),
                0x2a => drop(self.disk.insert(asked.slot, asked.data)),
                _ => {}
            }
        }
    }

    /// Answers an R2T, in pieces that need padding.
    fn data_out(&mut self, r2t: &[u8; 48], itt: u32) {
        let (ttt, number) = (word(r2t, 20), word(r2t, 36));
        let (offset, len) = (word(r2t, 40) as usize, word(r2t, 44) as usize);
        let asked = self.asked.get_mut(&itt).unwrap();
        assert_eq!(number, asked.r2t_sn, "R2TSN");
        asked.r2t_sn += 1;
        let data = asked.data[offset..offset + len].to_vec();
        for (index, piece) in data.chunks(2501).enumerate() {
            let mut head = [0; 48];
            let at = offset + index * 2501;
            (head[0], head[1]) = (0x05, if at + piece.len() == offset + len { 0x80 } else { 0 });
            put(&mut head, 16, itt);
            put(&mut head, 20, ttt);
            put(&mut head, 36, index as u32);
            put(&mut head, 40, at as u32);
            self.send(head, piece);
        }
    }
}

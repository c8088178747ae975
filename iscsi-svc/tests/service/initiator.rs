//! An initiator made of bytes: headers typed from RFC 7143, nothing shared with the service's own structs.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use ipc::message::record::{ReplyKind, Request, RequestKind};

use crate::config::TARGET;
use crate::rig::{PATIENCE, Rig};

pub const NAME: &str = "iqn.1993-08.org.debian:01:test";

/// A PDU that arrived.
#[derive(Debug)]
pub struct Pdu {
    pub head: [u8; 48],
    pub data: Vec<u8>,
}

impl Pdu {
    pub fn opcode(&self) -> u8 {
        self.head[0]
    }

    pub fn flags(&self) -> u8 {
        self.head[1]
    }

    pub fn status(&self) -> u8 {
        self.head[3]
    }

    pub fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.head[at..at + 4].try_into().unwrap())
    }
}

pub struct Initiator {
    pub socket: TcpStream,
    pub cmd_sn: u32,
    pub digests: bool,
    pub nexus: Option<Request>,
}

fn put(head: &mut [u8; 48], at: usize, value: u32) {
    head[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

impl Initiator {
    pub fn connect(rig: &Rig) -> Initiator {
        let socket = TcpStream::connect(rig.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Initiator { socket, cmd_sn: 1, digests: false, nexus: None }
    }

    /// Sends a PDU; the data segment's length is filled in.
    pub fn send(&mut self, mut head: [u8; 48], data: &[u8]) {
        head[5..8].copy_from_slice(&(data.len() as u32).to_be_bytes()[1..]);
        let mut wire = head.to_vec();
        if self.digests {
            wire.extend_from_slice(&iscsi_svc::digest::crc32c(&head));
        }
        let mut padded = data.to_vec();
        padded.resize(data.len().next_multiple_of(4), 0);
        wire.extend_from_slice(&padded);
        if self.digests && !data.is_empty() {
            wire.extend_from_slice(&iscsi_svc::digest::crc32c(&padded));
        }
        self.socket.write_all(&wire).unwrap();
    }

    /// The next PDU; digests are checked.
    pub fn receive(&mut self) -> Pdu {
        let mut head = [0; 48];
        self.socket.read_exact(&mut head).unwrap();
        if self.digests {
            let mut digest = [0; 4];
            self.socket.read_exact(&mut digest).unwrap();
            assert_eq!(digest, iscsi_svc::digest::crc32c(&head));
        }
        let len = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
        let mut data = vec![0; len.next_multiple_of(4)];
        self.socket.read_exact(&mut data).unwrap();
        if self.digests && len > 0 {
            let mut digest = [0; 4];
            self.socket.read_exact(&mut digest).unwrap();
            assert_eq!(digest, iscsi_svc::digest::crc32c(&data));
        }
        data.truncate(len);
        Pdu { head, data }
    }

    /// Whether the target has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.socket.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a Login Request straight to the full feature phase.
    pub fn request_login(&mut self, isid: u8, keys: &str) {
        let mut head = [0; 48];
        head[0] = 0x43;
        head[1] = 0x87;
        head[8] = 0x40;
        head[13] = isid;
        put(&mut head, 24, self.cmd_sn);
        let text = format!("InitiatorName={NAME}\0{keys}");
        self.send(head, text.as_bytes());
    }

    /// Logs in to the target; the test's core consents.
    pub fn login(rig: &mut Rig, keys: &str) -> Initiator {
        let mut initiator = Initiator::connect(rig);
        initiator.request_login(1, &format!("TargetName={TARGET}\0{keys}"));
        let open = rig.core.expect(RequestKind::NexusOpen);
        rig.core.reply(ReplyKind::NexusOpened, &open);
        let answer = initiator.receive();
        assert_eq!((answer.opcode(), answer.flags()), (0x23, 0x87));
        assert_eq!(answer.head[36..38], [0, 0]);
        assert_ne!(answer.head[14..16], [0, 0]);
        initiator.digests = keys.contains("Digest=CRC32C");
        initiator.nexus = Some(open);
        initiator
    }

    /// Sends a SCSI Command; `flags` are F, R, W and the attribute.
    pub fn command(&mut self, itt: u32, flags: u8, edtl: u32, opcode: u8, immediate: &[u8]) {
        let mut head = [0; 48];
        head[0] = 0x01;
        head[1] = flags;
        head[9] = 1;
        put(&mut head, 16, itt);
        put(&mut head, 20, edtl);
        put(&mut head, 24, self.cmd_sn);
        head[32] = opcode;
        self.cmd_sn = self.cmd_sn.wrapping_add(1);
        self.send(head, immediate);
    }

    pub fn data_out(&mut self, itt: u32, ttt: u32, data_sn: u32, offset: u32, last: bool, data: &[u8]) {
        let mut head = [0; 48];
        head[0] = 0x05;
        head[1] = if last { 0x80 } else { 0 };
        put(&mut head, 16, itt);
        put(&mut head, 20, ttt);
        put(&mut head, 36, data_sn);
        put(&mut head, 40, offset);
        self.send(head, data);
    }

    /// Sends an immediate request that is only a header apart from `data`.
    pub fn immediate(&mut self, opcode: u8, flags: u8, itt: u32, word5: u32, data: &[u8]) {
        let mut head = [0; 48];
        head[0] = opcode | 0x40;
        head[1] = flags;
        put(&mut head, 16, itt);
        put(&mut head, 20, word5);
        put(&mut head, 24, self.cmd_sn);
        self.send(head, data);
    }
}

/// Bytes that differ from place to place.
pub fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed) as u8).collect()
}

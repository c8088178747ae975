//! A connection: PDUs onto a socket, and a thread that takes them off it with the time of their arrival, so that neither
//! end ever waits for the other to read.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::crc32c;
use super::pdu::Pdu;

/// The longest data segment that a target may send here; more than any test declares.
const MOST_DATA: usize = 1 << 20;

/// Which digests are in use.
#[derive(Debug, Default)]
struct Digests {
    header: AtomicBool,
    data: AtomicBool,
}

/// A PDU and when its last byte was there.
#[derive(Debug)]
pub struct Arrived {
    /// The moment.
    pub at: Instant,
    /// The PDU.
    pub pdu: Pdu,
}

/// One TCP connection to a target.
pub struct Wire {
    stream: TcpStream,
    arrived: Receiver<io::Result<Arrived>>,
    digests: Arc<Digests>,
    reader: Option<JoinHandle<()>>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(portal: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&portal, Duration::from_secs(5)).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(60)))?;
        let (give, arrived) = mpsc::channel();
        let digests = Arc::new(Digests::default());
        let (mut input, shared) = (stream.try_clone()?, Arc::clone(&digests));
        let reader = std::thread::spawn(move || {
            loop {
                let next = read_pdu(&mut input, &shared);
                let over = next.is_err();
                if give.send(next).is_err() || over {
                    return;
                }
            }
        });
        Ok(Self { stream, arrived, digests, reader: Some(reader) })
    }

    /// From now on both directions carry these digests. To be called before the first PDU that has them is asked for.
    pub fn use_digests(&self, header: bool, data: bool) {
        self.digests.header.store(header, Ordering::Release);
        self.digests.data.store(data, Ordering::Release);
    }

    /// Sends a PDU, with its length fields set to what it has.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send(&mut self, pdu: &Pdu) -> anyhow::Result<()> {
        let mut pdu = pdu.clone();
        pdu.set_lengths();
        self.send_as_is(&pdu)
    }

    /// Sends a PDU whose length fields may lie.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send_as_is(&mut self, pdu: &Pdu) -> anyhow::Result<()> {
        let mut bytes = pdu.bhs.to_vec();
        bytes.extend_from_slice(&pdu.ahs);
        if self.digests.header.load(Ordering::Acquire) {
            bytes.extend_from_slice(&crc32c::digest(&bytes));
        }
        if !pdu.data.is_empty() {
            let begin = bytes.len();
            bytes.extend_from_slice(&pdu.data);
            bytes.resize(begin + pdu.data.len().next_multiple_of(4), 0);
            if self.digests.data.load(Ordering::Acquire) {
                bytes.extend_from_slice(&crc32c::digest(&bytes[begin..]));
            }
        }
        self.send_bytes(&bytes)
    }

    /// Sends bytes, whatever they are.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("sending")
    }

    /// The next PDU, or nothing when none comes within `limit`.
    ///
    /// # Errors
    /// The connection is over, or what came is no PDU.
    pub fn receive_within(&mut self, limit: Duration) -> anyhow::Result<Option<Arrived>> {
        match self.arrived.recv_timeout(limit) {
            Ok(next) => Ok(Some(next.context("receiving")?)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the connection is over"),
        }
    }

    /// The next PDU.
    ///
    /// # Errors
    /// None came within ten seconds.
    pub fn receive(&mut self) -> anyhow::Result<Arrived> {
        self.receive_within(Duration::from_secs(10))?.context("no PDU within 10 s")
    }

    /// Waits until the target has closed the connection; PDUs that come before are dropped.
    ///
    /// # Errors
    /// It does not within `limit`.
    pub fn wait_closed(&mut self, limit: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.receive_within(left) {
                Ok(Some(_)) => {}
                Ok(None) => bail!("the target keeps the connection open after {limit:?}"),
                Err(_) => return Ok(()),
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read_pdu(input: &mut TcpStream, digests: &Digests) -> io::Result<Arrived> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut pdu = Pdu::new(0, 0);
    input.read_exact(&mut pdu.bhs)?;
    pdu.ahs = vec![0; usize::from(pdu.bhs[4]) * 4];
    input.read_exact(&mut pdu.ahs)?;
    if digests.header.load(Ordering::Acquire) {
        let whole = [pdu.bhs.as_slice(), &pdu.ahs].concat();
        check_digest(input, &whole).map_err(|_| wrong("a wrong header digest"))?;
    }
    let length = pdu.data_length();
    if length > MOST_DATA {
        return Err(wrong("a data segment that is too long"));
    }
    if length > 0 {
        pdu.data = vec![0; length.next_multiple_of(4)];
        input.read_exact(&mut pdu.data)?;
        if digests.data.load(Ordering::Acquire) {
            check_digest(input, &pdu.data).map_err(|_| wrong("a wrong data digest"))?;
        }
        pdu.data.truncate(length);
    }
    Ok(Arrived { at: Instant::now(), pdu })
}

fn check_digest(input: &mut TcpStream, covered: &[u8]) -> anyhow::Result<()> {
    let mut digest = [0; 4];
    input.read_exact(&mut digest)?;
    ensure!(digest == crc32c::digest(covered), "a wrong digest");
    Ok(())
}

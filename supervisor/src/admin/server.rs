//! The supervisor's side of the admin socket: accepts, reads lines, writes replies; never waits for a client.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use ipc::wait::{Ready, Waiter, Watch};

use super::{Reply, Request};

/// Clients at a time.
const MOST_CLIENTS: usize = 64;
/// Bytes of a request.
const MOST_REQUEST: usize = 16 * 1024;
/// Bytes of replies that a client may leave unread.
const MOST_UNREAD: usize = 4 << 20;

struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// The admin socket and whoever is connected to it.
pub struct AdminServer {
    listener: UnixListener,
    /// Tokens are this plus 0 for the listener, plus a client's number otherwise.
    token: u64,
    clients: HashMap<u64, Client>,
    last: u64,
}

/// What a client asks, or what is wrong with it.
pub type Asked = (u64, Result<Request, String>);

impl AdminServer {
    /// Opens the socket at `path` for its owner alone.
    ///
    /// # Errors
    /// The host refuses.
    pub fn new(path: &Path, token: u64, waiter: &Waiter) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Self::over(listener, token, waiter)
    }

    /// The same with a socket that has been opened before: whoever connected meanwhile is heard.
    ///
    /// # Errors
    /// The host refuses.
    pub fn over(listener: UnixListener, token: u64, waiter: &Waiter) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        waiter.add(&listener, token, Watch::Readable)?;
        Ok(Self { listener, token, clients: HashMap::new(), last: 0 })
    }

    /// The listening socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Handles an event of this server; answers with the requests that came.
    pub fn on_ready(&mut self, event: Ready, waiter: &Waiter) -> Vec<Asked> {
        let client = event.token - self.token;
        if client == 0 {
            self.accept(waiter);
            return Vec::new();
        }
        if event.writable {
            self.flush(client, waiter);
        }
        if event.readable { self.read(client, waiter) } else { Vec::new() }
    }

    fn accept(&mut self, waiter: &Waiter) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.clients.len() >= MOST_CLIENTS || stream.set_nonblocking(true).is_err() {
                continue;
            }
            // Numbers are used up in 2^32 connections, then begin anew past the listener's.
            self.last = self.last % u64::from(u32::MAX - 1) + 1;
            if waiter.add(&stream, self.token + self.last, Watch::Readable).is_ok() {
                let client = Client { stream, input: Vec::new(), output: Vec::new() };
                self.clients.insert(self.last, client);
            }
        }
    }

    fn read(&mut self, number: u64, waiter: &Waiter) -> Vec<Asked> {
        let mut asked = Vec::new();
        let Some(client) = self.clients.get_mut(&number) else { return asked };
        let mut buffer = [0; 4096];
        loop {
            match client.stream.read(&mut buffer) {
                Ok(length @ 1..) => {
                    client.input.extend_from_slice(&buffer[..length]);
                    asked.extend(lines(&mut client.input).into_iter().map(|line| (number, parse(&line))));
                    if client.input.len() > MOST_REQUEST {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return asked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        // Nobody waits for an answer behind a connection that is closed; the request is carried out all the same.
        self.forget(number, waiter);
        asked
    }

    /// Sends a reply, now or when the client has room.
    pub fn reply(&mut self, number: u64, reply: &Reply, waiter: &Waiter) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        let text = serde_json::to_string(reply).unwrap_or_default();
        client.output.extend_from_slice(text.as_bytes());
        client.output.push(b'\n');
        if client.output.len() > MOST_UNREAD {
            return self.forget(number, waiter);
        }
        self.flush(number, waiter);
    }

    fn flush(&mut self, number: u64, waiter: &Waiter) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        while !client.output.is_empty() {
            match client.stream.write(&client.output) {
                Ok(length) => {
                    client.output.drain(..length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.forget(number, waiter),
            }
        }
        let watch = if client.output.is_empty() { Watch::Readable } else { Watch::ReadWrite };
        let _ = waiter.change(&client.stream, self.token + number, watch);
    }

    fn forget(&mut self, number: u64, waiter: &Waiter) {
        if let Some(client) = self.clients.remove(&number) {
            let _ = waiter.remove(&client.stream);
        }
    }
}

/// Takes the complete lines out of `input`.
fn lines(input: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    while let Some(end) = input.iter().position(|byte| *byte == b'\n') {
        let rest = input.split_off(end + 1);
        let mut line = std::mem::replace(input, rest);
        line.pop();
        lines.push(line);
    }
    lines
}

fn parse(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).map_err(|error| format!("this is no request: {error}"))
}

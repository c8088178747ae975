//! A session in its full feature phase: commands in flight, task management, text, NOP, logout.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::cdb;
use super::pdu::{FINAL, IMMEDIATE, NO_TAG, Pdu, keys_from_bytes, keys_to_bytes, request, response};
use super::task::{Command, Done, Task};
use super::wire::{Arrived, Wire};

/// How long a command may take before its session counts as hung.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A logged-in session of one connection.
pub struct Session {
    /// The connection.
    pub wire: Wire,
    /// The keys that the target answered with, and those it declared.
    pub answers: Vec<(String, String)>,
    limits: Limits,
    tasks: HashMap<u32, Task>,
    next_tag: u32,
    command_sn: u32,
    most_command_sn: u32,
    status_sn: u32,
}

/// What was negotiated, as far as sending needs it.
#[derive(Debug, Clone, Copy)]
struct Limits {
    receive: usize,
    send: usize,
    first_burst: usize,
    burst: usize,
    immediate: bool,
    initial_r2t: bool,
}

impl Limits {
    fn new(offered: &[(String, String)], answers: &[(String, String)]) -> Self {
        let find = |keys: &[(String, String)], key: &str| {
            keys.iter().rfind(|(known, _)| known == key).map(|(_, value)| value.clone())
        };
        let number = |keys: &[(String, String)], key: &str, default: usize| {
            find(keys, key).and_then(|value| value.parse().ok()).unwrap_or(default)
        };
        // The lower of the two sides where the key is negotiated, which the answer has already.
        let agreed = |key, default| number(answers, key, number(offered, key, default));
        let yes = |key, default: &str| find(answers, key).unwrap_or_else(|| default.to_owned()) == "Yes";
        Self {
            receive: number(offered, "MaxRecvDataSegmentLength", 8192),
            send: number(answers, "MaxRecvDataSegmentLength", 8192),
            first_burst: agreed("FirstBurstLength", 65536),
            burst: agreed("MaxBurstLength", 262_144),
            immediate: yes("ImmediateData", "Yes"),
            initial_r2t: yes("InitialR2T", "Yes"),
        }
    }
}

impl Session {
    pub(super) fn begin(
        wire: Wire,
        offered: &[(String, String)],
        answers: Vec<(String, String)>,
        last: &Pdu,
    ) -> anyhow::Result<Self> {
        let on = |key: &str| answers.iter().any(|(known, value)| known == key && value == "CRC32C");
        wire.use_digests(on("HeaderDigest"), on("DataDigest"));
        ensure!(last.bhs[14..16] != [0, 0], "a session without TSIH");
        Ok(Self {
            limits: Limits::new(offered, &answers),
            wire,
            answers,
            tasks: HashMap::new(),
            next_tag: 1,
            command_sn: 1,
            most_command_sn: last.word(32),
            status_sn: last.word(24).wrapping_add(1),
        })
    }

    /// Commands that the target takes at the moment, besides those in flight.
    pub fn window(&self) -> u32 {
        let room = self.most_command_sn.wrapping_sub(self.command_sn).wrapping_add(1);
        if room > i32::MAX as u32 { 0 } else { room }
    }

    /// Commands in flight.
    pub fn in_flight(&self) -> usize {
        self.tasks.len()
    }

    /// Sends a command with SIMPLE task attribute, with as much data as may go unasked. Returns its tag.
    ///
    /// # Errors
    /// The connection is over.
    pub fn submit(&mut self, command: Command) -> anyhow::Result<u32> {
        let tag = self.tag();
        let total = command.write.len();
        let limits = self.limits;
        let immediate = if limits.immediate { total.min(limits.send).min(limits.first_burst) } else { 0 };
        let unsolicited = if limits.initial_r2t { immediate } else { total.min(limits.first_burst) };
        let direction = u8::from(total > 0) << 5 | u8::from(command.read > 0) << 6;
        let is_final = if unsolicited == immediate { FINAL } else { 0 };
        let mut pdu = Pdu::new(request::COMMAND, is_final | direction | 1).with_lun(command.lun);
        pdu.set_word(16, tag);
        pdu.set_word(20, total.max(command.read) as u32);
        pdu.bhs[32..32 + command.cdb.len()].copy_from_slice(&command.cdb);
        self.number(&mut pdu, true);
        let pdu = pdu.with_data(&command.write[..immediate]);
        let task = Task::new(command);
        self.wire.send(&pdu)?;
        self.tasks.insert(tag, task);
        self.send_data(tag, NO_TAG, immediate, unsolicited)?;
        Ok(tag)
    }

    /// The next command that is done, in the order in which they end. Answers pings and asks on the way.
    ///
    /// # Errors
    /// The connection is over, the target broke the protocol, or no command ends for a minute.
    pub fn complete(&mut self) -> anyhow::Result<Done> {
        ensure!(!self.tasks.is_empty(), "there is no command in flight");
        loop {
            let arrived = self.wire.receive_within(COMMAND_LIMIT)?.context("a command hangs")?;
            if let Some(done) = self.take(arrived)? {
                return Ok(done);
            }
        }
    }

    /// Sends a command and waits for its end. To be used with nothing else in flight.
    ///
    /// # Errors
    /// As for [`submit`](Self::submit) and [`complete`](Self::complete).
    pub fn execute(&mut self, command: Command) -> anyhow::Result<Done> {
        let tag = self.submit(command)?;
        let done = self.complete()?;
        ensure!(done.tag == tag, "an answer to another command");
        Ok(done)
    }

    /// Asks TEST UNIT READY until there is no unit attention left. Returns how many there were.
    ///
    /// # Errors
    /// The unit does not become ready.
    pub fn clear_unit_attentions(&mut self, lun: u16) -> anyhow::Result<u32> {
        for count in 0..16 {
            let done = self.execute(Command::none(lun, &cdb::TEST_UNIT_READY))?;
            if done.status == 0 {
                return Ok(count);
            }
            ensure!(
                done.is_unit_attention(),
                "not ready: status {:02x}, sense {:02x?}",
                done.status,
                done.sense
            );
        }
        bail!("unit attentions without end")
    }

    /// A task management function (RFC 7143 11.5.1). Returns the response code.
    ///
    /// # Errors
    /// The connection is over.
    pub fn task_management(&mut self, function: u8, lun: u16, referenced: u32) -> anyhow::Result<u8> {
        let mut pdu = Pdu::new(request::TASK_MANAGEMENT | IMMEDIATE, FINAL | function).with_lun(lun);
        pdu.set_word(20, referenced);
        pdu.set_word(32, self.command_sn);
        let tag = self.tag();
        pdu.set_word(16, tag);
        self.number(&mut pdu, false);
        Ok(self.ask(&pdu, response::TASK_MANAGEMENT)?.bhs[2])
    }

    /// Asks for keys in the full feature phase, `SendTargets` for one.
    ///
    /// # Errors
    /// The connection is over.
    pub fn text(&mut self, keys: &[(&str, &str)]) -> anyhow::Result<Vec<(String, String)>> {
        let mut pdu = Pdu::new(request::TEXT | IMMEDIATE, FINAL).with_word(20, NO_TAG);
        let tag = self.tag();
        pdu.set_word(16, tag);
        self.number(&mut pdu, false);
        Ok(keys_from_bytes(&self.ask(&pdu.with_data(keys_to_bytes(keys)), response::TEXT)?.data))
    }

    /// Sends a NOP-Out with data and returns what comes back.
    ///
    /// # Errors
    /// The connection is over.
    pub fn ping(&mut self, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut pdu = Pdu::new(request::NOP_OUT | IMMEDIATE, FINAL).with_word(20, NO_TAG);
        let tag = self.tag();
        pdu.set_word(16, tag);
        self.number(&mut pdu, false);
        Ok(self.ask(&pdu.with_data(data), response::NOP_IN)?.data)
    }

    /// Closes the session in order, and waits until the target has closed the connection.
    ///
    /// # Errors
    /// The target does not agree.
    pub fn logout(mut self) -> anyhow::Result<()> {
        let mut pdu = Pdu::new(request::LOGOUT | IMMEDIATE, FINAL);
        let tag = self.tag();
        pdu.set_word(16, tag);
        self.number(&mut pdu, false);
        let answer = self.ask(&pdu, response::LOGOUT)?;
        ensure!(answer.bhs[2] == 0, "logout response {:02x}", answer.bhs[2]);
        self.wire.wait_closed(Duration::from_secs(10))
    }

    /// A task tag that is not in use.
    pub fn tag(&mut self) -> u32 {
        let tag = self.next_tag;
        self.next_tag = if tag >= NO_TAG - 1 { 1 } else { tag + 1 };
        tag
    }

    /// Writes CmdSN and ExpStatSN into a request; one that is not immediate uses its CmdSN up.
    pub fn number(&mut self, pdu: &mut Pdu, uses_up: bool) {
        pdu.set_word(24, self.command_sn);
        pdu.set_word(28, self.status_sn);
        self.command_sn = self.command_sn.wrapping_add(u32::from(uses_up));
    }

    /// Sends a request that has one answer, and waits for that, whatever else ends before.
    fn ask(&mut self, pdu: &Pdu, opcode: u8) -> anyhow::Result<Pdu> {
        self.wire.send(pdu)?;
        loop {
            let arrived = self.wire.receive_within(COMMAND_LIMIT)?.context("a request hangs")?;
            if arrived.pdu.opcode() == opcode && arrived.pdu.tag() == pdu.tag() {
                self.count(&arrived.pdu, true)?;
                return Ok(arrived.pdu);
            }
            // A command that an abort ended is of no interest to whoever asks for the abort.
            self.take(arrived)?;
        }
    }

    /// Takes one PDU. Returns the command that it ends, if it ends one.
    fn take(&mut self, arrived: Arrived) -> anyhow::Result<Option<Done>> {
        let Arrived { at, pdu } = arrived;
        let tag = pdu.tag();
        match pdu.opcode() {
            response::DATA_IN => {
                let has_status = pdu.bhs[1] & 1 != 0;
                self.count(&pdu, has_status)?;
                self.tasks
                    .get_mut(&tag)
                    .context("Data-In for no task")?
                    .data_in(&pdu, self.limits.receive)?;
                if has_status { self.end(&pdu, at).map(Some) } else { Ok(None) }
            }
            response::COMMAND => {
                self.count(&pdu, true)?;
                self.end(&pdu, at).map(Some)
            }
            response::R2T => {
                self.count(&pdu, false)?;
                let burst = self.limits.burst;
                let (offset, length) =
                    self.tasks.get_mut(&tag).context("R2T for no task")?.r2t(&pdu, burst)?;
                self.send_data(tag, pdu.word(20), offset, offset + length)?;
                Ok(None)
            }
            response::NOP_IN => {
                self.count(&pdu, false)?;
                if pdu.word(20) != NO_TAG {
                    let mut pong = Pdu::new(request::NOP_OUT | IMMEDIATE, FINAL).with_word(16, NO_TAG);
                    pong.bhs[8..16].copy_from_slice(&pdu.bhs[8..16]);
                    pong.set_word(20, pdu.word(20));
                    self.number(&mut pong, false);
                    self.wire.send(&pong)?;
                }
                Ok(None)
            }
            response::REJECT => bail!("the target rejected a PDU: reason {:02x}", pdu.bhs[2]),
            other => bail!("the target sent opcode {other:02x}"),
        }
    }

    fn end(&mut self, pdu: &Pdu, at: std::time::Instant) -> anyhow::Result<Done> {
        let task = self.tasks.remove(&pdu.tag()).context("a status for no task")?;
        task.done(pdu, at)
    }

    /// Follows the sequence numbers: StatSN goes up by one with each status, MaxCmdSN never goes back.
    fn count(&mut self, pdu: &Pdu, has_status: bool) -> anyhow::Result<()> {
        if has_status {
            ensure!(pdu.word(24) == self.status_sn, "StatSN {} instead of {}", pdu.word(24), self.status_sn);
            self.status_sn = self.status_sn.wrapping_add(1);
        }
        let (expected, most) = (pdu.word(28), pdu.word(32));
        ensure!(
            self.command_sn.wrapping_sub(expected) < 1 << 31,
            "ExpCmdSN {expected} is ahead of what was sent"
        );
        let forward = most.wrapping_sub(self.most_command_sn);
        ensure!(forward < 1 << 31, "MaxCmdSN went back from {} to {most}", self.most_command_sn);
        self.most_command_sn = most;
        Ok(())
    }

    /// Sends a run of a task's data as Data-Out PDUs, numbered from 0.
    fn send_data(&mut self, tag: u32, transfer_tag: u32, from: usize, to: usize) -> anyhow::Result<()> {
        let (mut at, mut sequence) = (from, 0);
        while at < to {
            let task = self.tasks.get(&tag).context("data for no task")?;
            let length = self.limits.send.min(to - at);
            let is_final = if at + length == to { FINAL } else { 0 };
            let mut pdu = Pdu::new(request::DATA_OUT, is_final).with_lun(task.command.lun);
            pdu.data = task.command.write[at..at + length].to_vec();
            for (place, value) in
                [(16, tag), (20, transfer_tag), (28, self.status_sn), (36, sequence), (40, at as u32)]
            {
                pdu.set_word(place, value);
            }
            self.wire.send(&pdu)?;
            at += length;
            sequence += 1;
        }
        Ok(())
    }
}

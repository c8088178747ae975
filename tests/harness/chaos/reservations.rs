//! Two initiators that register, reserve, preempt and clear on LUN 0, write and read there, and know from what was answered so
//! far what each answer must be: its status, its unit attentions, the keys, the generation, every byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};

use super::reservation_model::{Action, Expected, Model};
use crate::gauge::Gauge;
use crate::initiator::cdb;
use crate::initiator::login::Login;
use crate::initiator::session::Session;
use crate::initiator::task::{Command, Done};
use crate::random::{Random, mix};

/// Blocks that are written and read.
const BLOCKS: u64 = 16;
/// Bytes of one.
const BLOCK: usize = 512;
/// READ KEYS and READ RESERVATION return no more here.
const LIST: usize = 64;

struct Traffic<'a> {
    sessions: [Session; 2],
    model: Model,
    random: Random,
    /// What each block was written with; 0 for zeros.
    blocks: [u64; BLOCKS as usize],
    gauge: &'a Gauge,
}

/// Goes on until it is told to stop.
///
/// # Errors
/// An answer is not what it must be.
pub fn run(portal: SocketAddr, seed: u64, stop: &AtomicBool, gauge: &Gauge) -> anyhow::Result<()> {
    let log_in = |number| {
        let mut session = Login::normal(number).session(portal)?;
        session.clear_unit_attentions(0)?;
        anyhow::Ok(session)
    };
    let sessions = [log_in(1)?, log_in(2)?];
    let (model, random) = (Model::default(), Random::new(seed));
    let mut traffic = Traffic { sessions, model, random, blocks: [0; BLOCKS as usize], gauge };
    while !stop.load(Ordering::Relaxed) {
        traffic.turn()?;
    }
    let [one, other] = traffic.sessions;
    one.logout()?;
    other.logout()
}

/// What a block holds.
fn pattern(value: u64) -> Vec<u8> {
    match value {
        0 => vec![0; BLOCK],
        _ => (0..BLOCK as u64 / 8).flat_map(|word| mix(value ^ word << 48).to_le_bytes()).collect(),
    }
}

impl Traffic<'_> {
    /// One command of one of the two.
    fn turn(&mut self) -> anyhow::Result<()> {
        let who = self.random.between(0, 2) as usize;
        match self.random.between(0, 10) {
            0..5 => self.out(who),
            5 => self.keys(who),
            6 => self.reservation(who),
            7 | 8 => self.write(who),
            _ => self.read(who),
        }
    }

    /// Executes a command. The unit attentions that are due come first, each once, and no others.
    fn execute(&mut self, who: usize, command: Command) -> anyhow::Result<Done> {
        loop {
            let done = self.sessions[who].execute(command.clone())?;
            let due = &mut self.model.told[who];
            if !done.is_unit_attention() {
                // A conflict may be told first; SAM-5 gives it precedence.
                let in_order = due.is_empty() || done.status == 0x18;
                ensure!(in_order, "unit attentions {due:02x?} were lost: {:02x?}", done.sense_code());
                return Ok(done);
            }
            let (_, asc, ascq) = done.sense_code().context("sense data")?;
            let known = due.iter().position(|known| *known == (asc, ascq));
            let at =
                known.with_context(|| format!("unit attention {asc:02x}/{ascq:02x}, due: {due:02x?}"))?;
            due.remove(at);
            self.gauge.done(done.at, 0, 0);
        }
    }

    fn out(&mut self, who: usize) -> anyhow::Result<()> {
        let action = Action::choose(&self.model, who, &mut self.random);
        let aptpl = self.random.between(0, 4) == 0;
        let mut list = [action.key.to_be_bytes(), action.action_key.to_be_bytes(), [0; 8]].concat();
        list[20] = u8::from(aptpl);
        let cdb = [0x5f, action.code, action.kind, 0, 0, 0, 0, 0, 24, 0];
        let done = self.execute(who, Command::write(0, &cdb, list))?;
        let before = self.model.clone();
        let expected = self.model.perform(who, &action);
        judge(&done, expected).with_context(|| format!("{action:x?} of {who} with {before:x?}"))?;
        self.gauge.done(done.at, 0, 0);
        Ok(())
    }

    /// PERSISTENT RESERVE IN, READ KEYS.
    fn keys(&mut self, who: usize) -> anyhow::Result<()> {
        let command = Command::read(0, &[0x5e, 0, 0, 0, 0, 0, 0, 0, LIST as u8, 0], LIST);
        let done = self.execute(who, command)?;
        let mut right: Vec<u64> = self.model.keys.iter().flatten().copied().collect();
        right.sort_unstable();
        let mut keys: Vec<u64> = Vec::new();
        for key in done.data.get(8..).unwrap_or_default().chunks(8) {
            keys.push(u64::from_be_bytes(key.try_into()?));
        }
        keys.sort_unstable();
        let generation = u32::from_be_bytes(done.data.get(..4).context("a generation")?.try_into()?);
        let seen = (done.status, generation, keys);
        let right = (0, self.model.generation, right);
        ensure!(seen == right, "status, generation and keys {seen:x?}, not {right:x?}");
        self.gauge.done(done.at, done.data.len() as u64, 0);
        Ok(())
    }

    /// PERSISTENT RESERVE IN, READ RESERVATION.
    fn reservation(&mut self, who: usize) -> anyhow::Result<()> {
        let command = Command::read(0, &[0x5e, 1, 0, 0, 0, 0, 0, 0, LIST as u8, 0], LIST);
        let done = self.execute(who, command)?;
        let mut right = self.model.generation.to_be_bytes().to_vec();
        match self.model.reservation() {
            None => right.extend([0; 4]),
            Some((key, kind)) => {
                right.extend([0, 0, 0, 16]);
                right.extend(key.to_be_bytes());
                right.extend([0, 0, 0, 0, 0, kind, 0, 0]);
            }
        }
        ensure!(done.status == 0 && done.data == right, "reservation {:02x?}, not {right:02x?}", done.data);
        self.gauge.done(done.at, done.data.len() as u64, 0);
        Ok(())
    }

    fn write(&mut self, who: usize) -> anyhow::Result<()> {
        let (lba, value) = (self.random.between(0, BLOCKS), self.random.number() | 1);
        let done = self.execute(who, Command::write(0, &cdb::write10(lba as u32, 1), pattern(value)))?;
        let allowed = self.model.may_write(who);
        judge(&done, allowed).with_context(|| format!("WRITE of {who} with {:x?}", self.model))?;
        if allowed == Expected::Good {
            self.blocks[lba as usize] = value;
        }
        self.gauge.done(done.at, 0, 0);
        Ok(())
    }

    fn read(&mut self, who: usize) -> anyhow::Result<()> {
        let lba = self.random.between(0, BLOCKS);
        let done = self.execute(who, Command::read(0, &cdb::read10(lba as u32, 1), BLOCK))?;
        let allowed = self.model.may_read(who);
        judge(&done, allowed).with_context(|| format!("READ of {who} with {:x?}", self.model))?;
        let right = pattern(self.blocks[lba as usize]);
        let (mut wrong, mut verified) = (0, 0);
        if allowed == Expected::Good {
            let differ = right.iter().zip(&done.data).filter(|(right, found)| right != found).count();
            (wrong, verified) = (differ + BLOCK.abs_diff(done.data.len()), BLOCK);
        }
        self.gauge.done(done.at, verified as u64, wrong as u64);
        Ok(())
    }
}

/// Whether a command ended as it must.
fn judge(done: &Done, expected: Expected) -> anyhow::Result<()> {
    let right = match expected {
        Expected::Good => done.status == 0x00,
        Expected::Conflict => done.status == 0x18,
        // ILLEGAL REQUEST, INVALID RELEASE OF PERSISTENT RESERVATION.
        Expected::WrongRelease => done.status == 0x02 && done.sense_code() == Some((5, 0x26, 0x04)),
    };
    let (status, sense) = (done.status, done.sense_code());
    ensure!(right, "status {status:02x}, sense {sense:02x?}, not {expected:?}");
    Ok(())
}

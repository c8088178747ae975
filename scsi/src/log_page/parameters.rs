//! The parameters of log pages: counters of eight bytes and lists of bytes, each under its code.

use super::Log;
use crate::command::{LogControl, LogSense};
use crate::parameter::ParameterData;

/// TSD: not saved by itself. FORMAT AND LINKING 00b: a bounded counter.
const COUNTER: u8 = 0x20;
/// TSD, and FORMAT AND LINKING 10b: an unbounded counter, or several of them.
const UNBOUNDED: u8 = 0x22;
/// TSD, and FORMAT AND LINKING 11b: a list in binary.
const LIST: u8 = 0x23;
/// SCOPE of a resource count: the unit's own, or shared with others.
const DEDICATED: u8 = 0x01;
const SHARED: u8 = 0x02;

/// Puts parameters from the one that PARAMETER POINTER names.
pub(super) struct Parameters<'a> {
    data: &'a mut ParameterData,
    control: LogControl,
    first: u16,
    last: u16,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(request: &LogSense, data: &'a mut ParameterData) -> Self {
        Self { data, control: request.control, first: request.pointer, last: 0 }
    }

    /// Whether PARAMETER POINTER is past all parameters there were.
    pub(super) fn past_the_last(&self) -> bool {
        self.first > self.last
    }

    fn counter(&mut self, code: u16, value: u64) {
        let value = self.control.of(value);
        self.put(code, COUNTER, &value.to_be_bytes());
    }

    fn list(&mut self, code: u16, bytes: &[u8]) {
        self.put(code, LIST, bytes);
    }

    fn put(&mut self, code: u16, control: u8, bytes: &[u8]) {
        self.last = code;
        if code >= self.first {
            self.data.put_u16(code);
            self.data.put(&[control, bytes.len() as u8]);
            self.data.put(bytes);
        }
    }

    /// What error counter pages have in common (SPC-4 7.3.5): nothing is corrected here, only what is behind a medium could
    /// say that. Total times errors were corrected, bytes processed, uncorrected errors.
    fn errors(&mut self, bytes: u64, uncorrected: u64) {
        self.counter(0x0003, 0);
        self.counter(0x0005, bytes);
        self.counter(0x0006, uncorrected);
    }
}

/// Write Error Counters, 02h.
pub(super) fn write_errors(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    parameters.errors(log.activity.written_bytes, log.activity.write_errors);
}

/// Read Error Counters, 03h.
pub(super) fn read_errors(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    parameters.errors(log.activity.read_bytes, log.activity.read_errors);
}

/// Verify Error Counters, 05h. What was verified is read and counted there.
pub(super) fn verify_errors(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    parameters.errors(0, log.activity.verify_errors);
}

/// Logical Block Provisioning, 0Ch (SBC-3 6.3.4): available and used resources, in sets of blocks.
pub(super) fn provisioning(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    let Some(resources) = log.resources else { return };
    let set = log.info.threshold_set().0;
    let sets = |bytes: u64| u32::try_from(bytes / set).unwrap_or(u32::MAX).to_be_bytes();
    for (code, bytes, scope) in [(0x0001, resources.available, SHARED), (0x0002, resources.used, DEDICATED)] {
        let [a, b, c, d] = sets(bytes);
        parameters.list(code, &[a, b, c, d, scope, 0, 0, 0]);
    }
}

/// Temperature, 0Dh (SPC-4 7.3.21): FFh, because what has no place has no temperature, nor a highest one to stay below.
pub(super) fn temperature(_: &Log<'_>, parameters: &mut Parameters<'_>) {
    parameters.list(0x0000, &[0, 0xFF]);
    parameters.list(0x0001, &[0, 0xFF]);
}

/// Background Scan, 15h (SBC-3 6.3.3): minutes of service, and that nothing is scanned in the background.
pub(super) fn background_scan(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    let [a, b, c, d] = log.minutes.to_be_bytes();
    parameters.list(0x0000, &[a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// The time interval of page 19h is 1 x 10^-3 s.
const INTERVAL: [u8; 8] = [0, 0, 0, 3, 0, 0, 0, 1];
const INTERVAL_US: u64 = 1000;

/// General Statistics and Performance, 19h (SPC-4 7.3.6). Of the intervals only those are counted in which there was nothing
/// to do: no clock is read for a command. Weights are about command priority, which is not supported.
pub(super) fn statistics(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    let (activity, block) = (log.activity, u64::from(log.info.block_size.get()));
    let values = [
        activity.reads,
        activity.writes,
        activity.written_bytes / block,
        activity.read_bytes / block,
        0,
        0,
        0,
        0,
    ];
    let mut bytes = [0; 64];
    for (place, value) in bytes.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&parameters.control.of(value).to_be_bytes());
    }
    parameters.put(0x0001, UNBOUNDED, &bytes);
    let idle = parameters.control.of(activity.idle_us / INTERVAL_US);
    parameters.put(0x0002, UNBOUNDED, &idle.to_be_bytes());
    parameters.list(0x0003, &INTERVAL);
}

/// Informational Exceptions, 2Fh (SPC-4 7.3.11): the exception, and FFh for a temperature that nobody knows. Behind it there is
/// a byte that is the vendor's, which many drives and readers take for the temperature at which a drive warns; it is not known either.
pub(super) fn exceptions(log: &Log<'_>, parameters: &mut Parameters<'_>) {
    parameters.list(0x0000, &[log.exception.code, log.exception.qualifier, 0xFF, 0xFF]);
}

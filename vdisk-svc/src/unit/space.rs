//! The free space of the file system below a unit, and the soft threshold of which initiators are told (SBC-3 4.7.3.7).
//!
//! A file system that is somewhere else can take its time to answer, so it is asked by a thread of its own.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use scsi::units::Bytes;

use super::{State, Unit};
use crate::chore::Chore;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// What is known of the space.
#[derive(Debug, Default)]
pub(super) struct Space {
    asked: Option<Chore>,
    due: Option<Instant>,
    /// It was less than the threshold when it was looked at last.
    low: bool,
}

impl Unit {
    /// Looks at the free space if it is time for that.
    pub fn look_at_space(&mut self, now: Instant) {
        let threshold = self.config.threshold;
        if threshold == 0 || !self.info.thin_provisioned || !matches!(self.state, State::Open(_)) {
            return;
        }
        if let Some(chore) = &self.space.asked {
            let Some(result) = chore.poll() else { return };
            self.space.asked = None;
            self.learn_space(&result);
        }
        if self.space.due.is_some_and(|due| now < due) {
            return;
        }
        self.space.due = Some(now + EVERY);
        let Some(file) = self.backend().and_then(|backend| backend.file().cloned()) else { return };
        // Without a thread now there will be one later.
        self.space.asked = Chore::start(move || check(&file, threshold)).ok();
    }

    /// The threshold in sets of so many bytes, as mode page 1Ch/02h has it; zero where there is none.
    pub(super) fn threshold_sets(&mut self, set: Bytes) -> u32 {
        let threshold = u128::from(self.config.threshold);
        if threshold == 0 || !self.config.thin {
            return 0;
        }
        let found = self.backend().and_then(|backend| rustix::fs::fstatvfs(backend.file()?).ok());
        let all = found.map_or(0, |found| u128::from(found.f_blocks) * u128::from(found.f_frsize));
        u32::try_from(all * threshold / 100 / u128::from(set.0.max(1))).unwrap_or(u32::MAX)
    }

    fn learn_space(&mut self, result: &io::Result<()>) {
        let low = match result {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => true,
            // A file system that does not answer says nothing of its space.
            Err(_) => return,
        };
        if low && !self.space.low {
            tracing::warn!(device = self.name(), "less space is free than its threshold");
            self.change_report(|report| {
                report.generations.threshold = report.generations.threshold.wrapping_add(1);
            });
        }
        self.space.low = low;
    }
}

/// Fails with "storage full" when less than so many hundredths are free for whoever writes here.
fn check(file: &File, threshold: u8) -> io::Result<()> {
    let found = rustix::fs::fstatvfs(file)?;
    let enough = u128::from(found.f_bavail) * 100 >= u128::from(found.f_blocks) * u128::from(threshold);
    if enough { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn space_is_compared_with_the_threshold() {
        let file = tempfile::tempfile().unwrap();
        let found = rustix::fs::fstatvfs(&file).unwrap();
        let free = (u128::from(found.f_bavail) * 100 / u128::from(found.f_blocks).max(1)) as u8;
        // Others write to the same file system meanwhile.
        assert!(check(&file, free.saturating_sub(5)).is_ok());
        assert_eq!(check(&file, free + 5).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}

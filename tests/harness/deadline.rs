//! Waiting for something to become true, with a limit and a name for what did not happen.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks until `look` finds something.
///
/// # Errors
/// It found nothing within `limit`, or failed itself.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            bail!("{what} did not happen within {limit:?}");
        }
        std::thread::park_timeout(PAUSE);
    }
}

//! What a panic leaves in the recorder: the message, the place, and the calls that led to it.
//!
//! The message goes first and alone: if finding the names of the calls fails as well, it is there.

use std::backtrace::Backtrace;
use std::sync::{Mutex, Once};

use super::{PANIC, PANIC_BYTES, PANIC_LEN, Recorder};

/// Where the panics of this process go.
static RECORDER: Mutex<Option<Recorder>> = Mutex::new(None);
static HOOK: Once = Once::new();

impl Recorder {
    /// Leaves the first panic of this process, of whatever thread, in this recorder from now on, besides what was done about
    /// panics before.
    pub fn watch_panics(&self) {
        if let Ok(mut recorder) = RECORDER.lock() {
            *recorder = Some(self.clone());
        }
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                // The first one is the cause; one that comes while that is being written must not wait for it.
                let recorder = RECORDER.try_lock().ok().and_then(|mut recorder| recorder.take());
                if let Some(recorder) = recorder {
                    recorder.panicked(&info.to_string(), &Backtrace::force_capture());
                }
                before(info);
            }));
        });
    }

    /// Writes what is known of a panic, as far as there is room.
    pub(super) fn panicked(&self, message: &str, calls: &Backtrace) {
        self.text(PANIC, PANIC_BYTES, PANIC_LEN, message);
        self.text(PANIC, PANIC_BYTES, PANIC_LEN, &format!("{message}\n{}", own_calls(&calls.to_string())));
    }
}

/// The calls between the panic's own machinery and the start of the program.
fn own_calls(calls: &str) -> &str {
    let after = |text: &str, mark: &str| text.find(mark).map(|at| at + mark.len());
    let begin = after(calls, "rust_begin_unwind\n").or_else(|| after(calls, "__rustc::rust_begin_unwind\n"));
    let calls = &calls[begin.unwrap_or(0)..];
    let end = calls.find("__rust_begin_short_backtrace").and_then(|at| calls[..at].rfind('\n'));
    &calls[..end.unwrap_or(calls.len())]
}

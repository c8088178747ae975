//! ORWRITE(16) (SBC-3 5.7): every bit that is set in the data-out is set on the medium.
//!
//! The blocks are this command's own while it reads, changes and writes them ([`crate::unit::claims`]), a piece at a time. Doing it again
//! after a death changes nothing more; its outcome stands in the notebook, so that it is not done again after its end.

use scsi::command::ReadWrite;

use super::read_write::place;
use super::{io, writable};
use crate::buffers::BYTES;
use crate::execute::Step;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::Work;

/// ORWRITE.
pub fn begin(task: &Task, unit: &mut Unit, range: &ReadWrite) -> Step {
    let place =
        unit.medium().map(|_| ()).and_then(|()| unit.check_writable()).and_then(|()| place(unit, range));
    let (offset, wanted) = match place {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let (data, io, durable) = (task.data.clone(), io(unit), range.fua || unit.write_through());
    let len = writable(unit, wanted.min(data.bytes()));
    if len == 0 {
        return Step::Done(Outcome::good(0, wanted));
    }
    Step::Work(Work::new(io.clone(), async move {
        let buffer = match io.buffer().await {
            Ok(buffer) => buffer,
            Err(sense) => return Outcome::check(sense),
        };
        let mut done = 0;
        while done < len {
            let (at, piece) = (offset + done as u64, BYTES.min(len - done));
            if let Err(stop) = io.read(at, &buffer.spans, 0, piece).await {
                return Outcome::check_after(stop.sense, done);
            }
            buffer.spans.or_with(&data, done, piece);
            if let Err(stop) = io.write(at, &buffer.spans, 0, piece).await {
                return Outcome::check_after(stop.sense, done + stop.done);
            }
            done += piece;
        }
        match durable {
            true => io
                .sync()
                .await
                .map_or_else(|sense| Outcome::check_after(sense, len), |()| Outcome::good(len, wanted)),
            false => Outcome::good(len, wanted),
        }
    }))
}

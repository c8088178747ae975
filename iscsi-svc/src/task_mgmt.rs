//! Task management functions on their way to the core and back (RFC 7143 11.5, 11.6).
//!
//! The core does the work; here a request becomes a record, is kept until it is answered so that it can be sent again, and
//! the answer is translated. Functions that name a task name it by the initiator's tag, which only this side knows.

use crate::conn::ConnId;
use crate::notebook::layout::FunctionNote;
use crate::pdu::target::FunctionResponse;
use ipc::message::record::{Request, RequestKind};

/// TARGET COLD RESET.
pub const COLD_RESET: u8 = 7;
/// I_T NEXUS RESET.
pub const NEXUS_RESET: u8 = 11;

/// Functions that may be under way at a time for all sessions together.
pub const MOST: usize = 96;

/// A function that the core has not answered.
#[derive(Debug)]
struct Pending {
    request: Request,
    /// Who asked; none for our own aborts.
    asked: Option<(ConnId, u32)>,
}

/// All functions that are under way, oldest first.
#[derive(Debug, Default)]
pub struct Functions(Vec<Pending>);

impl Functions {
    /// Keeps a function; the returned request is to be sent. `None`: too many.
    pub fn begin(
        &mut self,
        mut request: Request,
        function: u8,
        ref_serial: u64,
        asked: Option<(ConnId, u32)>,
    ) -> Option<Request> {
        if self.0.len() >= MOST {
            return None;
        }
        request.kind = RequestKind::TaskManagement as u8;
        request.function = function;
        request.ref_serial = ref_serial;
        self.0.push(Pending { request, asked });
        Some(request)
    }

    /// The function with this identity is over. Returns its code and who asked, or `None` if there is no such function.
    pub fn end(&mut self, nexus: u64, serial: u64) -> Option<(u8, Option<(ConnId, u32)>)> {
        let same = |pending: &Pending| pending.request.nexus == nexus && pending.request.serial == serial;
        let at = self.0.iter().position(same)?;
        let pending = self.0.remove(at);
        Some((pending.request.function, pending.asked))
    }

    /// Takes up a function of a former incarnation. None: there are too many.
    pub fn restore(&mut self, nexus: u64, note: &FunctionNote, asked: Option<(ConnId, u32)>) -> Option<()> {
        let mut request = Request::new(RequestKind::TaskManagement, nexus, note.serial);
        (request.unit, request.lun) = (note.unit, note.lun);
        self.begin(request, u8::try_from(note.function).ok()?, note.ref_serial, asked).map(|_| ())
    }

    /// The functions of a nexus, each with the tag of who asked.
    pub fn of_nexus(&self, nexus: u64) -> impl Iterator<Item = (&Request, Option<u32>)> {
        let of_nexus = self.0.iter().filter(move |pending| pending.request.nexus == nexus);
        of_nexus.map(|pending| (&pending.request, pending.asked.map(|(_, itt)| itt)))
    }

    /// Forgets all functions of a nexus.
    pub fn forget(&mut self, nexus: u64) {
        self.0.retain(|pending| pending.request.nexus != nexus);
    }

    /// Gives up all functions that somebody waits for; they are to be told.
    pub fn give_up(&mut self) -> Vec<(ConnId, u32)> {
        self.0.drain(..).filter_map(|pending| pending.asked).collect()
    }

    /// The requests, oldest first, to be sent again.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.0.iter().map(|pending| &pending.request)
    }
}

/// What the initiator is told for a response in `scsi`'s encoding.
pub fn response(code: u8) -> FunctionResponse {
    match code {
        0 => FunctionResponse::Complete,
        1 => FunctionResponse::NoTask,
        2 => FunctionResponse::NoLun,
        5 => FunctionResponse::NotSupported,
        7 => FunctionResponse::Succeeded,
        _ => FunctionResponse::Rejected,
    }
}

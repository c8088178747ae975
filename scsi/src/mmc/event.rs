//! GET EVENT STATUS NOTIFICATION (MMC-6 6.7): the media class, asked for by polling.

use super::Disc;
use crate::command::GetEventStatus;
use crate::parameter::ParameterData;

/// NEA: no event of the classes that were asked for is there at all.
const NEA: u8 = 0x80;
/// NOTIFICATION CLASS of media, and its bit in a mask of classes.
const MEDIA: u8 = 4;
const MEDIA_MASK: u8 = 1 << MEDIA;

/// What has happened to the medium since an initiator asked last (MMC-6 table 241).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum MediaEvent {
    /// Nothing.
    #[default]
    NoChange = 0,
    /// Somebody wants the medium out, and initiators prevent it.
    EjectRequest = 1,
    /// A medium has been put in.
    NewMedia = 2,
    /// The medium has been taken out.
    MediaRemoval = 3,
}

/// Answers GET EVENT STATUS NOTIFICATION; `event` is the one to tell, if media events are asked for.
pub fn event_status(disc: Disc, event: MediaEvent, request: &GetEventStatus) -> ParameterData {
    let mut data = ParameterData::new(request.allocation_length);
    if request.classes & MEDIA_MASK == 0 {
        data.put(&[0, 2, NEA, MEDIA_MASK]);
        return data;
    }
    data.put(&[0, 6, MEDIA, MEDIA_MASK]);
    let status = u8::from(disc.present) << 1 | u8::from(disc.open);
    data.put(&[event as u8, status, 0, 0]);
    data
}

impl GetEventStatus {
    /// Whether an event of the media class would be told.
    pub fn asks_for_media(&self) -> bool {
        self.classes & MEDIA_MASK != 0
    }
}

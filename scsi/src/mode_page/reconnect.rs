//! Disconnect-Reconnect mode page, 02h (SPC-4 7.5.9).

use super::{DISK, Page};

/// All zeros: nothing here limits a transport, which has limits of its own (RFC 7143: what a login negotiates).
pub(super) const DISCONNECT_RECONNECT: Page = Page { code: 0x02, len: 16, types: DISK, ..Page::FIXED };

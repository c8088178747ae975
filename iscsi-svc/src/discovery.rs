//! SendTargets (RFC 7143 appendix C): which targets there are, and where.
//!
//! The answer is built from configuration; the only thing taken from the initiator is the value of the key. A long answer
//! leaves in several Text Responses ([`chunk`]). Next: `conn::text`, which sends it.

use crate::login::{name, text};
use std::net::SocketAddr;

/// A target as discovery shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in normal form.
    pub name: String,
    /// Its portal group tag.
    pub portal_group: u16,
    /// Its portals; an unspecified address stands for the one that the initiator has reached.
    pub portals: Vec<SocketAddr>,
}

/// Answers `SendTargets=value` for a connection that arrived at `local`. `current` is the target of a normal session.
///
/// `None` means `Reject`: `All` belongs to discovery sessions.
pub fn send_targets(
    value: &str,
    targets: &[Listed],
    current: Option<&str>,
    local: SocketAddr,
) -> Option<Vec<u8>> {
    let wanted = match (value, current) {
        ("All", None) => None,
        ("All", Some(_)) | ("", None) => return None,
        ("", Some(current)) => Some(current.to_owned()),
        // What is no name is the name of nothing: an empty answer.
        (value, _) => Some(name::normalize(value).unwrap_or_default()),
    };
    let mut out = Vec::new();
    for target in targets.iter().filter(|target| wanted.as_ref().is_none_or(|wanted| *wanted == target.name))
    {
        text::push(&mut out, "TargetName", &target.name);
        for portal in &target.portals {
            let address = if portal.ip().is_unspecified() {
                SocketAddr::new(local.ip().to_canonical(), portal.port())
            } else {
                *portal
            };
            // SocketAddr writes IPv6 in brackets, as 13.8 wants it.
            text::push(&mut out, "TargetAddress", &format!("{address},{}", target.portal_group));
        }
    }
    Some(out)
}

/// The next piece of a long answer that starts at `done`: its length, and whether it is the last one.
pub fn chunk(len: usize, done: usize, most: usize) -> (usize, bool) {
    let rest = len.saturating_sub(done);
    if rest <= most { (rest, true) } else { (most, false) }
}

#[cfg(test)]
mod tests;

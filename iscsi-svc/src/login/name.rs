//! iSCSI names (RFC 7143 4.2.7): one text for one node, whoever writes it.
//!
//! A name is normalised before it is compared or shown to anybody: RFC 3722 folds case and forbids most punctuation. What
//! an initiator calls itself is judged mildly, because names with an underscore are in daily use (virtual machines are
//! named so) and harm nobody; control characters, blanks and NUL are never let in.

/// Longest name in bytes of UTF-8 (RFC 7143 4.2.7.1).
pub const MAX_NAME: usize = 223;

/// Why something is no iSCSI name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty or longer than [`MAX_NAME`].
    #[error("an iSCSI name has 1 to 223 bytes")]
    Length,
    /// It does not begin with `iqn.`, `eui.` or `naa.`.
    #[error("an iSCSI name begins with iqn., eui. or naa.")]
    Type,
    /// A character that names do not have, or digits of the wrong number after `eui.` or `naa.`.
    #[error("an iSCSI name with a character or length that its type does not allow")]
    Form,
}

/// Returns `name` in its normal form: lower case.
///
/// # Errors
/// [`NameError`] when it cannot be a name.
pub fn normalize(name: &str) -> Result<String, NameError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(NameError::Length);
    }
    let name = name.to_lowercase();
    if name.len() > MAX_NAME {
        return Err(NameError::Length);
    }
    let (kind, rest) = name.split_at_checked(4).ok_or(NameError::Type)?;
    let hex = rest.bytes().all(|c| c.is_ascii_hexdigit());
    let form = match kind {
        "iqn." => !rest.is_empty() && rest.chars().all(allowed),
        "eui." => rest.len() == 16 && hex,
        "naa." => (rest.len() == 16 || rest.len() == 32) && hex,
        _ => return Err(NameError::Type),
    };
    if form { Ok(name) } else { Err(NameError::Form) }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-.:_".contains(c) || (!c.is_ascii() && c.is_alphanumeric())
}

#[cfg(test)]
mod tests;

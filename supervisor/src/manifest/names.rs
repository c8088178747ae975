//! The shape of the names in a manifest: iSCSI names (RFC 7143 4.2.7), names of services and devices, and the text that
//! goes into INQUIRY data. Whether a name is defined, or defined twice, is `check.rs`.

/// Checks an iSCSI name: `iqn.`, `eui.` or `naa.` (RFC 7143 4.2.7.2 to 4.2.7.5).
///
/// # Errors
/// What would have been right.
pub fn check_iscsi_name(name: &str) -> Result<(), String> {
    if name.len() > 223 {
        return Err(format!("an iSCSI name has at most 223 bytes, this one has {}", name.len()));
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("write it in lower case: \"{}\"", name.to_ascii_lowercase()));
    }
    if let Some(rest) = name.strip_prefix("iqn.") {
        return check_iqn(rest);
    }
    if let Some(rest) = name.strip_prefix("eui.") {
        return check_hex(rest, &[16], "\"eui.\" is followed by 16 hexadecimal digits");
    }
    if let Some(rest) = name.strip_prefix("naa.") {
        return check_hex(rest, &[16, 32], "\"naa.\" is followed by 16 or 32 hexadecimal digits");
    }
    Err("an iSCSI name begins with iqn., eui. or naa., such as \"iqn.2026-11.org.example:disks\"".to_owned())
}

fn check_hex(rest: &str, lengths: &[usize], hint: &str) -> Result<(), String> {
    let good = lengths.contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_hexdigit());
    if good { Ok(()) } else { Err(hint.to_owned()) }
}

/// `yyyy-mm.naming.authority[:anything]`
fn check_iqn(rest: &str) -> Result<(), String> {
    let shape = || {
        "\"iqn.\" is followed by year-month.reversed-domain, such as \"iqn.2026-11.org.example:disks\""
            .to_owned()
    };
    let (authority, own) = rest.split_once(':').unwrap_or((rest, ""));
    let (date, domain) = authority.split_once('.').ok_or_else(shape)?;
    let (year, month) = date.split_once('-').ok_or_else(shape)?;
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return Err(shape());
    }
    if !matches!(month.parse(), Ok(1..=12)) {
        return Err(format!("the month is 01 to 12, not {month}"));
    }
    if domain.is_empty() || domain.split('.').any(str::is_empty) {
        return Err(shape());
    }
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    match domain.chars().chain(own.chars()).find(|c| !good(*c)) {
        None => Ok(()),
        Some(wrong) => {
            Err(format!("use lower-case letters, digits, '-', '.' and ':'; {wrong:?} is none of them"))
        }
    }
}

/// Checks the name of a service or a device: it becomes a file name and a line of `status`.
///
/// # Errors
/// What would have been right.
pub fn check_plain_name(name: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && name.len() <= 32 && name.bytes().all(good) {
        return Ok(());
    }
    Err("use 1 to 32 letters, digits, '-', '_' or '.', beginning with a letter or digit".to_owned())
}

/// Checks text that goes into INQUIRY data: printable ASCII (SPC-4 4.4.1), at most `longest` bytes.
///
/// # Errors
/// What would have been right.
pub fn check_inquiry_text(text: &str, longest: usize) -> Result<(), String> {
    if (1..=longest).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Ok(());
    }
    Err(format!("use 1 to {longest} printable ASCII characters"))
}

/// Checks a target alias: shown to people, sent in a login key (RFC 7143 13.6), so no control character.
///
/// # Errors
/// What would have been right.
pub fn check_alias(text: &str) -> Result<(), String> {
    if (1..=255).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err("use 1 to 255 bytes without control characters".to_owned())
}

/// Checks an NAA identifier (SPC-4 7.8.6.6): its first digit says how long it is.
///
/// # Errors
/// What would have been right.
pub fn check_naa(text: &str) -> Result<(), String> {
    let long = match text.as_bytes().first() {
        Some(b'2' | b'3' | b'5') => 16,
        Some(b'6') => 32,
        _ => {
            return Err("begin with 2, 3 or 5 and use 16 hexadecimal digits, or with 6 and use 32".to_owned());
        }
    };
    check_hex(text, &[long], &format!("it needs {long} hexadecimal digits, without 0x"))
}

/// Checks an EUI-64 based identifier (SPC-4 7.8.6.5).
///
/// # Errors
/// What would have been right.
pub fn check_eui64(text: &str) -> Result<(), String> {
    check_hex(text, &[16, 24, 32], "use 16, 24 or 32 hexadecimal digits, without 0x")
}

/// Checks the name of an initiator as an access group has it: lower case, where `*` and `?` stand for other characters.
///
/// # Errors
/// What would have been right.
pub fn check_initiator_pattern(text: &str) -> Result<(), String> {
    if !(1..=223).contains(&text.len()) {
        return Err("use 1 to 223 bytes, such as \"iqn.1994-05.org.example:host1\"".to_owned());
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!(
            "names of initiators are compared in lower case: \"{}\"",
            text.to_ascii_lowercase()
        ));
    }
    if text.contains(['*', '?']) {
        return match text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            true => Err("leave spaces out".to_owned()),
            false => Ok(()),
        };
    }
    check_iscsi_name(text).map_err(|hint| format!("{hint}; or use * for any characters"))
}

/// Checks a URL that initiators are told (SPC-4 7.8.9): printable ASCII without spaces.
///
/// # Errors
/// What would have been right.
pub fn check_url(text: &str) -> Result<(), String> {
    let good = text.bytes().all(|b| b.is_ascii_graphic()) && text.contains(':');
    if good && text.len() <= 255 {
        Ok(())
    } else {
        Err("write a URL such as \"https://192.0.2.1/\"".to_owned())
    }
}

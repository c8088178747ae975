//! Sizes and durations as a person writes them: `"64MiB"`, `"30s"`. No floats, no locale; what does not fit is refused.

use std::time::Duration;

/// Bytes from `"64MiB"`, `"1 GiB"`, `"512"`. Decimal units (`MB`) are refused: with a disk the difference matters.
///
/// # Errors
/// What would have been right.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        "PiB" | "P" => 1 << 50,
        _ => return Err("write a whole number with KiB, MiB, GiB or TiB, such as \"64MiB\"".to_owned()),
    };
    match number.checked_mul(factor).filter(|size| i64::try_from(*size).is_ok()) {
        Some(size) => Ok(size),
        None => Err("the largest size is 8191PiB".to_owned()),
    }
}

/// A duration from `"30s"`, `"500ms"`, `"2min"`, `"50us"`.
///
/// # Errors
/// What would have been right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let micros: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "min" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return Err("write a whole number with us, ms, s, min or h, such as \"30s\"".to_owned()),
    };
    match number.checked_mul(micros).map(Duration::from_micros) {
        Some(duration) if duration <= Duration::from_secs(30 * 24 * 3600) => Ok(duration),
        _ => Err("the longest duration is 720h".to_owned()),
    }
}

/// A size with the largest unit that shows it exactly.
pub fn show_size(size: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if size >= 1 << shift && size.is_multiple_of(1 << shift) {
            return format!("{}{unit}", size >> shift);
        }
    }
    format!("{size} bytes")
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number =
        number.parse().map_err(|_| "begin with a whole number, such as \"64MiB\" or \"30s\"".to_owned())?;
    Ok((number, unit.trim()))
}

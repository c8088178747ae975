//! The keys of a `[[device]]` that say what its medium is like and how it is used.

use super::super::Traits;
use super::super::read::Table;
use super::super::report::{At, Report};

/// The least `sanitize_rate`.
const SLOWEST: u64 = 1 << 20;

/// Reads them.
pub fn read(table: &mut Table<'_>, block_size: u32, write_through: bool, report: &mut Report) -> Traits {
    let rotational = table.boolean("rotational", report);
    let rate = rotation_rate(table, report);
    if let (Some(rate), Some(At { value: false, .. })) = (&rate, &rotational) {
        report.error(
            &rate.span,
            "a medium that does not rotate has no rotation_rate",
            "remove one of the two",
        );
    }
    let nv_cache = table.boolean("nv_cache", report).filter(|flag| flag.value);
    if let (Some(nv_cache), true) = (&nv_cache, write_through) {
        let hint = "keep nv_cache if the cache outlives a loss of power, else write_through";
        report.error(&nv_cache.span, "nv_cache and write_through contradict one another", hint);
    }
    Traits {
        rotational: rotational.map(|flag| flag.value).or(rate.as_ref().map(|_| true)),
        rotation_rate: rate.map_or(0, |rate| rate.value),
        nv_cache: nv_cache.is_some(),
        pretend: table.boolean("pretend", report).is_some_and(|flag| flag.value),
        // The field of READ CAPACITY(16) has 14 bits.
        lowest_aligned: number(table, "lowest_aligned_lba", 16_383, report),
        opt_transfer: blocks(table, "opt_transfer", block_size, u32::MAX, report),
        // The field of the Block Limits VPD page has 16 bits.
        opt_granularity: blocks(table, "opt_granularity", block_size, u32::from(u16::MAX), report),
        threshold: number(table, "threshold", 99, report) as u8,
        sanitize_rate: sanitize_rate(table, report),
        cacheless: false,
        on_block_device: false,
    }
}

fn number(table: &mut Table<'_>, key: &'static str, most: u64, report: &mut Report) -> u16 {
    table.number(key, 0..=most, report).and_then(|number| u16::try_from(number.value).ok()).unwrap_or(0)
}

/// Rotations a minute, as the Block Device Characteristics VPD page can say them (SBC-3 6.5.2).
fn rotation_rate(table: &mut Table<'_>, report: &mut Report) -> Option<At<u16>> {
    let rate = table.number("rotation_rate", 1025..=65_534, report)?;
    Some(At::new(u16::try_from(rate.value).ok()?, rate.span))
}

/// Bytes in a second. A rate that leaves a SANITIZE without a visible end is a mistake.
fn sanitize_rate(table: &mut Table<'_>, report: &mut Report) -> u64 {
    let Some(rate) = table.size("sanitize_rate", report) else { return 0 };
    if rate.value < SLOWEST {
        let hint = "write how many bytes in a second, \"1MiB\" or more, or leave it out";
        report.error(&rate.span, format!("sanitize_rate cannot be {}", rate.value), hint);
    }
    rate.value
}

/// A size of whole blocks, and not more of them than the field of a VPD page holds.
fn blocks(table: &mut Table<'_>, key: &'static str, block: u32, most: u32, report: &mut Report) -> u32 {
    let Some(size) = table.size(key, report) else { return 0 };
    let (block, most) = (u64::from(block), u64::from(most));
    let largest = most.saturating_mul(block).min(u64::from(u32::MAX) / block * block);
    if size.value.is_multiple_of(block) && size.value <= largest {
        return size.value as u32;
    }
    let hint = format!("write a multiple of {block}, at most {largest}");
    report.error(&size.span, format!("{key} cannot be {}", size.value), hint);
    0
}

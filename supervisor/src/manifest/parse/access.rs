//! LUN maps, and the access groups of a target that have one of their own.

use toml::de::DeValue;

use super::super::LunEntry;
use super::super::access::AccessGroup;
use super::super::names::{check_initiator_pattern, check_plain_name};
use super::super::read::{Table, number_of, wrong_type};
use super::super::report::{At, Report};

/// Reads `luns`; `None` when it is not there.
pub fn luns(table: &mut Table<'_>, report: &mut Report) -> Option<Vec<LunEntry>> {
    let elements = table.array("luns", report)?;
    let entries = elements.into_iter().filter_map(|element| match element.get_ref() {
        DeValue::Table(entry) => lun_entry(Table::new("an entry of luns", element.span(), entry), report),
        other => {
            wrong_type(report, element, "luns", "tables, such as { lun = 0, device = \"disk0\" }", other)
        }
    });
    Some(entries.collect())
}

fn lun_entry(mut table: Table<'_>, report: &mut Report) -> Option<LunEntry> {
    // 16383 is the last number of the flat space addressing method (SAM-5 4.7.7.3).
    let lun = table.get("lun").and_then(|found| number_of("lun", found, 0..=16383, report));
    let lun = table.require(lun, "lun", "lun = 0", report);
    let device = table.string("device", report);
    let device = table.require(device, "device", "device = \"disk0\"", report);
    let read_only = table.boolean("read_only", report).is_some_and(|flag| flag.value);
    table.finish(report);
    let (lun, device) = (lun?, device?);
    Some(LunEntry { lun: At::new(lun.value as u16, lun.span), device, read_only })
}

/// Reads one `[[target.access_group]]`.
pub fn access_group(mut table: Table<'_>, report: &mut Report) -> Option<AccessGroup> {
    let name = table.checked_string("name", report, check_plain_name);
    let name = table.require(name, "name", "name = \"readers\"", report);
    let example = "initiators = [\"iqn.1994-05.org.example:host1\", \"iqn.1994-05.org.example:*\"]";
    let initiators = table.strings("initiators", report);
    let initiators = table.require(initiators, "initiators", example, report).unwrap_or_default();
    for pattern in &initiators {
        if let Err(hint) = check_initiator_pattern(&pattern.value) {
            report.error(&pattern.span, format!("initiator {:?} cannot be used", pattern.value), hint);
        }
    }
    let luns = luns(&mut table, report);
    let luns = table.require(luns, "luns", "luns = [{ lun = 0, device = \"disk0\" }]", report);
    table.finish(report);
    Some(AccessGroup { name: name?, initiators, luns: luns.unwrap_or_default() })
}

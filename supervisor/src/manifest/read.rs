//! Reads typed values out of parsed TOML, and keeps going after a mistake: each getter reports what is wrong to the
//! [`Report`] and answers `None`. Keys that nobody asked for are reported by [`Table::finish`], so the list of known
//! keys is the list of keys that are read.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{At, Report, Span, nearest};
use super::units;

/// One table of the manifest while it is being read.
pub struct Table<'a> {
    name: String,
    span: Span,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

type Found<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Table<'a> {
    /// Begins to read `table`; `name` is how a message calls it, such as `[[device]]`.
    pub fn new(name: impl Into<String>, span: Span, table: &'a DeTable<'a>) -> Self {
        Self { name: name.into(), span, table, known: Vec::new() }
    }

    /// Where the table begins.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The value of `key`, of any type; the key counts as known from now on.
    pub fn get(&mut self, key: &'static str) -> Option<Found<'a>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Reports a required key that is missing.
    pub fn require<T>(&self, value: Option<T>, key: &str, example: &str, report: &mut Report) -> Option<T> {
        if value.is_none() && !self.table.contains_key(key) {
            report.error(&self.span, format!("{} has no {key}", self.name), format!("add {example}"));
        }
        value
    }

    /// A string.
    pub fn string(&mut self, key: &'static str, report: &mut Report) -> Option<At<String>> {
        let found = self.get(key)?;
        match found.get_ref() {
            DeValue::String(text) => Some(At::new(text.clone().into_owned(), found.span())),
            other => wrong_type(report, found, key, "a string, such as \"disk0\"", other),
        }
    }

    /// A string that must pass `check`, which answers what would be right.
    pub fn checked_string(
        &mut self,
        key: &'static str,
        report: &mut Report,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<At<String>> {
        let text = self.string(key, report)?;
        match check(&text.value) {
            Ok(()) => Some(text),
            Err(hint) => {
                report.error(&text.span, format!("{key} {:?} cannot be used", text.value), hint);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, report: &mut Report) -> Option<At<bool>> {
        let found = self.get(key)?;
        match found.get_ref() {
            DeValue::Boolean(value) => Some(At::new(*value, found.span())),
            other => wrong_type(report, found, key, "true or false", other),
        }
    }

    /// A whole number in `range`.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        report: &mut Report,
    ) -> Option<At<u64>> {
        let found = self.get(key)?;
        number_of(key, found, range, report)
    }

    /// Bytes: a whole number, or a string with a unit.
    pub fn size(&mut self, key: &'static str, report: &mut Report) -> Option<At<u64>> {
        let found = self.get(key)?;
        match found.get_ref() {
            DeValue::Integer(_) => number_of(key, found, 0..=i64::MAX as u64, report),
            DeValue::String(text) => converted(key, found.span(), text, units::parse_size(text), report),
            other => wrong_type(report, found, key, "a size, such as \"64MiB\"", other),
        }
    }

    /// A duration: a string with a unit.
    pub fn duration(&mut self, key: &'static str, report: &mut Report) -> Option<At<Duration>> {
        let found = self.get(key)?;
        match found.get_ref() {
            DeValue::String(text) => converted(key, found.span(), text, units::parse_duration(text), report),
            other => wrong_type(report, found, key, "a duration, such as \"30s\"", other),
        }
    }

    /// The elements of an array.
    pub fn array(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<Found<'a>>> {
        let found = self.get(key)?;
        match found.get_ref() {
            DeValue::Array(elements) => Some(elements.iter().collect()),
            other => wrong_type(report, found, key, "an array, such as [ ... ]", other),
        }
    }

    /// The elements of an array of strings.
    pub fn strings(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<At<String>>> {
        let read = |element: Found<'a>, report: &mut Report| match element.get_ref() {
            DeValue::String(text) => Some(At::new(text.clone().into_owned(), element.span())),
            other => wrong_type(report, element, key, "strings, such as [\"disk0\"]", other),
        };
        let elements = self.array(key, report)?;
        Some(elements.into_iter().filter_map(|element| read(element, report)).collect())
    }

    /// The elements of an array of whole numbers in `range`.
    pub fn numbers(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        report: &mut Report,
    ) -> Option<Vec<At<u64>>> {
        let elements = self.array(key, report)?;
        let read = |element| number_of(key, element, range.clone(), report);
        Some(elements.into_iter().filter_map(read).collect())
    }

    /// A table below this one, such as `[device.file]`.
    pub fn table(&mut self, key: &'static str, report: &mut Report) -> Option<Table<'a>> {
        let found = self.get(key)?;
        let name = format!("[{}.{key}]", self.name.trim_matches(['[', ']']));
        match found.get_ref() {
            DeValue::Table(table) => Some(Table::new(name, found.span(), table)),
            other => wrong_type(report, found, key, "a table", other),
        }
    }

    /// The tables of an array of tables, such as every `[[device]]`.
    pub fn tables(&mut self, key: &'static str, report: &mut Report) -> Vec<Table<'a>> {
        let Some(found) = self.get(key) else { return Vec::new() };
        let path = match self.name.strip_prefix("[[") {
            Some(name) => format!("{}.", name.trim_end_matches(']')),
            None => String::new(),
        };
        let DeValue::Array(elements) = found.get_ref() else {
            report.error(
                &found.span(),
                format!("{key} can stand in a manifest more than once"),
                format!("write [[{path}{key}]]"),
            );
            return Vec::new();
        };
        let read = |element: Found<'a>, report: &mut Report| match element.get_ref() {
            DeValue::Table(table) => Some(Table::new(format!("[[{path}{key}]]"), element.span(), table)),
            other => wrong_type(report, element, key, "a table", other),
        };
        elements.iter().filter_map(|element| read(element, report)).collect()
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, report: &mut Report) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let hint = nearest(name, self.known.iter().copied());
                report.error(&key.span(), format!("{} has no key {name:?}", self.name), hint);
            }
        }
    }
}

/// A whole number in `range`, from an element that is not directly in a table.
pub fn number_of(
    key: &str,
    found: Found<'_>,
    range: std::ops::RangeInclusive<u64>,
    report: &mut Report,
) -> Option<At<u64>> {
    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
    let DeValue::Integer(integer) = found.get_ref() else {
        return wrong_type(report, found, key, &wanted, found.get_ref());
    };
    match u64::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(number) if range.contains(&number) => Some(At::new(number, found.span())),
        _ => {
            report.error(&found.span(), format!("{key} cannot be {integer}"), format!("write {wanted}"));
            None
        }
    }
}

fn converted<T>(
    key: &str,
    span: Span,
    text: &str,
    value: Result<T, String>,
    report: &mut Report,
) -> Option<At<T>> {
    match value {
        Ok(value) => Some(At::new(value, span)),
        Err(hint) => {
            report.error(&span, format!("{key} cannot be {text:?}"), hint);
            None
        }
    }
}

/// Reports a value of the wrong type; always `None`.
pub fn wrong_type<T>(
    report: &mut Report,
    found: Found<'_>,
    key: &str,
    wanted: &str,
    got: &DeValue<'_>,
) -> Option<T> {
    let got = match got {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    report.error(&found.span(), format!("{key} is {got}"), format!("write {wanted}"));
    None
}

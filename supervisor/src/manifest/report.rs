//! What is wrong with a manifest, said so that a person can mend it: file, line, column, what is wrong, what would
//! be right. Every check adds to one [`Report`], so one run shows all mistakes and not only the first.
//!
//! Trusts nothing about the text: spans are clamped to it. The checks themselves are in `parse.rs` and `check.rs`.

use std::fmt;
use std::ops::Range;

/// A place in the manifest's text, in bytes.
pub type Span = Range<usize>;

/// A value together with the place where the manifest says it, so that a later check can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// What was written there.
    pub value: T,
    /// Where it was written; empty when it is a default.
    pub span: Span,
}

impl<T> At<T> {
    /// A value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that the manifest leaves out and that has a default.
    pub fn implied(value: T) -> Self {
        Self { value, span: 0..0 }
    }
}

/// Whether a problem stops the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the start.
    pub severity: Severity,
    /// Where in the text.
    pub span: Span,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

/// Everything that is wrong with one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    file: String,
    text: String,
    problems: Vec<Problem>,
}

impl Report {
    /// A report without a problem for a manifest named `file` with the contents `text`.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), problems: Vec::new() }
    }

    /// Adds an error.
    pub fn error(&mut self, span: &Span, what: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, span, what.into(), hint.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, span: &Span, what: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, span, what.into(), hint.into());
    }

    fn add(&mut self, severity: Severity, span: &Span, what: String, hint: String) {
        self.problems.push(Problem { severity, span: span.clone(), what, hint });
    }

    /// True when something stops the start.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// The problems in the order of the text.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.problems.iter().collect();
        sorted.sort_by_key(|p| (p.span.start, p.severity));
        sorted
    }

    /// Line and column, both counted from one; the column in characters.
    fn position(&self, span: &Span) -> (usize, usize) {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems().into_iter().enumerate() {
            let (line, column) = self.position(&problem.span);
            let gap = if index == 0 { "" } else { "\n" };
            let severity = if problem.severity == Severity::Warning { "warning: " } else { "" };
            write!(f, "{gap}{}:{line}:{column}: {severity}{}", self.file, problem.what)?;
            if !problem.hint.is_empty() {
                write!(f, "; {}", problem.hint)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// "did you mean ...?" when one of the names is near, else the list of what there is.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let best = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min();
    match best {
        Some((_, name)) => format!("did you mean \"{name}\"?"),
        None if names.is_empty() => "none is defined".to_owned(),
        None => format!("there is {}", listed(&names)),
    }
}

/// `a`, `a or b`, `a, b or c`; quoted.
pub fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().take(20).map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

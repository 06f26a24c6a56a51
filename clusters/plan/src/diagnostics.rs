//! Where something is wrong, and the collection of everything that is.

use std::error::Error;
use std::fmt;

use crate::error::ErrorKind;
use crate::shown::shown;

/// A place in a plan: `file:line:column`, both counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named to [`crate::Plan::load`].
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column } = self;
        write!(formatter, "{}:{line}:{column}", shown(file))
    }
}

/// One thing that is wrong with a plan, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Where the second of the two parties, or the only one, stands.
    pub place: Place,
    /// What is wrong.
    pub kind: ErrorKind,
}

impl fmt::Display for PlanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.kind)
    }
}

impl Error for PlanError {}

/// Everything that is wrong with a plan, in file order; never empty. Displays as one line for each error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanErrors(Vec<PlanError>);

impl PlanErrors {
    /// The errors.
    pub fn errors(&self) -> &[PlanError] {
        &self.0
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
        }
        Ok(())
    }
}

impl Error for PlanErrors {}

/// Errors that are told of one plan at most.
const MOST_ERRORS: usize = 1000;

/// Collects errors by byte offset while a plan is read and checked.
pub(crate) struct Diagnostics<'t> {
    label: &'t str,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    found: Vec<(usize, ErrorKind)>,
}

impl<'t> Diagnostics<'t> {
    pub(crate) fn new(label: &'t str, text: &'t str) -> Self {
        Diagnostics {
            label,
            text,
            lines: line_starts(text),
            found: Vec::new(),
        }
    }

    /// Notes an error at a byte offset.
    pub(crate) fn report(&mut self, at: usize, kind: ErrorKind) {
        self.found.push((at, kind));
    }

    /// The place of a byte offset.
    pub(crate) fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines[line - 1];
        let before = self.text.get(start..at).unwrap_or(&self.text[start..]);
        Place {
            file: self.label.to_owned(),
            line,
            column: before.chars().count() + 1,
        }
    }

    /// Whether nothing has been reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The first errors that were reported, in file order: with more of them a plan is no plan.
    pub(crate) fn take(&mut self) -> PlanErrors {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(at, _)| *at);
        found.truncate(MOST_ERRORS);
        let located = found.into_iter().map(|(at, kind)| PlanError {
            place: self.place(at),
            kind,
        });
        PlanErrors(located.collect())
    }
}

/// Where each line of a text begins; the first one at 0.
fn line_starts(text: &str) -> Vec<usize> {
    let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(newlines).collect()
}

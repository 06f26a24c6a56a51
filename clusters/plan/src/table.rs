//! Typed access to the tables of a TOML text; whatever is not as it must be is reported with its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::size;
use crate::suggest;

/// A value and the byte offset at which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: usize,
}

impl<T> Located<T> {
    pub(crate) fn new(value: T, at: usize) -> Self {
        Located { value, at }
    }
}

type Value<'t> = &'t Spanned<DeValue<'t>>;

/// A table with what it is called in messages.
pub(crate) struct Table<'t> {
    entries: &'t DeTable<'t>,
    pub(crate) at: usize,
    pub(crate) title: String,
}

impl<'t> Table<'t> {
    pub(crate) fn new(entries: &'t DeTable<'t>, at: usize, title: impl Into<String>) -> Self {
        Table {
            entries,
            at,
            title: title.into(),
        }
    }

    /// Reports every key that is not known.
    pub(crate) fn only(&self, known: &[&str], diagnostics: &mut Diagnostics<'_>) {
        for key in self.entries.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                diagnostics.report(
                    key.span().start,
                    ErrorKind::UnknownKey {
                        key: name.to_owned(),
                        table: self.title.clone(),
                        hint: suggest::hint(name, known.iter().copied()),
                    },
                );
            }
        }
    }

    /// Reports each of some keys that is there, because a table of this kind does not have them: `which` says why.
    pub(crate) fn not_of_kind(
        &self,
        keys: &[&str],
        kind: &'static str,
        which: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        let entries = self.entries.keys();
        for key in entries.filter(|key| keys.contains(&key.get_ref().as_ref())) {
            diagnostics.report(
                key.span().start,
                ErrorKind::KeyOfOtherKind {
                    key: key.get_ref().to_string(),
                    table: self.title.clone(),
                    kind,
                    which,
                },
            );
        }
    }

    /// The keys and values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Located<&'t str>, Value<'t>)> {
        self.entries.iter().map(|(key, value)| {
            (
                Located::new(key.get_ref().as_ref(), key.span().start),
                value,
            )
        })
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional(&self, key: &str) -> Option<Value<'t>> {
        self.entries.get(key)
    }

    /// The value of a key; its absence is reported.
    pub(crate) fn required(
        &self,
        key: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Value<'t>> {
        let value = self.optional(key);
        if value.is_none() {
            diagnostics.report(
                self.at,
                ErrorKind::MissingKey {
                    key: key.to_owned(),
                    table: self.title.clone(),
                },
            );
        }
        value
    }

    /// The tables of an array of tables; none where it is absent.
    pub(crate) fn tables(
        &self,
        key: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Vec<(&'t DeTable<'t>, usize)> {
        let Some(value) = self.optional(key) else {
            return Vec::new();
        };
        let DeValue::Array(elements) = value.get_ref() else {
            let expected = format!("an array of tables, each headed [[{key}]]");
            wrong_type(key, &expected, value, diagnostics);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in elements.iter() {
            match element.get_ref() {
                DeValue::Table(entries) => tables.push((entries, element.span().start)),
                _ => wrong_type(key, "an array of tables only", element, diagnostics),
            }
        }
        tables
    }
}

/// Reports a value of the wrong type.
pub(crate) fn wrong_type(
    key: &str,
    expected: &str,
    value: Value<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    diagnostics.report(
        value.span().start,
        ErrorKind::WrongType {
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        },
    );
}

/// A text value.
pub(crate) fn text<'t>(
    key: &str,
    value: Value<'t>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<&'t str>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Located::new(text.as_ref(), value.span().start)),
        _ => {
            wrong_type(key, "text", value, diagnostics);
            None
        }
    }
}

/// A boolean value.
pub(crate) fn boolean(
    key: &str,
    value: Value<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(value) => Some(*value),
        _ => {
            wrong_type(key, "true or false", value, diagnostics);
            None
        }
    }
}

/// An integer value within a range, both ends included. `what` names it in a message.
pub(crate) fn integer(
    key: &str,
    what: &str,
    (low, high): (u32, u32),
    value: Value<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<u32>> {
    let DeValue::Integer(integer) = value.get_ref() else {
        wrong_type(key, "an integer", value, diagnostics);
        return None;
    };
    let number = u32::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|number| (low..=high).contains(number));
    let at = value.span().start;
    if number.is_none() {
        diagnostics.report(
            at,
            ErrorKind::OutOfRange {
                what: what.to_owned(),
                value: integer.to_string(),
                low: low.to_string(),
                high: high.to_string(),
            },
        );
    }
    number.map(|number| Located::new(number, at))
}

/// A size of memory, in bytes.
pub(crate) fn bytes(
    key: &str,
    value: Value<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<u64>> {
    let DeValue::String(text) = value.get_ref() else {
        wrong_type(key, "text such as \"128 MiB\"", value, diagnostics);
        return None;
    };
    let at = value.span().start;
    let bytes = size::parse(text);
    if bytes.is_none() {
        diagnostics.report(
            at,
            ErrorKind::BadSize {
                key: key.to_owned(),
                value: text.to_string(),
            },
        );
    }
    bytes.map(|bytes| Located::new(bytes, at))
}

/// One of the words of a list, by the value beside it.
pub(crate) fn choice<T: Copy>(
    key: &str,
    choices: &[(&str, T)],
    value: Value<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<T> {
    let word = text(key, value, diagnostics)?;
    let chosen = choices.iter().find(|(name, _)| *name == word.value);
    if chosen.is_none() {
        diagnostics.report(
            word.at,
            ErrorKind::UnknownChoice {
                key: key.to_owned(),
                value: word.value.to_owned(),
                hint: suggest::hint(word.value, choices.iter().map(|(name, _)| *name)),
            },
        );
    }
    chosen.map(|(_, value)| *value)
}

/// The elements of an array, with its own place.
pub(crate) fn array<'t>(
    key: &str,
    expected: &str,
    value: Value<'t>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<&'t [Spanned<DeValue<'t>>]>> {
    match value.get_ref() {
        DeValue::Array(elements) => Some(Located::new(elements, value.span().start)),
        _ => {
            wrong_type(key, expected, value, diagnostics);
            None
        }
    }
}

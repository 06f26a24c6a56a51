//! Samples in Prometheus's text format, version 0.0.4.

use alloc::string::String;
use core::fmt::Write as _;

use crate::escape;

/// A label and its value.
pub(super) type Label<'l> = (&'static str, &'l str);

/// What a metric is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It grows.
    Counter,
    /// It is what it is.
    Gauge,
}

/// Writes the samples of one metric, and before the first one what the metric is.
pub(super) struct Metric<'o> {
    out: &'o mut String,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    is_begun: bool,
}

impl Metric<'_> {
    /// Writes a sample.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: impl Into<u64>) {
        self.write(labels, value.into());
    }

    fn write(&mut self, labels: &[Label<'_>], value: u64) {
        let (name, out) = (self.name, &mut *self.out);
        if !self.is_begun {
            self.is_begun = true;
            let kind = match self.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            // Nothing fails that writes to a string.
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", self.help);
        }
        out.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            out.push(if place == 0 { '{' } else { ',' });
            let _ = write!(out, "{label}=\"");
            escape::label(out, text);
            out.push('"');
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }
}

/// Begins a metric. Nothing is written before its first sample.
pub(super) fn metric<'o>(
    out: &'o mut String,
    name: &'static str,
    kind: Kind,
    help: &'static str,
) -> Metric<'o> {
    Metric {
        out,
        name,
        kind,
        help,
        is_begun: false,
    }
}

/// A metric with at most one sample, which has no labels.
pub(super) fn single(
    out: &mut String,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: Option<u64>,
) {
    if let Some(value) = value {
        metric(out, name, kind, help).sample(&[], value);
    }
}

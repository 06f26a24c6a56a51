//! Reads how often a component is started again, and how long a start may take.

use atoll_abi::plan::Restart;
use toml::de::DeValue;

use crate::diagnostics::Diagnostics;
use crate::table::{Table, integer, wrong_type};

/// How long a start may take where `restart` does not say it. It is the last resort against a component that hangs, so it is long:
/// a start takes milliseconds on a machine, and seconds where that is emulated on a busy host.
const START_WITHIN_MS: u32 = 60_000;

/// What drivers, services and servers have where the plan says nothing: three times in a minute.
pub(super) const SYSTEM: Restart = Restart {
    times: 3,
    within_ms: 60_000,
    start_within_ms: START_WITHIN_MS,
    padding: 0,
};
/// What processes have: they are not started again, and their start may take any time.
pub(super) const NEVER: Restart = Restart {
    times: 0,
    within_ms: 1,
    start_within_ms: 0,
    padding: 0,
};

/// Most restarts that a plan may allow.
const MAX_TIMES: u32 = 16;
/// Longest time in which they are counted, and that a start may take: an hour.
const MAX_MILLISECONDS: u32 = 3_600_000;

/// Reads the key `restart` of a table.
pub(super) fn restart(
    table: &Table<'_>,
    default: Restart,
    diagnostics: &mut Diagnostics<'_>,
) -> Restart {
    let Some(value) = table.optional("restart") else {
        return default;
    };
    let DeValue::Table(entries) = value.get_ref() else {
        let expected = "a table, { times = 3, within-ms = 60000 }";
        wrong_type("restart", expected, value, diagnostics);
        return default;
    };
    let title = format!("`restart` of {}", table.title);
    let table = Table::new(entries, value.span().start, title);
    table.only(&["times", "within-ms", "start-within-ms"], diagnostics);
    for key in ["times", "within-ms"] {
        table.required(key, diagnostics);
    }
    let mut number = |key: &str, range, default| {
        let what = format!("`{key}` of {}", table.title);
        let value = table.optional(key);
        let read = value.and_then(|value| integer(key, &what, range, value, diagnostics));
        read.map_or(default, |number| number.value)
    };
    let milliseconds = (1, MAX_MILLISECONDS);
    Restart {
        times: number("times", (0, MAX_TIMES), default.times),
        within_ms: number("within-ms", milliseconds, default.within_ms),
        start_within_ms: number("start-within-ms", milliseconds, START_WITHIN_MS),
        padding: 0,
    }
}

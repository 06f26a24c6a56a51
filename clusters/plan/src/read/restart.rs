//! Reads how often a component is started again.

use atoll_abi::plan::Restart;
use toml::de::DeValue;

use crate::diagnostics::Diagnostics;
use crate::table::{Table, integer, wrong_type};

/// What drivers, services and servers have where the plan says nothing: three times in a minute.
pub(super) const SYSTEM: Restart = Restart {
    times: 3,
    within_ms: 60_000,
};
/// What processes have: they are not started again.
pub(super) const NEVER: Restart = Restart {
    times: 0,
    within_ms: 1,
};

/// Most restarts that a plan may allow.
const MAX_TIMES: u32 = 16;
/// Longest time in which they are counted: an hour.
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
    table.only(&["times", "within-ms"], diagnostics);
    let mut number = |key: &str, range, default| {
        let value = table.required(key, diagnostics)?;
        let what = format!("`{key}` of {}", table.title);
        let read = integer(key, &what, range, value, diagnostics);
        Some(read.map_or(default, |number| number.value))
    };
    let times = number("times", (0, MAX_TIMES), default.times);
    let within_ms = number("within-ms", (1, MAX_MILLISECONDS), default.within_ms);
    Restart {
        times: times.unwrap_or(default.times),
        within_ms: within_ms.unwrap_or(default.within_ms),
    }
}

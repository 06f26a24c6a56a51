//! Why a command did nothing.

use core::fmt;

use crate::store::{Full, WrongKind};

/// Why a command did nothing. Its text is that of Redis, where Redis has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The words of the command make no sense.
    Syntax,
    /// A command of another number of words.
    WrongNumber(&'static str),
    /// A subcommand of another number of words: of this command, and its name.
    WrongNumberOf(&'static str, &'static str),
    /// A key that holds another kind of value.
    WrongKind,
    /// A number was expected, and is none, or the result is none.
    NoInteger,
    /// A number with a fraction was expected, and is none.
    NoFloat,
    /// A number that is not negative was expected.
    NotPositive,
    /// A result beyond the numbers that there are.
    Overflow,
    /// A result that is no number.
    Infinite,
    /// A time that there cannot be; of this command.
    Expiry(&'static str),
    /// There is no room.
    Full,
    /// A string beyond the longest one.
    TooLong,
    /// An answer beyond the longest one.
    LongAnswer,
    /// A transaction for which there is no room.
    LongTransaction,
    /// A pattern beyond the longest one.
    LongPattern,
    /// A time by the calendar, which the machine does not know.
    NoCalendar,
    /// A key that is not there.
    NoKey,
    /// A command of a journal that changes nothing.
    NotWriting,
    /// Something of one command alone, in its words.
    Says(&'static str),
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Refusal {
        Refusal::Full
    }
}

impl From<WrongKind> for Refusal {
    fn from(_: WrongKind) -> Refusal {
        Refusal::WrongKind
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Refusal::WrongNumber(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Refusal::WrongNumberOf(command, name) => {
                return write!(
                    f,
                    "ERR wrong number of arguments for '{command}|{name}' command"
                );
            }
            Refusal::Expiry(command) => {
                return write!(f, "ERR invalid expire time in '{command}' command");
            }
            Refusal::Says(text) => return write!(f, "ERR {text}"),
            Refusal::Syntax => "ERR syntax error",
            Refusal::WrongKind => {
                "WRONGTYPE Operation against a key holding the wrong kind of value"
            }
            Refusal::NoInteger => "ERR value is not an integer or out of range",
            Refusal::NoFloat => "ERR value is not a valid float",
            Refusal::NotPositive => "ERR value is out of range, must be positive",
            Refusal::Overflow => "ERR increment or decrement would overflow",
            Refusal::Infinite => "ERR increment would produce NaN or Infinity",
            Refusal::Full => "OOM command not allowed when used memory > 'maxmemory'.",
            Refusal::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Refusal::LongAnswer => "ERR the values are too long for one answer; ask for fewer",
            Refusal::LongTransaction => {
                "ERR too many requests are under way, or too long ones, for one more to be queued"
            }
            Refusal::LongPattern => "ERR the pattern is too long",
            Refusal::NoCalendar => {
                "ERR this machine has no calendar; use EX or PX, with a time from now"
            }
            Refusal::NoKey => "ERR no such key",
            Refusal::NotWriting => "ERR no command that changes something",
        };
        f.write_str(text)
    }
}

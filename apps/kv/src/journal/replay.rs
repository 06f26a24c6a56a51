//! Records as changes of a store.

use alloc::vec::Vec;
use core::fmt;

use super::record::{BEGINS, ENDS, HEADER, Header};
use crate::commands::{self, Context};
use crate::number::integer;
use crate::reply::Reply;
use crate::session::{Budget, Client};
use crate::store::{Held, Store};

/// Why a log is not a journal of a store. Nothing of the record was applied but the commands before the one that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// The record, counted from 0.
    pub record: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is shorter than a header.
    Short,
    /// It is of another version of the format: replay it with the program that wrote it.
    Version(u8),
    /// It continues a unit of which the first record is not there.
    NotBegun,
    /// It is not the next piece of the unit that was begun.
    NotNext,
    /// The unit has another length than its header says.
    Length,
    /// A command of the unit cannot be applied: the one at this byte of the unit.
    Command {
        /// Where it begins.
        at: usize,
        /// Why it cannot be applied.
        why: CommandFault,
    },
}

/// Why a command cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandFault {
    /// It is no array of strings.
    Malformed,
    /// There is no command of this name, or it changes nothing, or it has another number of words.
    Unknown,
    /// The store refuses it, so it is not what was changed in a store like this one.
    Refused,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of the journal ", self.record)?;
        match self.fault {
            Fault::Short => write!(f, "is shorter than its header of {HEADER} bytes"),
            Fault::Version(version) => {
                write!(f, "is of version {version}: use the program that wrote it")
            }
            Fault::NotBegun => write!(f, "continues a unit that was not begun"),
            Fault::NotNext => write!(f, "is not the next piece of its unit"),
            Fault::Length => write!(f, "makes its unit another length than its header says"),
            Fault::Command { at, why } => {
                let why = match why {
                    CommandFault::Malformed => "is no array of strings",
                    CommandFault::Unknown => "is none that changes something",
                    CommandFault::Refused => "is refused by the store",
                };
                write!(f, "has a command at byte {at} of its unit that {why}")
            }
        }
    }
}

impl core::error::Error for ReplayError {}

/// What was found in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records.
    pub records: u64,
    /// Units that were applied.
    pub units: u64,
    /// Units that were not whole, and were not applied.
    pub torn: u64,
}

/// Applies the records of a log to a store, which is empty at first and is not used otherwise until the last record: no client is
/// answered, and it is not told the time. Nothing expires meanwhile and its memory has no limit, so that what comes later finds what was
/// there.
#[derive(Debug, Default)]
pub struct Replay {
    replayed: Replayed,
    /// The last record of the unit that was begun, and the pieces so far.
    begun: Option<Header>,
    unit: Vec<u8>,
}

impl Replay {
    /// Nothing was replayed.
    pub fn new() -> Replay {
        Replay::default()
    }

    /// Takes the next record. Whether it has ended a unit, which was applied.
    ///
    /// # Errors
    /// What is wrong with the record. The store has what was applied before.
    pub fn record(&mut self, store: &Store, record: &[u8]) -> Result<bool, ReplayError> {
        let number = self.replayed.records;
        self.replayed.records += 1;
        self.take(store, record).map_err(|fault| ReplayError {
            record: number,
            fault,
        })
    }

    fn take(&mut self, store: &Store, record: &[u8]) -> Result<bool, Fault> {
        let (header, piece) = Header::read(record)
            .ok_or(Fault::Short)?
            .map_err(Fault::Version)?;
        if header.flags & BEGINS != 0 {
            // A unit before it that has not ended never will.
            self.drop_torn();
            if header.piece != 0 {
                return Err(Fault::NotNext);
            }
        } else {
            let before = self.begun.ok_or(Fault::NotBegun)?;
            let is_next = before.unit == header.unit
                && before.total == header.total
                && before.piece.checked_add(1) == Some(header.piece);
            if !is_next {
                return Err(Fault::NotNext);
            }
        }
        let length = self.unit.len() + piece.len();
        let ends = header.flags & ENDS != 0;
        let total = header.total as usize;
        if length > total || ends && length != total {
            return Err(Fault::Length);
        }
        if !ends {
            self.begun = Some(header);
            self.unit.extend_from_slice(piece);
            return Ok(false);
        }
        self.begun = None;
        if self.unit.is_empty() {
            apply(store, piece)?;
        } else {
            let mut unit = core::mem::take(&mut self.unit);
            unit.extend_from_slice(piece);
            apply(store, &unit)?;
        }
        self.replayed.units += 1;
        Ok(true)
    }

    fn drop_torn(&mut self) {
        self.replayed.torn += u64::from(self.begun.take().is_some());
        self.unit = Vec::new();
    }

    /// That was the last record. A unit that has not ended is not applied.
    pub fn end(mut self) -> Replayed {
        self.drop_torn();
        self.replayed
    }
}

/// Applies a unit.
fn apply(store: &Store, unit: &[u8]) -> Result<(), Fault> {
    let (mut client, budget) = (Client::default(), Budget::new(0));
    let mut answer = Vec::new();
    let mut context = Context {
        store: Held::replaying(store),
        client: &mut client,
        budget: &budget,
        reply: &mut Reply::new(&mut answer, usize::MAX),
    };
    let mut rest = unit;
    while !rest.is_empty() {
        let at = unit.len() - rest.len();
        let fault = |why| Fault::Command { at, why };
        let words = words(&mut rest).ok_or(fault(CommandFault::Malformed))?;
        context.reply.back_to(0);
        let applied = commands::apply(&mut context, &words);
        if applied == Err(commands::Refusal::NotWriting) {
            return Err(fault(CommandFault::Unknown));
        }
        if applied.is_err() || context.reply.is_error() {
            return Err(fault(CommandFault::Refused));
        }
    }
    Ok(())
}

/// The words of the command at the beginning of some bytes, which become those behind it.
fn words<'a>(bytes: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let count = number(b'*', bytes)?;
    // Each word takes some bytes.
    let mut words = Vec::with_capacity(count.min(bytes.len() / 4));
    for _ in 0..count {
        let length = number(b'$', bytes)?;
        let (word, rest) = bytes.split_at_checked(length)?;
        *bytes = rest.strip_prefix(b"\r\n")?;
        words.push(word);
    }
    (count > 0).then_some(words)
}

fn number(mark: u8, bytes: &mut &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first()?;
    let end = rest.iter().take(24).position(|byte| *byte == b'\r')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    *bytes = rest.strip_prefix(b"\r\n")?;
    let number = integer(digits).filter(|_| *first == mark)?;
    usize::try_from(number).ok()
}

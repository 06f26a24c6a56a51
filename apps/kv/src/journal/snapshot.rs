//! A store as units.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::number::{integer_text, write_float};
use crate::store::{Frozen, Value, write_command};

/// Bytes of a unit about: it is longer where a key or a value is.
const UNIT: usize = 1 << 16;

/// Elements that one command adds at most.
const ELEMENTS: usize = 256;

/// Bytes of elements after which a command ends.
const ELEMENT_BYTES: usize = 1 << 14;

/// Words that add an element.
type Words<'a> = (Vec<u8>, Option<&'a [u8]>);

/// What is left of a collection.
struct Rest<'a> {
    command: &'static [u8],
    key: &'a [u8],
    elements: Box<dyn Iterator<Item = Words<'a>> + 'a>,
    expires: Option<u64>,
}

/// Units that make the keys of a store in an empty one, in their order. No unit is much longer than its longest element, and none is
/// needed to apply another one, but all are needed to have everything.
pub struct Snapshot<'a> {
    keys: Box<dyn Iterator<Item = (&'a [u8], &'a Value, Option<u64>)> + 'a>,
    rest: Option<Rest<'a>>,
}

/// A snapshot of a store, which is that of one moment: what changes the store waits until it is whole.
pub fn snapshot<'a>(store: &'a Frozen<'_>) -> Snapshot<'a> {
    Snapshot {
        keys: Box::new(store.held().entries()),
        rest: None,
    }
}

impl core::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let key = self.rest.as_ref().map(|rest| rest.key);
        f.debug_struct("Snapshot").field("within", &key).finish()
    }
}

impl Iterator for Snapshot<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut unit = Vec::new();
        while unit.len() < UNIT {
            if let Some(rest) = &mut self.rest {
                if !rest.write(&mut unit) {
                    self.rest = None;
                }
                continue;
            }
            let Some((key, value, expires)) = self.keys.next() else {
                break;
            };
            self.rest = begin(key, value, expires, &mut unit);
        }
        (!unit.is_empty()).then_some(unit)
    }
}

/// Writes a string whole; of a collection, what is to be written.
fn begin<'a>(
    key: &'a [u8],
    value: &'a Value,
    expires: Option<u64>,
    unit: &mut Vec<u8>,
) -> Option<Rest<'a>> {
    let (command, elements): (&'static [u8], Box<dyn Iterator<Item = Words<'a>> + 'a>) = match value
    {
        Value::Text(text) => {
            let at = expires.map(time);
            let words: [&[u8]; 5] = [
                b"SET",
                key,
                text,
                b"PXAT",
                at.as_deref().unwrap_or_default(),
            ];
            let count = if expires.is_some() { 5 } else { 3 };
            write_command(words.into_iter().take(count), unit);
            return None;
        }
        Value::List(list) => (
            b"RPUSH",
            Box::new(list.iter().map(|it| (it.to_vec(), None))),
        ),
        Value::Set(set) => {
            let members = set.iter();
            (
                b"SADD",
                Box::new(members.map(|(it, ())| (it.to_vec(), None))),
            )
        }
        Value::Hash(hash) => {
            let fields = hash.iter();
            let words = fields.map(|(it, value)| (it.to_vec(), Some(value.as_slice())));
            (b"HSET", Box::new(words))
        }
        Value::Sorted(sorted) => {
            let members = sorted.ranks().range(0..sorted.len());
            let words = members.map(|(score, member)| {
                let mut text = Vec::new();
                write_float(*score, &mut text);
                (text, Some(&**member))
            });
            (b"ZADD", Box::new(words))
        }
    };
    Some(Rest {
        command,
        key,
        elements,
        expires,
    })
}

fn time(at: u64) -> Vec<u8> {
    integer_text(i64::try_from(at).unwrap_or(i64::MAX))
}

impl Rest<'_> {
    /// Writes one more command; whether there may be more.
    fn write(&mut self, unit: &mut Vec<u8>) -> bool {
        let (mut elements, mut bytes) = (Vec::new(), 0);
        while elements.len() < ELEMENTS && bytes < ELEMENT_BYTES {
            let Some((word, other)) = self.elements.next() else {
                break;
            };
            bytes += word.len() + other.map_or(0, <[u8]>::len);
            elements.push((word, other));
        }
        if !elements.is_empty() {
            let mut words = Vec::from([self.command, self.key]);
            for (word, other) in &elements {
                words.push(word);
                words.extend(*other);
            }
            write_command(words.into_iter(), unit);
            return true;
        }
        if let Some(at) = self.expires {
            let at = time(at);
            let words: [&[u8]; 3] = [b"PEXPIREAT", self.key, &at];
            write_command(words.into_iter(), unit);
        }
        false
    }
}

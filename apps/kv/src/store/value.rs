//! Values, and the kinds of them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::fields::Fields;
use super::list::List;
use super::sorted::Sorted;
use crate::hash::Seed;

/// A string.
pub(crate) type Text = Vec<u8>;

/// A hash.
pub(crate) type Hash = Fields<Vec<u8>>;

/// A set.
pub(crate) type Set = Fields<()>;

/// What a key holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Text),
    List(Box<List>),
    Hash(Box<Hash>),
    Set(Box<Set>),
    Sorted(Box<Sorted>),
}

/// A kind of values.
pub(crate) trait Kind: Sized {
    /// An empty one.
    fn empty(seed: Seed) -> Self;
    /// As a value.
    fn into_value(self) -> Value;
    /// A value as one of this kind.
    fn of(value: &Value) -> Option<&Self>;
    /// The same, to change it.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
}

macro_rules! kind {
    ($kind:ty, $name:ident, $empty:expr) => {
        impl Kind for $kind {
            fn empty(seed: Seed) -> Self {
                $empty(seed)
            }
            fn into_value(self) -> Value {
                Value::$name(self.into())
            }
            fn of(value: &Value) -> Option<&Self> {
                match value {
                    Value::$name(it) => Some(it),
                    _ => None,
                }
            }
            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$name(it) => Some(it),
                    _ => None,
                }
            }
        }
    };
}

kind!(Text, Text, |_| Vec::new());
kind!(List, List, |_| List::default());
kind!(Hash, Hash, Fields::new);
kind!(Set, Set, Fields::new);
kind!(Sorted, Sorted, Sorted::new);

impl Value {
    /// The word for its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::Sorted(_) => "zset",
        }
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.capacity(),
            Value::List(list) => list.bytes(),
            Value::Hash(hash) => hash.bytes(),
            Value::Set(set) => set.bytes(),
            Value::Sorted(sorted) => sorted.bytes(),
        }
    }

    /// How many elements it has; a string has one.
    pub(crate) fn len(&self) -> usize {
        match self {
            Value::Text(_) => 1,
            Value::List(list) => list.len(),
            Value::Hash(hash) => hash.len(),
            Value::Set(set) => set.len(),
            Value::Sorted(sorted) => sorted.len(),
        }
    }

    /// How Redis would call the form in which it is kept.
    pub(crate) fn encoding(&self) -> &'static str {
        /// Members of a set of numbers at most.
        const NUMBERS: usize = 512;
        let is_number = |text: &[u8]| crate::number::integer(text).is_some();
        match self {
            Value::Text(text) if is_number(text) => "int",
            Value::Text(text) if text.len() <= 44 => "embstr",
            Value::Text(_) => "raw",
            Value::List(_) => "quicklist",
            Value::Hash(hash) if hash.is_small() => "listpack",
            Value::Hash(_) => "hashtable",
            Value::Set(set) => {
                let is_intset = set.len() <= NUMBERS && set.iter().all(|(it, ())| is_number(it));
                if is_intset { "intset" } else { "hashtable" }
            }
            Value::Sorted(sorted) if sorted.scores().is_small() => "listpack",
            Value::Sorted(_) => "skiplist",
        }
    }
}

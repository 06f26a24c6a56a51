//! What a command changes, in the words of commands that change the same again, whatever time it is and whatever chance says.

use alloc::vec::Vec;

use crate::number::write_integer;

/// Changes of a command, or of several that are done together.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Somebody wants them.
    is_on: bool,
    bytes: Vec<u8>,
    /// The command that runs has said itself what it changes.
    is_said: bool,
}

/// Writes a command as clients send it.
pub(crate) fn write_command<'a>(
    words: impl ExactSizeIterator<Item = &'a [u8]>,
    bytes: &mut Vec<u8>,
) {
    let head = |mark, number: usize, bytes: &mut Vec<u8>| {
        bytes.push(mark);
        write_integer(i64::try_from(number).unwrap_or(i64::MAX), bytes);
        bytes.extend_from_slice(b"\r\n");
    };
    head(b'*', words.len(), bytes);
    for word in words {
        head(b'$', word.len(), bytes);
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

impl Changes {
    pub(crate) fn new(is_on: bool) -> Changes {
        Changes {
            is_on,
            ..Changes::default()
        }
    }

    /// Changes that somebody wants, written into some memory.
    pub(super) fn within(mut bytes: Vec<u8>) -> Changes {
        bytes.clear();
        Changes {
            is_on: true,
            bytes,
            is_said: false,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// A command begins.
    pub(crate) fn begin(&mut self) {
        self.is_said = false;
    }

    /// Whether the command has said what it changes.
    pub(crate) fn is_said(&self) -> bool {
        self.is_said
    }

    /// Notes a change.
    pub(crate) fn note<'a>(&mut self, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        if self.is_on {
            write_command(words, &mut self.bytes);
        }
    }

    /// Notes a change in place of the command that makes it.
    pub(crate) fn say(&mut self, words: &[&[u8]]) {
        self.is_said = true;
        self.note(words.iter().copied());
    }

    /// The command is to leave nothing but what it has said.
    pub(crate) fn say_nothing(&mut self) {
        self.is_said = true;
    }

    /// Takes all of them; nobody wants more.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.is_on = false;
        core::mem::take(&mut self.bytes)
    }
}

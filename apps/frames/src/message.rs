//! What stands in a frame: a kind, a number, and in each 4 KiB what follows from both.

use atoll_runtime::Frame;

/// Bytes between two words that are written and compared.
const STEP: usize = 4096;

/// Kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Kind {
    /// A round begins.
    Question = 1,
    /// The answer to it.
    Answer = 2,
    /// For a time.
    Lent = 3,
    /// There are no more rounds.
    End = 4,
}

/// The word at a place of a frame with a message: any mixture of its number, kind and place tells two messages apart.
fn word(kind: Kind, number: u64, place: usize) -> u64 {
    number << 32 | (kind as u64) << 24 | place as u64
}

/// Writes a message.
pub fn write(frame: &mut Frame, kind: Kind, number: u64) {
    for (place, step) in frame.bytes_mut().chunks_exact_mut(STEP).enumerate() {
        if let Some(first) = step.first_chunk_mut() {
            *first = word(kind, number, place).to_le_bytes();
        }
    }
}

/// Whether a frame has a message of a kind and number, and nothing else.
pub fn holds(frame: &Frame, kind: Kind, number: u64) -> bool {
    let mut steps = frame.bytes().chunks_exact(STEP).enumerate();
    steps.all(|(place, step)| step.first_chunk() == Some(&word(kind, number, place).to_le_bytes()))
}

//! A peer that writes into the window of a channel what it likes.

use atoll_channel::{CAPACITY, window};
use atoll_component_tests::window::Window;

use crate::Script;

/// Writes one word somewhere, mostly one that matters and a value that is nearly right. `index` is about where the
/// victim's counts are, `generation` what its stamps carry.
pub fn scribble(window: &Window, script: &mut Script, generation: u32, index: u64) {
    let ring = script.below(2) * window::RING;
    let stamp = |count: u64| u64::from(generation) << 48 | count & 0xffff_ffff_ffff;
    let likely = [
        stamp(index),
        stamp(index + 1),
        stamp(index + 2),
        stamp((index + 1).saturating_sub(CAPACITY as u64)),
        stamp(index) ^ 1 << 48,
        stamp(0),
        stamp(1),
        0,
    ];
    let slot = |slot: u64| window::SLOTS + slot as usize % CAPACITY * 64;
    let (offset, value) = match script.below(16) {
        0..6 => (slot(index), script.word(&likely)),
        6..8 => (slot(index + 1), script.word(&likely)),
        8 => (slot(script.byte().into()), script.word(&likely)),
        9..12 => (window::CONSUMED, script.word(&likely)),
        12 => (window::ASLEEP, script.word(&likely)),
        13 => {
            let now = window.read(ring + window::INCARNATION);
            let likely = [now, now.wrapping_add(1), now.wrapping_add(2)];
            (window::INCARNATION, script.word(&likely))
        }
        _ => {
            let word = script.byte() as usize * 256 + script.byte() as usize;
            (word * 8 % window::RING, script.raw())
        }
    };
    window.write(ring + offset, value);
}

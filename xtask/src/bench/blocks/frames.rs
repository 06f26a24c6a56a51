//! Frames that go to another process and come back, beside copying as many bytes into shared memory and out of it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::bench::boots;
use crate::cli::BootOptions;
use crate::locate;

/// The plan, from the project's root.
const PLAN: &str = "tests/bench/plans/frames.toml";

/// What the program `frames` says of something that it did so many times.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Passed {
    /// `hand-over` or `copy`.
    what: String,
    bytes: u64,
    passes: u64,
    /// Instructions of all cores.
    elapsed: u64,
    /// Kernel entries of both processes and their server.
    entries: u64,
}

impl Passed {
    fn instructions(&self) -> u64 {
        self.elapsed / self.passes.max(1)
    }
}

/// What was measured of frames.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Frames {
    measured: Vec<Passed>,
    /// The least size that was measured from which on copying takes more instructions than a frame that goes and comes back.
    break_even: Option<u64>,
}

impl Frames {
    fn of(measured: Vec<Passed>) -> Result<Frames> {
        let moved = measured.iter().find(|it| it.what == "hand-over");
        let moved = moved.context("no frame went anywhere")?.instructions();
        let copies = measured.iter().filter(|it| it.what == "copy");
        let dearer = copies.rev().take_while(|it| it.instructions() > moved);
        Ok(Frames {
            break_even: dearer.last().map(|it| it.bytes),
            measured,
        })
    }

    /// The lines that a person sees.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "a frame of 2 MiB to another process and back, and bytes copied into shared memory and out of it; instructions of all cores:".to_owned(),
            format!("{:<10} {:>8} {:>12} {:>8}", "what", "bytes", "instructions", "entries"),
        ];
        lines.extend(self.measured.iter().map(|it| {
            let entries = it.entries as f64 / it.passes.max(1) as f64;
            let (what, bytes, instructions) = (&it.what, it.bytes, it.instructions());
            format!("{what:<10} {bytes:>8} {instructions:>12} {entries:>8.1}")
        }));
        lines.push(match self.break_even {
            Some(bytes) => {
                format!("break-even: copying takes more instructions from {bytes} bytes on")
            }
            None => "break-even: copying takes fewer instructions at every size that was measured"
                .to_owned(),
        });
        lines
    }
}

/// Boots the plan once.
pub fn measure(folder: &Path) -> Result<Frames> {
    let boot = BootOptions {
        report: Some(folder.join("frames-boot.json")),
        ..BootOptions::default()
    };
    let boots = boots::measure(&locate::root().join(PLAN), boot, 1)?;
    Frames::of(boots.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(what: &str, bytes: u64, elapsed: u64) -> Passed {
        Passed {
            what: what.to_owned(),
            bytes,
            passes: 2,
            elapsed,
            entries: 9,
        }
    }

    #[test]
    fn the_break_even_is_the_size_from_which_on_all_copies_are_dearer() {
        let of = |copies: [u64; 3]| {
            let sizes = [4096, 8192, 16384].into_iter().zip(copies);
            let copies = sizes.map(|(bytes, elapsed)| passed("copy", bytes, elapsed));
            let all = [passed("hand-over", 1 << 21, 200)]
                .into_iter()
                .chain(copies);
            Frames::of(all.collect()).unwrap()
        };
        assert_eq!(of([100, 300, 400]).break_even, Some(8192));
        assert_eq!(of([300, 200, 400]).break_even, Some(16384));
        assert_eq!(of([300, 400, 200]).break_even, None);
        let lines = of([100, 300, 400]).lines();
        assert!(
            lines[2].ends_with(" 2097152          100      4.5"),
            "{lines:?}"
        );
        assert!(Frames::of(Vec::new()).is_err());
    }
}

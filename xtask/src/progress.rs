//! What a person sees while something takes long.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use atoll_plan::printable;

use crate::output;

/// Time between two passing notes where the output is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Columns of a passing note on a terminal.
const COLUMNS: usize = 100;

/// Lines on the standard error stream: lasting ones, and passing ones that the next line replaces.
pub struct Progress {
    terminal: bool,
    passing: bool,
    last: Instant,
}

impl Progress {
    /// Starts with nothing shown.
    pub fn new() -> Progress {
        Progress {
            terminal: stderr().is_terminal(),
            passing: false,
            last: Instant::now(),
        }
    }

    /// Shows a line that stays.
    pub fn line(&mut self, text: &str) {
        self.clear();
        output::tell(&format!("{}\n", printable(text)));
        self.last = Instant::now();
    }

    /// Shows a note that is replaced; where the output is no terminal, at most one in five seconds.
    pub fn note(&mut self, text: &str) {
        if self.terminal {
            self.clear();
            let short: String = text.chars().take(COLUMNS).collect();
            output::tell(&printable(&short).to_string());
            self.passing = true;
        } else if self.last.elapsed() >= INTERVAL {
            output::tell(&format!("{}\n", printable(text)));
            self.last = Instant::now();
        }
    }

    fn clear(&mut self) {
        if self.passing {
            output::tell("\r\x1b[K");
            self.passing = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

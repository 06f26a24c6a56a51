//! The status line of a node that serves.

use std::time::{Duration, Instant};

/// Time between two of them.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is told while a node serves.
pub struct Status {
    since: Instant,
    last: Instant,
    taken: Option<f64>,
}

impl Status {
    /// From now on. QEMU has taken so many seconds of the host's CPU time.
    pub fn begin(taken: Option<f64>) -> Status {
        let now = Instant::now();
        Status {
            since: now,
            last: now,
            taken,
        }
    }

    /// Whether it is time for the next line.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= INTERVAL
    }

    /// The next line.
    pub fn line(&mut self, taken: Option<f64>) -> String {
        let passed = self.last.elapsed().as_secs_f64();
        let share = taken.zip(self.taken).map(|(now, before)| now - before);
        self.last = Instant::now();
        self.taken = taken;
        let up = self.since.elapsed().as_secs();
        let up = format!("{}:{:02}:{:02}", up / 3600, up / 60 % 60, up % 60);
        match share {
            Some(seconds) => format!(
                "serving for {up}; QEMU takes {:.0} % of a core of the host; Ctrl-C ends it",
                100.0 * seconds / passed
            ),
            None => format!("serving for {up}; Ctrl-C ends it"),
        }
    }
}

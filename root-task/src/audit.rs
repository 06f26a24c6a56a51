//! The list of what an instance holds, in the form in which it is told to the outside.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Frames that one line of the list may name; a longer list takes several lines.
const RANGES_PER_LINE: usize = 16;

/// A range of physical memory and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Who holds it.
    pub holder: String,
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
}

/// Everything that an instance's root task and its children hold.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Frames.
    pub frames: Vec<Range>,
    /// Untyped memory still held: first byte, byte after the last, whether it is device memory.
    pub untyped: Vec<(u64, u64, bool)>,
    /// Ranges of I/O ports: first, last, holder.
    pub ports: Vec<(u16, u16, String)>,
}

impl Holdings {
    /// Notes a frame.
    pub fn frame(&mut self, holder: &str, start: u64, size: u64) {
        self.frames.push(Range {
            holder: holder.into(),
            start,
            end: start + size,
        });
    }

    /// Joins neighbouring frames of one holder; a frame that is held twice is listed once.
    pub fn merge(&mut self) {
        self.frames.sort();
        let mut merged: Vec<Range> = Vec::new();
        for range in self.frames.drain(..) {
            match merged.last_mut() {
                Some(last) if last.holder == range.holder && range.start <= last.end => {
                    last.end = last.end.max(range.end);
                }
                _ => merged.push(range),
            }
        }
        self.frames = merged;
        self.untyped.sort_unstable();
        let mut merged: Vec<(u64, u64, bool)> = Vec::new();
        for (start, end, device) in self.untyped.drain(..) {
            match merged.last_mut() {
                Some(last) if last.2 == device && start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end, device)),
            }
        }
        self.untyped = merged;
    }

    /// Calls `print` with each `audit` event of the serial protocol.
    pub fn tell(&self, instance: usize, mut print: impl FnMut(&str)) {
        let mut chunks = self.frames.chunks(RANGES_PER_LINE).peekable();
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_some() {
                print(&line(instance, chunk, &[], &[], false));
            } else {
                print(&line(instance, chunk, &self.untyped, &self.ports, true));
            }
        }
    }
}

fn line(
    instance: usize,
    frames: &[Range],
    untyped: &[(u64, u64, bool)],
    ports: &[(u16, u16, String)],
    last: bool,
) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"@atoll {{"event":"audit","instance":{instance},"frames":["#
    );
    for (index, range) in frames.iter().enumerate() {
        let _ = write!(
            text,
            r#"{}[{},{},"{}"]"#,
            comma(index),
            range.start,
            range.end,
            range.holder
        );
    }
    let _ = write!(text, r#"],"untyped":["#);
    for (index, (start, end, device)) in untyped.iter().enumerate() {
        let _ = write!(text, "{}[{start},{end},{device}]", comma(index));
    }
    let _ = write!(text, r#"],"ports":["#);
    for (index, (first, last, holder)) in ports.iter().enumerate() {
        let _ = write!(text, r#"{}[{first},{last},"{holder}"]"#, comma(index));
    }
    let _ = write!(text, r#"],"last":{last}}}"#);
    text
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_holder_are_one_range() {
        let mut holdings = Holdings::default();
        holdings.frame("a", 0x2000, 0x1000);
        holdings.frame("a", 0x1000, 0x1000);
        holdings.frame("a", 0x1000, 0x1000);
        holdings.frame("b", 0x3000, 0x1000);
        holdings.frame("a", 0x5000, 0x1000);
        holdings.untyped = [(8, 16, false), (0, 8, false), (16, 24, true)].into();
        holdings.merge();
        let frames: Vec<_> = holdings
            .frames
            .iter()
            .map(|range| (range.start, range.end))
            .collect();
        assert_eq!(
            frames,
            [(0x1000, 0x3000), (0x5000, 0x6000), (0x3000, 0x4000)]
        );
        assert_eq!(holdings.untyped, [(0, 16, false), (16, 24, true)]);
    }

    #[test]
    fn a_long_list_takes_several_lines_and_says_which_is_last() {
        let mut holdings = Holdings::default();
        for index in 0..20 {
            holdings.frame("a", index * 0x2000, 0x1000);
        }
        holdings.ports.push((0x3f8, 0x3ff, "root-task".into()));
        holdings.merge();
        let mut lines = Vec::new();
        holdings.tell(1, |line| lines.push(String::from(line)));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with(r#""ports":[],"last":false}"#));
        assert!(lines[1].ends_with(r#""ports":[[1016,1023,"root-task"]],"last":true}"#));
    }
}

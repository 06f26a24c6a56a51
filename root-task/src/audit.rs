//! The list of what an instance holds, in the form in which it is reported to the outside.

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::event::{AUDIT_RANGES, Event, Held, Untyped, Written};

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
    pub untyped: Vec<Untyped>,
    /// Ranges of I/O ports: first, last, holder.
    pub ports: Vec<(u16, u16, String)>,
}

impl Holdings {
    /// Notes a frame.
    pub fn frame(&mut self, holder: &str, start: u64, size: u64) {
        // Most frames follow the one before; without this the list would outgrow the root task's heap.
        if let Some(last) = self.frames.last_mut()
            && (last.end, last.holder.as_str()) == (start, holder)
        {
            last.end += size;
            return;
        }
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
        let mut merged: Vec<Untyped> = Vec::new();
        for (start, end, device) in self.untyped.drain(..) {
            match merged.last_mut() {
                Some(last) if last.2 == device && start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end, device)),
            }
        }
        self.untyped = merged;
    }

    /// Calls `emit` with each `audit` event of the serial protocol.
    pub fn report(&self, instance: usize, mut emit: impl FnMut(&Written<'_>)) {
        let frames: Vec<Held<&str>> = self
            .frames
            .iter()
            .map(|range| (range.start, range.end, range.holder.as_str()))
            .collect();
        let ports: Vec<Held<&str>> = self
            .ports
            .iter()
            .map(|(first, last, holder)| (u64::from(*first), u64::from(*last), holder.as_str()))
            .collect();
        let (mut frames, mut untyped, mut ports) = (&frames[..], &self.untyped[..], &ports[..]);
        let mut last = false;
        while !last {
            let listed = (take(&mut frames), take(&mut untyped), take(&mut ports));
            last = frames.is_empty() && untyped.is_empty() && ports.is_empty();
            emit(&Event::Audit {
                instance,
                frames: listed.0,
                untyped: listed.1,
                ports: listed.2,
                last,
            });
        }
    }
}

/// Takes as many ranges off the front of a list as one event may list.
fn take<'a, T>(list: &mut &'a [T]) -> &'a [T] {
    let (first, rest) = list.split_at(list.len().min(AUDIT_RANGES));
    *list = rest;
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_holder_are_one_range() {
        let mut holdings = Holdings::default();
        holdings.frame("a", 0x2000, 0x1000);
        holdings.frame("b", 0x3000, 0x1000);
        holdings.frame("a", 0x1000, 0x1000);
        holdings.frame("a", 0x1000, 0x1000);
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
    fn a_long_list_takes_several_events_and_says_which_is_last() {
        let mut holdings = Holdings::default();
        for index in 0..20 {
            holdings.frame("a", index * 0x2000, 0x1000);
        }
        holdings.untyped = (0..40)
            .map(|index| (4 * index, 4 * index + 1, false))
            .collect();
        holdings.ports.push((0x3f8, 0x3ff, "root-task".into()));
        holdings.merge();
        let mut reported = Vec::new();
        holdings.report(1, |event| match event {
            Event::Audit {
                instance: 1,
                frames,
                untyped,
                ports,
                last,
            } => reported.push(([frames.len(), untyped.len(), ports.len()], *last)),
            _ => panic!("{event:?}"),
        });
        assert_eq!(
            reported,
            [([16, 16, 1], false), ([4, 16, 0], false), ([0, 8, 0], true)]
        );
    }

    #[test]
    fn an_instance_that_holds_nothing_reports_it() {
        let mut last = None;
        Holdings::default().report(0, |event| {
            assert_eq!(last, None, "one event is enough");
            last = Some(matches!(event, Event::Audit { last: true, .. }));
        });
        assert_eq!(last, Some(true));
    }
}

//! How reads, writes, flushes and uses of pages end.

use crate::frame::{Frame, Resident, Then};
use crate::map::Map;
use crate::policy::Policy;
use crate::step::{Access, FlushBegun, Loading, Outcome, Pin, Writing};

impl<P: Policy> Map<P> {
    /// A page has been read, or not. Where it has, the one who asked for it has it pinned as it says.
    pub fn loaded(
        &mut self,
        loading: Loading,
        outcome: Outcome,
        access: Option<Access>,
    ) -> Option<Pin> {
        let Loading { page, frame } = loading;
        match outcome {
            Outcome::Done => {}
            Outcome::Failed | Outcome::FrameGone => {
                self.index.remove(&page);
                match outcome {
                    Outcome::FrameGone => self.set(frame, Frame::Gone),
                    _ => self.release(frame),
                }
                return None;
            }
        }
        let Some(&Frame::Loading(coming)) = self.frames.get(frame) else {
            debug_assert!(false, "a read ends that did not begin");
            return None;
        };
        let mut resident = Resident::new(coming);
        self.counters.loads += 1;
        self.policy.loaded(page);
        self.policy.hinted(page, coming.hint);
        let pin = access.map(|access| {
            resident.pin(access);
            self.policy.touched(page);
            Pin {
                page,
                frame,
                access,
            }
        });
        self.set(frame, Frame::Resident(resident));
        pin
    }

    /// A page has been written, or not. Where it made room for another page, that one is to be read now.
    pub fn written(&mut self, writing: Writing, outcome: Outcome) -> Option<Loading> {
        let frame = writing.frame;
        let Some(&Frame::Writing(resident, then)) = self.frames.get(frame) else {
            debug_assert!(false, "a write ends that did not begin");
            return None;
        };
        self.writes += 1;
        match outcome {
            Outcome::Done => self.written_whole(frame, resident, then),
            Outcome::Failed => {
                self.forget_next(then);
                self.set(frame, Frame::Resident(resident));
                if then != Then::Stay {
                    self.policy.kept(resident.page);
                }
                None
            }
            Outcome::FrameGone => {
                self.forget_next(then);
                self.index.remove(&resident.page);
                self.set(frame, Frame::Gone);
                self.evicted = self.writes;
                self.lost.insert(resident.page);
                self.policy.evicted(resident.page);
                None
            }
        }
    }

    fn written_whole(&mut self, frame: usize, resident: Resident, then: Then) -> Option<Loading> {
        self.counters.writes += 1;
        let resident = Resident {
            dirty: false,
            written: self.writes,
            ..resident
        };
        if then == Then::Stay {
            self.set(frame, Frame::Resident(resident));
            return None;
        }
        self.leave(&resident);
        match then {
            Then::Load(next) => Some(self.load(frame, next)),
            Then::Stay | Then::Free => {
                self.release(frame);
                None
            }
        }
    }

    /// The page that was to come does not: those who wait for it ask again.
    fn forget_next(&mut self, then: Then) {
        if let Then::Load(next) = then {
            self.index.remove(&next.page);
        }
    }

    /// One who has pinned a page has done with it, and has written to it or not. A page that is used no more, by its
    /// [hint](crate::Hint::NoReuse), may leave the memory with that.
    pub fn unpin(&mut self, pin: Pin, written: bool) {
        match self.frames.get_mut(pin.frame) {
            Some(Frame::Resident(resident)) if resident.page == pin.page => {
                resident.unpin(pin.access);
                resident.dirty |= written;
                self.drop_spent(pin.frame);
            }
            _ => debug_assert!(false, "a pinned page has left its frame"),
        }
    }

    /// A flush of the store begins. It is good for all pages whose writes have ended by now.
    pub fn flush_begun(&self) -> FlushBegun {
        FlushBegun {
            writes: self.writes,
            failed_flushes: self.failed_flushes,
        }
    }

    /// The flush is done: what had been written when it began is on stable storage. `false` where another one has failed since then: this
    /// one may have come after what that one dropped, and is good for nothing.
    #[must_use]
    pub fn flushed(&mut self, begun: FlushBegun) -> bool {
        let good = begun.failed_flushes == self.failed_flushes;
        if good {
            self.stable = self.stable.max(begun.writes);
            // What was written, and is used no more, had to stay for this.
            (0..self.frames.len()).for_each(|frame| self.drop_spent(frame));
        }
        good
    }

    /// The flush has failed. Pages that were written since the last one that did not are dirty again. Where some of them are not in
    /// memory any more, they cannot be written again, and the next flush is refused: [`Refusal::Unsure`](crate::Refusal::Unsure).
    pub fn flush_failed(&mut self, _: FlushBegun) {
        self.failed_flushes += 1;
        let stable = self.stable;
        let unsure = self.evicted > stable;
        self.unsure |= unsure;
        for frame in &mut self.frames {
            if let Frame::Resident(resident) = frame {
                // A page that left and came back may have come from what the store has dropped now.
                resident.dirty |= unsure || resident.written > stable;
            }
        }
    }
}

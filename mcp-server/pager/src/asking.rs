//! Pages that are asked for, evicted, written out.

use alloc::vec::Vec;

use crate::frame::{Coming, Frame, Resident, Then};
use crate::hint::Hint;
use crate::map::Map;
use crate::policy::{Candidates, Policy};
use crate::refusal::Refusal;
use crate::step::{Access, Loading, Pin, Step, Writing};

impl<P: Policy> Map<P> {
    /// Asks for a page to be pinned. It waits for those who read or write the page between store and frame, and for those whose use does
    /// not go with this one. The hint counts when the page is pinned.
    ///
    /// # Errors
    /// The page is [beyond](Refusal::Beyond) the store or [lost](Refusal::Lost), or there is no room.
    pub fn request(&mut self, page: u64, access: Access, hint: Hint) -> Result<Step<Pin>, Refusal> {
        self.check(page)?;
        let Some((frame, state)) = self.find(page) else {
            return self.make_room(Coming { page, hint });
        };
        let Frame::Resident(resident) = state else {
            return Ok(Step::Wait);
        };
        if !resident.pin(access) {
            return Ok(Step::Wait);
        }
        if let Some(hint) = resident.ask(hint) {
            self.policy.hinted(page, hint);
            self.policy.touched(page);
        }
        Ok(Step::Done(Pin {
            page,
            frame,
            access,
        }))
    }

    /// Asks for a page to be in memory, not pinned. Its hint is for the use that is to come.
    ///
    /// # Errors
    /// The page is [beyond](Refusal::Beyond) the store or [lost](Refusal::Lost), or there is no room.
    pub fn prefetch(&mut self, page: u64, hint: Hint) -> Result<Step<()>, Refusal> {
        self.check(page)?;
        match self.find(page) {
            Some((_, Frame::Resident(resident))) => {
                resident.ahead = true;
                if let Some(hint) = resident.ask(hint) {
                    self.policy.hinted(page, hint);
                }
                Ok(Step::Done(()))
            }
            Some(_) => Ok(Step::Wait),
            None => self.make_room(Coming { page, hint }),
        }
    }

    /// Replaces the hint of a page in memory, whatever it is, as a use with this hint does that ends at once. One that is not in memory has
    /// none, and one that is being read has the one with which it was asked for.
    pub fn set_hint(&mut self, page: u64, hint: Hint) {
        let (frame, resident) = match self.find(page) {
            Some((frame, Frame::Resident(resident) | Frame::Writing(resident, _)))
                if resident.page == page =>
            {
                (frame, resident)
            }
            _ => return,
        };
        (resident.hint, resident.ahead) = (hint, false);
        self.policy.hinted(page, hint);
        self.policy.touched(page);
        self.drop_spent(frame);
    }

    /// One who was told to [wait](Step::Wait) for a page waits, and is to ask again: until then its hint takes no page away from it.
    pub fn wait_begins(&mut self, page: u64) {
        *self.waiting.entry(page).or_default() += 1;
    }

    /// One who waited for a page has asked again, and waits no more.
    pub fn wait_ends(&mut self, page: u64) {
        if let Some(waiting) = self.waiting.get_mut(&page) {
            *waiting = waiting.saturating_sub(1);
            if *waiting > 0 {
                return;
            }
        }
        self.waiting.remove(&page);
        if let Some((frame, _)) = self.find(page) {
            self.drop_spent(frame);
        }
    }

    /// Asks for a page not to be in memory. One that is not there is done.
    ///
    /// # Errors
    /// [`Refusal::Pinned`], [`Refusal::Beyond`].
    pub fn evict(&mut self, page: u64) -> Result<Step<()>, Refusal> {
        if page >= self.pages {
            return Err(Refusal::Beyond { pages: self.pages });
        }
        let (frame, resident) = match self.find(page) {
            None => return Ok(Step::Done(())),
            Some((_, Frame::Resident(resident))) if resident.is_pinned() => {
                return Err(Refusal::Pinned);
            }
            Some((frame, Frame::Resident(resident))) => (frame, *resident),
            Some(_) => return Ok(Step::Wait),
        };
        if resident.dirty {
            return Ok(Step::Write(self.write(frame, resident, Then::Free)));
        }
        self.leave(&resident);
        self.release(frame);
        Ok(Step::Done(()))
    }

    /// The pages that a flush has to write first, in ascending order: the dirty ones, those included that are being written.
    ///
    /// # Errors
    /// [`Refusal::Lost`], [`Refusal::Unsure`]: not everything that was written to pages can be made stable.
    pub fn unwritten(&self) -> Result<Vec<u64>, Refusal> {
        if let Some(&page) = self.lost.first() {
            return Err(Refusal::Lost { page });
        }
        if self.unsure {
            return Err(Refusal::Unsure);
        }
        let entries = self.entries().filter(|entry| entry.dirty);
        let mut pages: Vec<u64> = entries.map(|entry| entry.page).collect();
        pages.sort_unstable();
        Ok(pages)
    }

    /// Asks for a page to be written where it is dirty. It waits for those who use the page.
    ///
    /// # Errors
    /// [`Refusal::Lost`].
    pub fn write_out(&mut self, page: u64) -> Result<Step<()>, Refusal> {
        if self.lost.contains(&page) {
            return Err(Refusal::Lost { page });
        }
        let (frame, resident) = match self.find(page) {
            Some((frame, Frame::Resident(resident))) => (frame, *resident),
            Some((_, Frame::Writing(..))) => return Ok(Step::Wait),
            // What is read from the store is not dirty.
            _ => return Ok(Step::Done(())),
        };
        match (resident.dirty, resident.is_pinned()) {
            (false, _) => Ok(Step::Done(())),
            (true, true) => Ok(Step::Wait),
            (true, false) => Ok(Step::Write(self.write(frame, resident, Then::Stay))),
        }
    }

    /// A frame for a page that is not in memory.
    fn make_room<T>(&mut self, coming: Coming) -> Result<Step<T>, Refusal> {
        if let Some(frame) = self.free.pop() {
            return Ok(Step::Load(self.load(frame, coming)));
        }
        let candidates = Candidates::new(&self.frames, &self.index);
        if candidates.iter().next().is_none() {
            return if self.frames.iter().any(Frame::is_in_transit) {
                Ok(Step::Wait)
            } else if self.frames.iter().all(|frame| *frame == Frame::Gone) {
                Err(Refusal::NoFrames)
            } else {
                Err(Refusal::AllPinned)
            };
        }
        let victim = self.policy.victim(coming.page, &candidates);
        let found = victim.filter(|victim| candidates.contains(*victim));
        let found = found.and_then(|victim| self.find(victim));
        let Some((frame, &mut Frame::Resident(resident))) = found else {
            return Err(Refusal::NoVictim);
        };
        if resident.dirty {
            // Others who ask for the page wait for this one.
            self.index.insert(coming.page, frame);
            let then = Then::Load(coming);
            return Ok(Step::Write(self.write(frame, resident, then)));
        }
        self.leave(&resident);
        Ok(Step::Load(self.load(frame, coming)))
    }

    pub(crate) fn load(&mut self, frame: usize, coming: Coming) -> Loading {
        self.index.insert(coming.page, frame);
        self.set(frame, Frame::Loading(coming));
        Loading {
            page: coming.page,
            frame,
        }
    }

    fn write(&mut self, frame: usize, resident: Resident, then: Then) -> Writing {
        self.set(frame, Frame::Writing(resident, then));
        Writing {
            page: resident.page,
            frame,
        }
    }

    /// A page leaves the memory, as the store has it.
    pub(crate) fn leave(&mut self, resident: &Resident) {
        self.evicted = self.evicted.max(resident.written);
        self.index.remove(&resident.page);
        self.counters.evictions += 1;
        self.policy.evicted(resident.page);
    }

    /// The page of a frame leaves the memory where its hint has it do so.
    pub(crate) fn drop_spent(&mut self, frame: usize) {
        let Some(&Frame::Resident(resident)) = self.frames.get(frame) else {
            return;
        };
        if resident.is_spent(self.stable) && !self.waiting.contains_key(&resident.page) {
            self.leave(&resident);
            self.release(frame);
        }
    }

    /// A frame has no page any more.
    pub(crate) fn release(&mut self, frame: usize) {
        self.set(frame, Frame::Free);
        self.free.push(frame);
    }
}

//! What comes back from the device.

use core::sync::atomic::{Ordering, fence};

use super::layout::{AVAILABLE, NO_INTERRUPT, USED};
use super::{Chain, SplitQueue};
use crate::VirtioError;

/// A chain that the device has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedChain {
    /// The chain.
    pub chain: usize,
    /// Bytes that the device says that it wrote; where they are fewer than [`UsedChain::most`] it wrote at least the first so many
    /// (section 2.7.8.2).
    pub length: u32,
    /// Bytes that it could write.
    pub most: u32,
}

impl SplitQueue {
    /// Takes the next chain that the device has used.
    ///
    /// # Errors
    /// What the device has broken. The queue is of no more use then: stop the device, then [`SplitQueue::abandon`].
    #[inline]
    pub fn collect(&mut self) -> Result<Option<UsedChain>, VirtioError> {
        debug_assert_eq!(self.staged, self.published, "published before collected");
        let found = self.dma.load16(USED + 2);
        let in_flight = self.in_flight;
        match found.wrapping_sub(self.seen) {
            0 => return Ok(None),
            new if new <= in_flight => {}
            _ => {
                return Err(VirtioError::UsedIndex {
                    found,
                    seen: self.seen,
                    in_flight,
                });
            }
        }
        // The index before what it makes visible: the entry, and what the device wrote.
        fence(Ordering::Acquire);
        let entry = USED + 4 + 8 * usize::from(self.seen & (self.size - 1));
        let id = self.dma.load32(entry);
        let length = self.dma.load32(entry + 4);
        let chain = id as usize;
        let known = self.chains.get(chain).filter(|own| own.descriptors != 0);
        let Some(&Chain { most, .. }) = known else {
            return Err(VirtioError::UsedId { id });
        };
        if length > most {
            return Err(VirtioError::UsedLength { length, most });
        }
        self.seen = self.seen.wrapping_add(1);
        self.release(chain);
        Ok(Some(UsedChain {
            chain,
            length,
            most,
        }))
    }

    /// Whether the device has used chains that have not been collected.
    #[inline]
    pub fn has_used(&self) -> bool {
        self.dma.load16(USED + 2) != self.seen
    }

    /// Chains that are staged or with the device.
    pub fn in_flight(&self) -> usize {
        self.in_flight.into()
    }

    /// How many chains have been staged so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the device still has one of the first so many chains that were staged.
    pub fn has_of_the_first(&self, count: u64) -> bool {
        let mut chains = self.chains.iter();
        chains.any(|own| own.descriptors != 0 && own.number < count)
    }

    /// Whether a chain that is staged or with the device begins with a descriptor.
    pub fn is_chain(&self, head: usize) -> bool {
        self.chains
            .get(head)
            .is_some_and(|own| own.descriptors != 0)
    }

    /// Asks for an interrupt with the next used chain, or for none. After asking for one, look at
    /// [`SplitQueue::has_used`] once more before waiting for it.
    pub fn set_interrupts(&mut self, wanted: bool) {
        let flags = if wanted { 0 } else { NO_INTERRUPT };
        self.dma.store16(AVAILABLE, flags);
        // The flag before the next look at the used index (section 2.7.7).
        fence(Ordering::SeqCst);
    }

    /// Takes back one chain from a device that has been stopped; `None` when there is none.
    pub fn abandon(&mut self) -> Option<usize> {
        let chain = self.chains.iter().position(|own| own.descriptors != 0)?;
        self.release(chain);
        Some(chain)
    }

    /// The descriptors of a chain are free again.
    #[inline]
    fn release(&mut self, chain: usize) {
        let Chain { descriptors, .. } = core::mem::take(&mut self.chains[chain]);
        let mut own = chain as u8;
        for _ in 0..descriptors {
            self.free[usize::from(self.free_count)] = own;
            self.free_count += 1;
            own = self.next[usize::from(own)];
        }
        self.in_flight -= 1;
    }
}

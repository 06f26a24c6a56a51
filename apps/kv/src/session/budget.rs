//! What all clients together may have.

/// What all clients together may have sent that was not answered, and what else is kept for them.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: usize,
}

impl Budget {
    /// So many bytes.
    pub fn new(most: usize) -> Budget {
        Budget { most, used: 0 }
    }

    /// Bytes that clients have.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether there is less left than so many bytes.
    pub(crate) fn lacks(&self, bytes: usize) -> bool {
        self.used.saturating_add(bytes) > self.most
    }

    /// Takes so many bytes, if there are.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let is_there = !self.lacks(bytes);
        if is_there {
            self.used += bytes;
        }
        is_there
    }

    /// Gives so many bytes back.
    pub(crate) fn give(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Has a number of bytes become another one, whether there is room or not.
    pub(crate) fn exchange(&mut self, before: usize, after: usize) {
        self.give(before);
        self.used += after;
    }
}

//! A doorbell that remembers one ring, as a notification does.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A doorbell; its copies are the same one.
#[derive(Clone, Default)]
pub struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    /// Rings it.
    pub fn ring(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_one();
    }

    /// Waits until it rings, or so long. Tells whether it rang.
    pub fn wait(&self, at_most: Duration) -> bool {
        let rung = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self
            .0
            .1
            .wait_timeout_while(rung, at_most, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

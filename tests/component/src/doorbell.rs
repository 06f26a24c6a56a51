//! Notifications: bits that are set by those who ring, and taken by the one who waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use atoll_channel::{Doorbell, WakeWords};

/// A notification. Its copies are the same one.
#[derive(Clone, Default)]
pub struct Notification(Arc<(Mutex<u64>, Condvar)>);

impl Notification {
    /// Sets the bits of a badge, which is not zero.
    pub fn ring(&self, badge: u64) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) |= badge;
        self.0.1.notify_one();
    }

    /// Waits until a bit is set, or so long. Takes the bits.
    pub fn wait(&self, at_most: Duration) -> u64 {
        let bits = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bits, _) = self
            .0
            .1
            .wait_timeout_while(bits, at_most, |bits| *bits == 0)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *bits)
    }
}

/// How the other side of a channel is woken.
pub enum PeerDoorbell {
    /// By its notification.
    Directly(Notification, u64),
    /// By the connection's bit in wake words, and the notification of the server that takes the bits.
    ByServer(WakeWords, usize, Notification),
}

/// Badge of everything by which a server, a vcore or a driver is woken.
pub const WOKEN: u64 = 1;

impl Doorbell for PeerDoorbell {
    fn ring(&mut self) {
        match self {
            PeerDoorbell::Directly(notification, badge) => notification.ring(*badge),
            PeerDoorbell::ByServer(words, connection, server) => {
                words.set(*connection);
                server.ring(WOKEN);
            }
        }
    }
}

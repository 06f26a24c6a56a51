//! How a component notes what it does: see [`atoll_abi::timeline`].
//!
//! A [`Recorder`] is of one writer, which has one thread. Without the feature `on` it is nothing and does nothing, so that who calls it needs
//! no condition.

#![no_std]
#![deny(unsafe_code)]

#[cfg(any(feature = "on", test))]
mod window;

use atoll_abi::timeline::{Channel, Kind};

/// Where a writer notes what it does. A copy is of the same writer.
#[derive(Clone, Copy, Default)]
pub struct Recorder {
    #[cfg(feature = "on")]
    window: Option<window::Window>,
}

impl Recorder {
    /// One that writes nothing.
    pub const NONE: Recorder = Recorder {
        #[cfg(feature = "on")]
        window: None,
    };

    /// That of a writer whose window has so many bytes; where these are too few for a record, it writes nothing.
    ///
    /// # Safety
    /// `window` points to so many bytes, aligned to 8, that stay mapped writable for good and that this address space uses as a window of
    /// a timeline only. The recorder and its copies are used by one thread at a time.
    #[allow(unsafe_code, reason = "the caller promises what a window needs")]
    #[inline]
    pub unsafe fn attach(_window: *mut u8, _bytes: u64) -> Recorder {
        Recorder {
            // SAFETY: the caller promises the same.
            #[cfg(feature = "on")]
            window: unsafe { window::Window::attach(_window, _bytes) },
        }
    }

    /// Notes something that happens now.
    #[inline(always)]
    pub fn note(&self, _kind: Kind, _first: u64) {
        #[cfg(feature = "on")]
        if let Some(window) = &self.window {
            window.write(window::now(), _kind, 0, [_first, 0]);
        }
    }

    /// Notes that the writer is about to enter the kernel to sleep.
    #[inline(always)]
    pub fn sleeps(&self) {
        self.note(Kind::Sleeps, 0);
    }

    /// Notes that the writer is awake, woken by those whose badges are given.
    #[inline(always)]
    pub fn wakes(&self, badges: u64) {
        self.note(Kind::Wakes, badges);
    }

    /// What notes the messages of a channel.
    #[inline(always)]
    pub fn tap(&self, _channel: Channel) -> Tap {
        Tap {
            #[cfg(feature = "on")]
            window: self.window,
            #[cfg(feature = "on")]
            channel: _channel.to_raw(),
        }
    }
}

/// Where the messages of one channel are noted.
#[derive(Clone, Copy, Default)]
pub struct Tap {
    #[cfg(feature = "on")]
    window: Option<window::Window>,
    #[cfg(feature = "on")]
    channel: u32,
}

impl Tap {
    /// Whether anything is noted: where not, there is no need to ask for messages.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        #[cfg(feature = "on")]
        return self.window.is_some();
        #[cfg(not(feature = "on"))]
        false
    }

    /// Notes messages that are sent or taken together, now, by their first two words.
    #[inline(always)]
    pub fn messages(&self, _kind: Kind, _messages: impl Iterator<Item = [u64; 2]>) {
        #[cfg(feature = "on")]
        if let Some(window) = &self.window {
            let now = window::now();
            for words in _messages {
                window.write(now, _kind, self.channel, words);
            }
        }
    }

    /// Notes that the doorbell of the channel's other side is rung.
    #[inline(always)]
    pub fn rang(&self) {
        self.messages(Kind::Rang, core::iter::once([0; 2]));
    }
}

#[cfg(all(test, not(feature = "on")))]
mod tests {
    use super::*;

    #[test]
    fn what_writes_nothing_is_nothing() {
        assert_eq!([size_of::<Recorder>(), size_of::<Tap>()], [0, 0]);
        assert!(!Recorder::NONE.tap(Channel::Vcore(0)).is_on());
    }
}

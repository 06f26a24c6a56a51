//! Message infos.

use crate::{Word, sys};

/// The label of a message and how much comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageInfo(sys::seL4_MessageInfo);

impl MessageInfo {
    /// A message info.
    ///
    /// Panics in builds with debug assertions if a part does not fit its field, which depends on the kernel version; a
    /// label of 20 bits and a length of 120 fit everywhere.
    pub const fn new(label: Word, caps_unwrapped: usize, extra_caps: usize, length: usize) -> Self {
        Self(sys::seL4_MessageInfo::new(
            label,
            caps_unwrapped as u64,
            extra_caps as u64,
            length as u64,
        ))
    }

    pub(crate) const fn from_inner(inner: sys::seL4_MessageInfo) -> Self {
        Self(inner)
    }

    pub(crate) const fn into_inner(self) -> sys::seL4_MessageInfo {
        self.0
    }

    /// The label.
    pub const fn label(&self) -> Word {
        self.0.get_label()
    }

    /// Which capabilities arrived as badges: a bit for each.
    pub const fn caps_unwrapped(&self) -> usize {
        self.0.get_capsUnwrapped() as usize
    }

    /// The number of capabilities.
    pub const fn extra_caps(&self) -> usize {
        self.0.get_extraCaps() as usize
    }

    /// The number of words.
    pub const fn length(&self) -> usize {
        self.0.get_length() as usize
    }
}

/// Puts a message info together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageInfoBuilder {
    label: Word,
    caps_unwrapped: usize,
    extra_caps: usize,
    length: usize,
}

impl MessageInfoBuilder {
    /// Sets the label.
    pub const fn label(mut self, label: Word) -> Self {
        self.label = label;
        self
    }

    /// Sets which capabilities are badges.
    pub const fn caps_unwrapped(mut self, caps_unwrapped: usize) -> Self {
        self.caps_unwrapped = caps_unwrapped;
        self
    }

    /// Sets the number of capabilities.
    pub const fn extra_caps(mut self, extra_caps: usize) -> Self {
        self.extra_caps = extra_caps;
        self
    }

    /// Sets the number of words.
    pub const fn length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// The message info.
    pub const fn build(self) -> MessageInfo {
        MessageInfo::new(
            self.label,
            self.caps_unwrapped,
            self.extra_caps,
            self.length,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_back() {
        let info = MessageInfoBuilder::default()
            .label(0xfffff)
            .caps_unwrapped(5)
            .extra_caps(3)
            .length(120)
            .build();
        assert_eq!(
            (
                info.label(),
                info.caps_unwrapped(),
                info.extra_caps(),
                info.length()
            ),
            (0xfffff, 5, 3, 120)
        );
    }
}

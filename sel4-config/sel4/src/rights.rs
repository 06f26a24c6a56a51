//! Rights of capabilities.

use crate::sys;

/// What a capability allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapRights(sys::seL4_CapRights);

impl CapRights {
    pub(crate) const fn into_inner(self) -> sys::seL4_CapRights {
        self.0
    }

    const fn new(grant_reply: bool, grant: bool, read: bool, write: bool) -> Self {
        Self(sys::compat::cap_rights(grant_reply, grant, read, write))
    }

    /// Nothing.
    pub const fn none() -> Self {
        Self::new(false, false, false, false)
    }

    /// Everything.
    pub const fn all() -> Self {
        Self::new(true, true, true, true)
    }

    /// Reading and writing.
    pub const fn read_write() -> Self {
        Self::new(false, false, true, true)
    }

    /// Reading.
    pub const fn read_only() -> Self {
        Self::new(false, false, true, false)
    }

    /// Writing.
    pub const fn write_only() -> Self {
        Self::new(false, false, false, true)
    }
}

/// Puts rights together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapRightsBuilder {
    grant_reply: bool,
    grant: bool,
    read: bool,
    write: bool,
}

impl CapRightsBuilder {
    /// Starts from nothing.
    pub const fn none() -> Self {
        Self {
            grant_reply: false,
            grant: false,
            read: false,
            write: false,
        }
    }

    /// Starts from everything.
    pub const fn all() -> Self {
        Self {
            grant_reply: true,
            grant: true,
            read: true,
            write: true,
        }
    }

    /// Allows granting the right to reply.
    pub const fn grant_reply(mut self, allowed: bool) -> Self {
        self.grant_reply = allowed;
        self
    }

    /// Allows granting capabilities.
    pub const fn grant(mut self, allowed: bool) -> Self {
        self.grant = allowed;
        self
    }

    /// Allows reading or receiving.
    pub const fn read(mut self, allowed: bool) -> Self {
        self.read = allowed;
        self
    }

    /// Allows writing or sending.
    pub const fn write(mut self, allowed: bool) -> Self {
        self.write = allowed;
        self
    }

    /// The rights.
    pub const fn build(self) -> CapRights {
        CapRights::new(self.grant_reply, self.grant, self.read, self.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builder_and_presets_agree() {
        assert_eq!(CapRightsBuilder::all().build(), CapRights::all());
        assert_eq!(CapRightsBuilder::none().build(), CapRights::none());
        assert_eq!(
            CapRightsBuilder::none().read(true).write(true).build(),
            CapRights::read_write()
        );
        let inner = CapRights::read_only().into_inner();
        assert_eq!(
            (inner.get_capAllowRead(), inner.get_capAllowWrite()),
            (1, 0)
        );
    }
}

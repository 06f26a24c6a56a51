//! How a store is made, and what it does when it is full.

/// Bytes of an answer at most, where nothing else is said.
pub const LONGEST_ANSWER: usize = 2 << 20;

/// When changes are on stable storage: the words of Redis. Who runs the store decides what they mean.
pub(crate) const SYNC_WORDS: [&str; 3] = ["always", "everysec", "no"];

/// The one that counts until a client sets another one.
pub(super) const FIRST_SYNC_WORD: &str = "everysec";

/// How a store is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that keys and values may take, about.
    pub memory: usize,
    /// How many shards it has: 1 at least, [`super::MOST_SHARDS`] at most. As many commands run at the same time.
    pub shards: usize,
    /// What chance and hashes begin with: it should be random, so that no client can choose keys that fall together.
    pub seed: u64,
    /// The time that it is told is that of the calendar.
    pub has_calendar: bool,
    /// What is changed is kept until it is taken ([`super::Store::take_changes`]). Who says so and does not take it fills the memory.
    pub keeps_changes: bool,
    /// Bytes of an answer at most, but for its errors and for what is around its last value. It has to be longer than the longest
    /// value.
    pub longest_answer: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            memory: 1 << 20,
            shards: 1,
            seed: 0x000a_7011,
            has_calendar: false,
            keeps_changes: false,
            longest_answer: LONGEST_ANSWER,
        }
    }
}

/// What a store does that is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It refuses what takes more room.
    #[default]
    NoEviction,
    /// It removes keys that were not used for a long time.
    AllLru,
    /// The same, of those that expire.
    VolatileLru,
    /// It removes keys by chance.
    AllRandom,
    /// The same, of those that expire.
    VolatileRandom,
    /// It removes the keys that expire next.
    VolatileTtl,
}

impl Policy {
    /// All of them, with their names.
    pub(crate) const ALL: [(Policy, &'static str); 6] = [
        (Policy::NoEviction, "noeviction"),
        (Policy::AllLru, "allkeys-lru"),
        (Policy::VolatileLru, "volatile-lru"),
        (Policy::AllRandom, "allkeys-random"),
        (Policy::VolatileRandom, "volatile-random"),
        (Policy::VolatileTtl, "volatile-ttl"),
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let found = Policy::ALL.iter().find(|(policy, _)| *policy == self);
        found.map_or("", |(_, name)| name)
    }

    /// The one of a name.
    pub(crate) fn of(name: &[u8]) -> Option<Policy> {
        let mut all = Policy::ALL.iter();
        let found = all.find(|(_, it)| name.eq_ignore_ascii_case(it.as_bytes()));
        found.map(|(policy, _)| *policy)
    }
}

//! Sets of shards, by their numbers.

/// Shards that there may be: as many as a process may have vcores.
pub const MOST_SHARDS: usize = 64;

/// Which shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardSet(u64);

impl ShardSet {
    /// No shard.
    pub(crate) const NONE: ShardSet = ShardSet(0);

    /// The first ones, so many.
    pub(crate) fn first(count: usize) -> ShardSet {
        ShardSet(u64::MAX >> (MOST_SHARDS - count.clamp(1, MOST_SHARDS)))
    }

    /// With one shard more.
    pub(crate) fn with(self, shard: usize) -> ShardSet {
        ShardSet(self.0 | 1 << (shard % MOST_SHARDS))
    }

    /// Those of either.
    pub(crate) fn union(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 | other.0)
    }

    /// How many.
    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first one.
    pub(crate) fn least(self) -> Option<usize> {
        (!self.is_empty()).then_some(self.0.trailing_zeros() as usize)
    }

    /// Whether a shard is one of them.
    pub(crate) fn has(self, shard: usize) -> bool {
        self.0 & 1 << (shard % MOST_SHARDS) != 0
    }
}

//! What a component counts of its kernel entries and of the bytes that it copies, where it has the feature `measured`. Without
//! it nothing is counted, and nothing costs an instruction.

#[cfg(feature = "measured")]
mod counts {
    use core::sync::atomic::AtomicU64;

    pub static ENTRIES: AtomicU64 = AtomicU64::new(0);
    pub static COPIED: AtomicU64 = AtomicU64::new(0);
}

/// Counts an entry into the kernel, which is about to be made.
#[inline(always)]
pub fn entry() {
    #[cfg(feature = "measured")]
    add(&counts::ENTRIES, 1);
}

/// Counts bytes that were copied from or to blocks of a client.
#[inline(always)]
pub fn copied(_bytes: usize) {
    #[cfg(feature = "measured")]
    add(&counts::COPIED, _bytes as u64);
}

/// Kernel entries so far.
#[cfg(feature = "measured")]
pub fn entries() -> u64 {
    counts::ENTRIES.load(core::sync::atomic::Ordering::Relaxed)
}

/// Bytes copied so far.
#[cfg(feature = "measured")]
pub fn bytes_copied() -> u64 {
    counts::COPIED.load(core::sync::atomic::Ordering::Relaxed)
}

#[cfg(feature = "measured")]
fn add(count: &core::sync::atomic::AtomicU64, more: u64) {
    count.fetch_add(more, core::sync::atomic::Ordering::Relaxed);
}

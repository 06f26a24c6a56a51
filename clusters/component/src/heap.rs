//! The heap of a component that enables the feature `heap`. It claims it once, before anything is allocated: a server or driver
//! an arena in its image, a service the memory that its root task mapped for it.
//!
//! Where the heap is used up, the component panics with the size of what it wanted, and so ends.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::layout::{COMPONENT_HEAP_SIZE, HEAP};
use talc::{ErrOnOom, Span, Talc, Talck};

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; COMPONENT_HEAP_SIZE]>);

// SAFETY: the arena is touched only through the allocator, which has a lock.
unsafe impl Sync for Arena {}

// In the image of a component that claims it, and in no other one.
static ARENA: Arena = Arena(UnsafeCell::new([0; COMPONENT_HEAP_SIZE]));

#[global_allocator]
static ALLOCATOR: Talck<spin::Mutex<()>, ErrOnOom> = Talc::new(ErrOnOom).lock();

/// Gives the allocator the arena in the component's image.
///
/// # Panics
/// Where a heap was claimed before.
pub fn claim_arena() {
    claim(Span::from_array(ARENA.0.get()));
}

/// Gives the allocator so many bytes at [`HEAP`], which the root task mapped.
///
/// # Panics
/// Where a heap was claimed before, or these bytes are too few for one.
pub fn claim_mapped(size: usize) {
    claim(Span::from_base_size(HEAP as *mut u8, size));
}

fn claim(span: Span) {
    static CLAIMED: AtomicBool = AtomicBool::new(false);
    let again = CLAIMED.swap(true, Ordering::Relaxed);
    assert!(!again, "a component has one heap");
    // SAFETY: it is the arena, or writable memory that the root task mapped for the heap alone, as many bytes as it says;
    // nothing else has either of them, and none is claimed twice.
    let claimed = unsafe { ALLOCATOR.lock().claim(span) };
    assert!(
        claimed.is_ok(),
        "a heap of {} bytes is too small",
        span.size()
    );
}

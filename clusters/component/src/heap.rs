//! The heap of a component that enables the feature `heap`: a fixed arena in its image, for tables that it allocates once,
//! when it starts.
//!
//! Where the arena is used up, the component panics with the size of what it wanted, and so ends.

use core::cell::UnsafeCell;

use talc::{ClaimOnOom, Span, Talc, Talck};

/// Bytes of a component's heap.
pub const HEAP_SIZE: usize = atoll_abi::layout::COMPONENT_HEAP_SIZE;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; HEAP_SIZE]>);

// SAFETY: the arena is touched only through the allocator, which has a lock.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; HEAP_SIZE]));

#[global_allocator]
static ALLOCATOR: Talck<spin::Mutex<()>, ClaimOnOom> = Talck::new(Talc::new(
    // SAFETY: the arena is given to this allocator alone.
    unsafe { ClaimOnOom::new(Span::from_array(ARENA.0.get())) },
));

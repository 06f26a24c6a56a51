//! The heap of a root task: a fixed arena in its image.

use core::cell::UnsafeCell;

use talc::{ClaimOnOom, Span, Talc, Talck};

use crate::HEAP_SIZE;

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

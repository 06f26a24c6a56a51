//! The heap of a process.

use atoll_abi::layout;
use talc::{ErrOnOom, Span, Talc, Talck};

#[global_allocator]
static HEAP: Talck<spin::Mutex<()>, ErrOnOom> = Talc::new(ErrOnOom).lock();

/// Gives the allocator the process's heap. Called once, before anything is allocated.
pub(crate) fn claim(size: usize) {
    let span = Span::from_base_size(layout::HEAP as *mut u8, size);
    // SAFETY: the root task mapped that much writable memory there, for the heap alone.
    let claimed = unsafe { HEAP.lock().claim(span) };
    assert!(claimed.is_ok(), "a heap of {size} bytes is too small");
}

//! Where a vcore notes what it does.

use core::mem::offset_of;
use core::ptr;

use atoll_abi::layout;
use atoll_abi::process::ProcInfo;
use atoll_timeline::Recorder;

/// Where a vcore notes what it does: to be used on that vcore alone.
#[inline(always)]
pub(super) fn recorder(vcore: usize) -> Recorder {
    if cfg!(feature = "timeline") {
        own_recorder(vcore)
    } else {
        Recorder::NONE
    }
}

fn own_recorder(vcore: usize) -> Recorder {
    let size = layout::PROCINFO + offset_of!(ProcInfo, timeline_size);
    // SAFETY: the root task mapped the page there, and every bit pattern of the word is a value.
    let bytes = unsafe { ptr::with_exposed_provenance::<u32>(size).read_volatile() };
    let window = ptr::with_exposed_provenance_mut(layout::timeline(vcore));
    // SAFETY: the root task maps a window of this size there for each vcore of the process, and leaves it. It is used by recorders only,
    // those of this vcore by its thread.
    unsafe { Recorder::attach(window, bytes.into()) }
}

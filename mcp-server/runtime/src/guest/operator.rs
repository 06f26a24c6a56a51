//! What an operator may do: see what its cluster's channels tell, and have its cluster's server stopped.
//!
//! A process is one where the plan says `operator = true`.

use core::ptr;

use atoll_abi::layout::{self, request, slot};
use atoll_abi::plan::MAX_CHANNELS;
use atoll_channel::Telemetry;
use sel4::{MessageInfo, cap};

use crate::runtime::Runtime;

/// What both sides tell of one direction of a channel of the cluster: `ring` 0 is that on which the channel's first cluster
/// sends, 1 that on which its second one does.
///
/// # Panics
/// Where there can be no such ring. Where the plan has none, or this process is no operator, the process faults.
pub fn telemetry(channel: usize, ring: usize) -> Telemetry {
    assert!(channel < MAX_CHANNELS && ring < 2);
    let page = ptr::with_exposed_provenance(layout::telemetry(channel, ring));
    // SAFETY: the root task mapped the first page of the ring there for an operator; for anybody else nothing is mapped
    // there, and nothing else ever is.
    unsafe { Telemetry::read(page) }
}

/// Has the server of the process's cluster stopped, whatever it is doing. Everybody who has calls with it learns that it is
/// gone, this process too. Tells whether that was begun; it is not where the process is no operator.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn stop_server() -> bool {
    let (_, vcore) = Runtime::current_vcore();
    let root_task = cap::Endpoint::from_bits(slot::FAULT_ENDPOINTS + vcore as u64);
    let answer = root_task.call(MessageInfo::new(request::STOP_SERVER, 0, 0, 0));
    answer.label() == 0
}

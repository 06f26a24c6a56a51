//! The windows in which components note what they do.

use atoll_abi::layout::{self, PAGE_SIZE};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::Writer;
use sel4::CapRights;

use crate::authority::Authority;
use crate::component::Component;

/// Maps the window of a writer in its component, where the plan has a timeline. It is in memory that no instance has, so that it outlives
/// the writer.
pub fn map(authority: &mut Authority, plan: &Plan, writer: Writer, component: &mut Component<'_>) {
    let Some(physical) = plan.timeline_window(writer) else {
        return;
    };
    let vcore = match writer {
        Writer::Vcore { vcore, .. } => vcore,
        Writer::Server(_) | Writer::Service(_) | Writer::Driver(_) => 0,
    };
    component.map_outside(
        authority,
        physical,
        layout::timeline(vcore),
        plan.timeline_window_size() as usize / PAGE_SIZE,
        CapRights::read_write(),
    );
}

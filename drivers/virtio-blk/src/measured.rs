//! The driver's own loop of transfers, for benchmarks.

use atoll_abi::benchmark::{TRANSFER_SHAPES, TransferShape};
use atoll_abi::plan::{NONE, Plan, ServiceKind};
use atoll_component::ticks;
use atoll_virtio_blk::bare::{self, Loop, Taken};
use atoll_virtio_blk::{Disk, Extent, Operation};

use atoll_driver::guest::Transport;

/// Runs the bare loops on the first partition that is used as it is, with the blocks of a process, and prints what they took. No
/// process has a block in a call yet: the driver is not ready.
pub fn run_loops(
    plan: &Plan,
    device: usize,
    disk: &mut Disk<Transport>,
    extents: &[Option<Extent>],
) {
    let raw = ServiceKind::Blocks as u32;
    let mut services = plan.services_of_device(device).zip(extents);
    let extent = services.find_map(|((_, own), extent)| extent.filter(|_| own.kind == raw));
    let pool = plan.pools().iter().find(|pool| pool.process != NONE);
    let (Some(extent), Some(pool)) = (extent, pool) else {
        return;
    };
    disk.set_interrupts(false);
    for (name, operation) in [("read", Operation::Read), ("write", Operation::Write)] {
        for shape in TRANSFER_SHAPES {
            let TransferShape {
                order,
                blocks,
                depth,
                bytes,
            } = shape;
            let work = Loop {
                operation,
                blocks,
                order,
                depth,
                bytes,
            };
            if (blocks * depth) << order > pool.blocks as usize {
                continue;
            }
            let Some(taken) = bare::run(disk, extent, pool.base, &work, ticks) else {
                atoll_component::log(format_args!("a loop of {name}s has failed"));
                return;
            };
            let Taken {
                ticks,
                elapsed,
                requests,
            } = taken;
            atoll_component::log(format_args!(
                r#"result {{"kind":"loop","operation":"{name}","blocks":{blocks},"order":{order},"depth":{depth},"bytes":{bytes},"elapsed":{elapsed},"driver":{ticks},"requests":{requests}}}"#
            ));
        }
    }
}

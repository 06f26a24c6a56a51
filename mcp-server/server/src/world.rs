//! What a personality acts on.

use alloc::vec::Vec;

use atoll_abi::frame::FrameState;
use atoll_abi::message::Payload;
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::Completion;
use atoll_channel::{Link, LinkError};
use atoll_core::Actions;
use atoll_core::vcore::VcoreSets;

use crate::row::Row;

/// What the personality has done to the world, beside what goes through rings.
pub trait Kernel {
    /// Nanoseconds on a clock that never goes backwards.
    fn now(&mut self) -> u64;

    /// See [`Actions::start_vcore`].
    fn start_vcore(&mut self, process: ProcessId, vcore: usize);

    /// See [`Actions::stop_vcore`].
    fn stop_vcore(&mut self, process: ProcessId, vcore: usize);

    /// See [`Actions::wake_vcore`].
    fn wake_vcore(&mut self, process: ProcessId, vcore: usize);

    /// See [`Actions::publish_vcores`].
    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets);

    /// See [`Actions::publish_alarms`].
    fn publish_alarms(&mut self, process: ProcessId, vcores: u64);

    /// See [`Actions::publish_many_core`].
    fn publish_many_core(&mut self, process: ProcessId);

    /// See [`Actions::place_frame`].
    fn place_frame(&mut self, frame: usize, process: usize);

    /// See [`Actions::publish_frame`].
    fn publish_frame(&mut self, frame: usize, state: FrameState);

    /// See [`Actions::print_line`].
    fn print_line(&mut self, process: ProcessId, line: &str);

    /// See [`Actions::process_ended`].
    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32);
}

/// What the personality acts on: the rings of its processes, and the kernel.
pub(crate) struct World<L, K> {
    pub(crate) row: Row<L>,
    pub(crate) kernel: K,
    /// Process and vcore of the links whose `broken` is set: there is room for each one once.
    pub(crate) broken: Vec<(usize, usize)>,
}

impl<L: Link, K: Kernel> Actions for World<L, K> {
    fn complete(&mut self, process: ProcessId, vcore: usize, completions: &[Completion]) {
        let Some(own) = self.row.of(usize::from(process.index), vcore) else {
            return;
        };
        match own.link.send(Completion::as_messages(completions)) {
            Ok(sent) if sent == completions.len() => {}
            // There was room when the calls were taken.
            Ok(_) | Err(LinkError::Full | LinkError::Broken) => {
                if !core::mem::replace(&mut own.broken, true) {
                    self.broken.push((usize::from(process.index), vcore));
                }
            }
        }
    }

    fn start_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.kernel.start_vcore(process, vcore);
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.kernel.stop_vcore(process, vcore);
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.kernel.wake_vcore(process, vcore);
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        self.kernel.publish_vcores(process, vcores);
    }

    fn publish_alarms(&mut self, process: ProcessId, vcores: u64) {
        self.kernel.publish_alarms(process, vcores);
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        self.kernel.publish_many_core(process);
    }

    fn place_frame(&mut self, frame: usize, process: usize) {
        self.kernel.place_frame(frame, process);
    }

    fn publish_frame(&mut self, frame: usize, state: FrameState) {
        self.kernel.publish_frame(frame, state);
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        self.kernel.print_line(process, line);
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32) {
        self.kernel.process_ended(process, status, max_granted);
    }
}

//! A kernel that notes what is done with it.

use atoll_abi::process::ProcessId;
use atoll_core::vcore::VcoreSets;
use atoll_server::Kernel;

/// What was done.
#[derive(Default)]
pub struct Events {
    pub now: u64,
    pub lines: Vec<String>,
    pub woken: Vec<usize>,
    pub ended: Vec<(u16, u64)>,
    pub started: Vec<usize>,
    pub noted: VcoreSets,
    pub alarms: u64,
}

impl Kernel for Events {
    fn now(&mut self) -> u64 {
        self.now
    }

    fn start_vcore(&mut self, _: ProcessId, vcore: usize) {
        self.started.push(vcore);
    }

    fn stop_vcore(&mut self, _: ProcessId, _: usize) {}

    fn wake_vcore(&mut self, _: ProcessId, vcore: usize) {
        self.woken.push(vcore);
    }

    fn publish_vcores(&mut self, _: ProcessId, vcores: VcoreSets) {
        self.noted = vcores;
    }

    fn publish_alarms(&mut self, _: ProcessId, vcores: u64) {
        self.alarms = vcores;
    }

    fn publish_many_core(&mut self, _: ProcessId) {}

    fn print_line(&mut self, _: ProcessId, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, _: u32) {
        self.ended.push((process.index, status));
    }
}

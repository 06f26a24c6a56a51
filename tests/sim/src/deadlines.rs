//! Calls that an honest process ends early, and the alarms that wake its vcores for that.

use atoll_abi::interface::request;
use atoll_abi::syscall::Status;
use atoll_call::NEVER;

use crate::process::{Process, Target};
use crate::simulation::Simulation;
use crate::workload::to_server;

impl Process {
    /// Ends calls whose deadline has passed, and cancels one now and then.
    pub fn end_some_early(&mut self, world: &Simulation, vcore: usize) {
        let now = world.state.borrow().now;
        let cancel = world.state.borrow_mut().random.one_in(12);
        let calls = &mut self.vcores[vcore];
        let mut ends = Vec::new();
        for target in [Target::Server, Target::Files] {
            while let Some(ended) = calls.end(target).expire(now) {
                ends.push(ended);
            }
        }
        if cancel && !world.scenario.script {
            let place = match calls.recent.len() {
                0 => 0,
                count => world.state.borrow_mut().random.index(count),
            };
            if let Some((target, tag)) = calls.recent.remove(place) {
                ends.extend(calls.end(target).end_early(tag, Status::Cancelled));
            }
        }
        for ended in ends {
            self.ended_call(world, vcore, ended, true);
        }
    }

    /// Has the server wake a vcore at the deadline of its next call, where it is not going to before. Tells whether it was
    /// asked to.
    pub fn needs_alarm(&mut self, world: &Simulation, vcore: usize) -> bool {
        let now = world.state.borrow().now;
        let calls = &mut self.vcores[vcore];
        let deadline = calls
            .server
            .next_deadline()
            .min(calls.files.next_deadline());
        if calls.alarm <= now {
            calls.alarm = NEVER;
        }
        // A vcore that is giving itself back is about to be stopped.
        if deadline >= calls.alarm || calls.yielding || self.exiting {
            return false;
        }
        let nanoseconds = deadline.saturating_sub(now);
        let alarm = to_server(request::SetAlarm { nanoseconds }, Some(Status::Done));
        // Without a credit, completions are on their way, which wake the vcore.
        let staged = calls.server.room(1).is_ok();
        if staged {
            calls.alarm = deadline;
            self.stage(world, vcore, alarm);
        }
        staged
    }
}

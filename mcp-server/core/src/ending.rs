//! How a process ends.

use crate::calls::Origin;
use crate::environment::Environment;
use crate::files::Client;
use crate::finish::closing;
use crate::personality::{FAULT_STATUS, Personality};
use crate::process::State;
use atoll_abi::layout::MAX_VCORES;

impl Personality {
    /// Ends a process that somebody else found unable to go on, with an exit status: a vcore took a fault, say.
    pub fn lose_process<E: Environment>(
        &mut self,
        process: usize,
        status: u64,
        environment: &mut E,
    ) {
        if self.processes.get(process).is_some_and(|t| t.is_alive()) {
            self.counters.process_faults += 1;
            self.end_process(process, status, environment);
        }
    }

    /// Ends a process that broke the protocol of its rings.
    pub(crate) fn fault_process<E: Environment>(&mut self, process: usize, environment: &mut E) {
        if !self.processes.get(process).is_some_and(|t| t.is_alive()) {
            return;
        }
        self.counters.process_faults += 1;
        environment.print_line(process, "ended: it broke the protocol of its rings");
        self.end_process(process, FAULT_STATUS, environment);
    }

    /// Stops a process and cancels what can be cancelled. What cannot is waited for: see [`Personality::retire`].
    pub(crate) fn end_process<E: Environment>(
        &mut self,
        process: usize,
        status: u64,
        environment: &mut E,
    ) {
        let Some(tenant) = self.processes.get_mut(process) else {
            return;
        };
        if tenant.transition(State::Dying).is_err() {
            return;
        }
        tenant.exit_status = status;
        for vcore in 0..MAX_VCORES {
            if tenant.vcores.give_back(vcore) {
                environment.stop_vcore(process, vcore);
            }
        }
        environment.publish_granted(process, tenant.vcores.granted());
        for ring in &mut tenant.rings {
            ring.line
                .finish(|line| environment.print_line(process, line));
        }
        // Nobody waits for blocks that came back late.
        while let Some(id) = self.calls.pop(&mut tenant.returned) {
            tenant.outstanding -= 1;
            self.calls.remove(id);
        }
        self.files.close_all(Client::Process(process as u8));
        self.cancel_waiting(process);
    }

    /// Brings dying processes closer to their end: closes what they left open elsewhere, and reports those of which
    /// nothing is under way any more.
    pub(crate) fn retire<E: Environment>(&mut self, environment: &mut E) -> bool {
        let mut worked = false;
        for process in 0..self.process_end {
            let dying = self
                .processes
                .get(process)
                .is_some_and(|tenant| tenant.state == State::Dying);
            if !dying {
                continue;
            }
            while self.close_one(process) {
                worked = true;
            }
            let Some(tenant) = self.processes.get_mut(process) else {
                continue;
            };
            if tenant.outstanding > 0 || tenant.remote.count() > 0 {
                continue;
            }
            if tenant.transition(State::Dead).is_ok() {
                environment.process_ended(process, tenant.exit_status, tenant.vcores.most());
                worked = true;
            }
        }
        worked
    }

    /// Closes one file that a dying process left open in another cluster. Tells whether there was one.
    fn close_one(&mut self, process: usize) -> bool {
        let channel = self.file_channel(process);
        let Some(tenant) = self.processes.get_mut(process) else {
            return false;
        };
        if tenant.outstanding >= self.share {
            return false;
        }
        let Some(handle) = tenant.remote.remove_any() else {
            return false;
        };
        let Some(channel) = channel else {
            return true;
        };
        let origin = Origin::Closing {
            process: process as u8,
        };
        if let Some(id) = self.calls.insert(closing(), origin) {
            tenant.outstanding += 1;
            let pool = tenant.pool;
            self.send_remote(id, channel, pool, handle);
        }
        true
    }
}

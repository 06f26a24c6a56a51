//! One vcore of an honest process: it takes completions, ends calls early, makes calls in batches, and sleeps.

use atoll_abi::message::Payload;
use atoll_abi::syscall::Completion;
use atoll_call::Loss;
use atoll_channel::{Link, Side};

use crate::port::Port;
use crate::process::Target;
use crate::simulation::Simulation;

/// A vcore.
pub struct Vcore {
    process: usize,
    vcore: usize,
    server: Port,
    files: Port,
    armed: bool,
}

impl Vcore {
    /// A vcore that was never started; `again` where one of an earlier life of the process was.
    pub fn new(world: &Simulation, process: usize, vcore: usize, again: bool) -> Vcore {
        let number = world.connection_of(process, vcore);
        Vcore {
            process,
            vcore,
            server: world.server_port(process, vcore, Side::First, again),
            files: world.connection_port(number, Side::First, again),
            armed: false,
        }
    }

    fn link(&mut self, target: Target) -> &mut Port {
        match target {
            Target::Server => &mut self.server,
            Target::Files => &mut self.files,
        }
    }

    /// One turn of its runtime.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.vcore(self.process, self.vcore);
        self.disarm();
        // A server that died has ended the process: this is the one that starts it.
        if self.server.peer_changed() && self.server.reattach().is_none() {
            self.sleep(world);
            return;
        }
        if self.files.peer_changed() {
            self.follow_service(world);
        }
        let mut worked = false;
        for target in [Target::Server, Target::Files] {
            worked |= self.take_completions(world, target);
        }
        if !world.runs(me) {
            return;
        }
        let process = &world.processes[self.process];
        process.borrow_mut().end_some_early(world, self.vcore);
        worked |= process.borrow_mut().plan(world, self.vcore);
        // A vcore that gives itself back does so last.
        for target in [Target::Files, Target::Server] {
            worked |= self.send(world, target);
        }
        if !worked && world.runs(me) {
            self.go_to_sleep(world);
        }
    }

    /// The service has died or come back: what was under way has ended.
    fn follow_service(&mut self, world: &Simulation) {
        let process = &world.processes[self.process];
        process
            .borrow_mut()
            .on_service_lost(world, self.vcore, Loss::Death);
        if self.files.reattach().is_some() {
            let calls = &mut process.borrow_mut().vcores[self.vcore];
            calls.files.reconnect();
            calls.service_life = world.state.borrow().service_life;
        }
    }

    /// The service broke the protocol.
    fn give_up_service(&mut self, world: &Simulation) {
        world.processes[self.process]
            .borrow_mut()
            .on_service_lost(world, self.vcore, Loss::Fault);
        self.files.close();
    }

    fn files_are_lost(&self, world: &Simulation) -> bool {
        let process = world.processes[self.process].borrow();
        process.vcores[self.vcore].files.loss().is_some()
    }

    fn take_completions(&mut self, world: &Simulation, target: Target) -> bool {
        if target == Target::Files && self.files_are_lost(world) {
            return false;
        }
        let most = 1 + world.state.borrow_mut().random.index(12);
        let mut batch = [[0; 7]; 12];
        let Ok(count) = self.link(target).receive(&mut batch[..most]) else {
            // That of an honest peer was noted where it was found.
            if target == Target::Files {
                self.give_up_service(world);
            }
            return true;
        };
        let mut process = world.processes[self.process].borrow_mut();
        for message in &batch[..count] {
            let completion = Completion::from_message(message);
            process.complete(world, self.vcore, target, &completion);
        }
        count > 0
    }

    /// Sends what is staged. Tells whether there was anything.
    fn send(&mut self, world: &Simulation, target: Target) -> bool {
        let staged = {
            let mut process = world.processes[self.process].borrow_mut();
            let end = process.vcores[self.vcore].end(target);
            let staged = end.staged().to_vec();
            end.sent();
            staged
        };
        if staged.is_empty() {
            return false;
        }
        if self.link(target).send(&staged) != Ok(staged.len()) && target == Target::Files {
            self.give_up_service(world);
        }
        true
    }

    /// Sleeps until it is rung; where a call has a deadline, with an alarm.
    fn go_to_sleep(&mut self, world: &Simulation) {
        let process = &world.processes[self.process];
        if process.borrow_mut().needs_alarm(world, self.vcore) {
            self.send(world, Target::Server);
            return;
        }
        if !self.server.arm() {
            return;
        }
        self.armed = true;
        let quiet = match self.files_are_lost(world) {
            true => !self.files.peer_changed(),
            false => self.files.arm(),
        };
        if quiet {
            self.sleep(world);
        } else {
            self.disarm();
        }
    }

    fn sleep(&mut self, world: &Simulation) {
        let me = world.vcore(self.process, self.vcore);
        self.armed = true;
        if !world.state.borrow_mut().sleep(me, None) {
            self.disarm();
        }
    }

    fn disarm(&mut self) {
        if std::mem::take(&mut self.armed) {
            self.server.disarm();
            self.files.disarm();
        }
    }

    /// What it would do something about, by window.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        let lost = self.files_are_lost(world);
        [&self.server, &self.files].into_iter().find_map(|port| {
            let waiting = port.waiting_messages(world);
            if waiting > 0 && !(lost && port.window == self.files.window) {
                return Some((port.window, format!("{waiting} messages")));
            }
            let news = port.has_news(world);
            news.then(|| (port.window, "news of its peer".to_owned()))
        })
    }
}

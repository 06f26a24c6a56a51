//! One vcore of an honest process: it takes completions, makes calls in batches, and sleeps.

use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::Completion;
use atoll_channel::Side;

use crate::port::{Port, Stop};
use crate::simulation::Simulation;

/// A vcore.
pub struct Vcore {
    process: usize,
    vcore: usize,
    port: Port,
    armed: bool,
}

impl Vcore {
    /// A vcore that was never started.
    pub fn new(simulation: &Simulation, process: usize, vcore: usize) -> Vcore {
        Vcore {
            process,
            vcore,
            port: simulation.vcore_port(process, vcore, Side::Second, false),
            armed: false,
        }
    }

    /// One turn of its runtime.
    pub fn step(&mut self, simulation: &Simulation) {
        if std::mem::take(&mut self.armed) {
            self.port.end.receiver.disarm();
        }
        let process = &simulation.processes[self.process];
        if self.port.end.receiver.peer_changed() {
            process.borrow_mut().lose_server(simulation, self.vcore);
            // While there is no server, the one that comes will start the vcore.
            if !self.port.end.renew() {
                self.sleep(simulation);
                return;
            }
        }
        let most = 1 + simulation.state.borrow_mut().random.below(12);
        let mut worked = false;
        for _ in 0..most {
            match self.port.receive(simulation) {
                Ok(Some(message)) => {
                    worked = true;
                    let completion = Completion::from_message(&message);
                    let mut process = process.borrow_mut();
                    process.complete(simulation, self.vcore, &completion);
                }
                Ok(None) => break,
                Err(Stop::Dead) => return,
                Err(_) => {
                    simulation.violate("honesty: a server broke a process's ring".to_owned());
                    return;
                }
            }
        }
        let calls = process.borrow_mut().plan(simulation, self.vcore);
        if !calls.is_empty() {
            let messages: Vec<Message> =
                calls.iter().map(|call| call.syscall.to_message()).collect();
            let mut sent = 0;
            let stop = self.port.send(simulation, &messages, |count| {
                sent = count;
                let mut process = process.borrow_mut();
                process.submitted(simulation, self.vcore, &calls[..count]);
            });
            process
                .borrow_mut()
                .not_submitted(self.vcore, &calls[sent..]);
            match stop {
                Ok(_) => worked = true,
                // The credits of a vcore are the slots of its ring; a server that is dead takes nothing out.
                Err(Stop::Full) => {}
                Err(Stop::Dead) => return,
                Err(Stop::Broken) => {
                    simulation.violate("honesty: a server broke a process's ring".to_owned());
                }
            }
        }
        if !worked {
            match self.port.end.receiver.arm() {
                Ok(true) => self.sleep(simulation),
                Ok(false) => {}
                Err(_) => {
                    simulation.violate("honesty: a server broke a process's ring".to_owned());
                }
            }
        }
    }

    fn sleep(&mut self, simulation: &Simulation) {
        let me = simulation.vcore(self.process, self.vcore);
        self.armed = true;
        if !simulation.state.borrow_mut().sleep(me, None) {
            self.port.end.receiver.disarm();
            self.armed = false;
        }
    }

    /// Completions in its ring.
    pub fn backlog(&self, simulation: &Simulation) -> Option<(usize, usize)> {
        let waiting = self.port.waiting(simulation);
        (waiting > 0).then_some((self.port.window, waiting))
    }
}

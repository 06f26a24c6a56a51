//! A block driver and its device: requests end out of order, fail half-way, and the driver dies in the middle.

use std::collections::VecDeque;

use atoll_abi::block::{BlockReply, BlockRequest, BlockStatus};
use atoll_abi::message::Payload;
use atoll_channel::{CAPACITY, Side};

use crate::machine::DEVICE_SECTORS;
use crate::port::{Port, Stop};
use crate::simulation::Simulation;
use crate::supervisor;

/// What a sector of the device holds.
pub fn content(sector: u64) -> u64 {
    sector.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5ec7_0123
}

struct Job {
    request: BlockRequest,
    written: u64,
    /// Sectors after which the device fails.
    fails_after: Option<u64>,
}

/// The driver of cluster 0.
pub struct Driver {
    port: Port,
    jobs: Vec<Job>,
    replies: VecDeque<BlockReply>,
    armed: bool,
    /// How the device of this run is: one job in so many fails, one in so many kills the driver.
    may_die: bool,
}

impl Driver {
    /// A driver with nothing to do; `again` where another one died before.
    pub fn new(simulation: &Simulation, again: bool) -> Driver {
        let may_die = simulation.state.borrow_mut().random.one_in(2);
        Driver {
            port: simulation.driver_port(0, Side::Second, again),
            jobs: Vec::new(),
            replies: VecDeque::new(),
            armed: false,
            may_die,
        }
    }

    /// Drops what is under way: nothing is written any more.
    pub fn quiesce(&mut self) {
        self.jobs.clear();
        self.replies.clear();
    }

    /// Takes requests, moves one of them on, and sends replies.
    pub fn step(&mut self, simulation: &Simulation) {
        let me = simulation.driver(0);
        if std::mem::take(&mut self.armed) {
            self.port.end.receiver.disarm();
        }
        if self.port.end.receiver.peer_changed() {
            self.quiesce();
            if !self.port.end.renew() {
                simulation.state.borrow_mut().sleep(me, None);
                return;
            }
        }
        while self.jobs.len() < CAPACITY {
            match self.port.receive(simulation) {
                Ok(Some(message)) => self.accept(simulation, BlockRequest::from_message(&message)),
                Ok(None) => break,
                Err(Stop::Dead) => return,
                Err(_) => {
                    simulation.violate("honesty: the server broke its driver's ring".to_owned());
                    return;
                }
            }
        }
        if !self.jobs.is_empty() && !self.work(simulation) {
            return;
        }
        while let Some(reply) = self.replies.front() {
            match self.port.send(simulation, &[reply.to_message()], |_| {}) {
                Ok(_) => self.replies.pop_front(),
                Err(Stop::Full) => break,
                Err(_) => return,
            };
        }
        if self.jobs.is_empty() && self.replies.is_empty() {
            self.armed = self.port.end.receiver.arm().unwrap_or(false);
            if self.armed && !simulation.state.borrow_mut().sleep(me, None) {
                self.port.end.receiver.disarm();
                self.armed = false;
            }
        }
    }

    fn accept(&mut self, simulation: &Simulation, request: BlockRequest) {
        let state = &mut *simulation.state.borrow_mut();
        let fails = simulation.scenario.driver_fails && !state.calm && state.random.one_in(6);
        self.jobs.push(Job {
            request,
            written: 0,
            fails_after: fails.then(|| state.random.below(u64::from(request.sectors))),
        });
    }

    /// Writes a few sectors of one job. Tells whether the driver still lives.
    fn work(&mut self, simulation: &Simulation) -> bool {
        let (index, sectors) = {
            let random = &mut simulation.state.borrow_mut().random;
            (random.index(self.jobs.len()), 1 + random.below(8))
        };
        for _ in 0..sectors {
            let job = &mut self.jobs[index];
            let request = job.request;
            let failed = job.fails_after == Some(job.written);
            if failed || job.written == u64::from(request.sectors) {
                let status = match failed {
                    true => BlockStatus::DeviceError,
                    false => BlockStatus::Done,
                };
                self.jobs.swap_remove(index);
                if failed {
                    let state = &mut *simulation.state.borrow_mut();
                    state.tally.faults += 1;
                    if self.may_die && state.random.one_in(4) {
                        supervisor::kill(simulation, state, simulation.driver(0));
                        return false;
                    }
                }
                self.replies.push_back(BlockReply {
                    tag: request.tag,
                    status: status as u32,
                    padding: 0,
                    capacity: DEVICE_SECTORS,
                    reserved: [0; 4],
                });
                return true;
            }
            let value = content(request.sector + job.written);
            simulation.write_sector(request.pool, request.block, job.written, value);
            job.written += 1;
            if !simulation.point(simulation.driver(0)) {
                return false;
            }
        }
        true
    }

    /// Messages in its ring.
    pub fn backlog(&self, simulation: &Simulation) -> Option<(usize, usize)> {
        let waiting = self.port.waiting(simulation);
        (waiting > 0).then_some((self.port.window, waiting))
    }
}

//! A block driver and its device: transfers end out of order, fail half-way, and the driver dies in the middle.

use std::collections::VecDeque;

use atoll_abi::interface::{DiskCall, request};
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_channel::{CAPACITY, Link, Side};
use atoll_test_support::disk::description;

use crate::faults;
use crate::machine::DEVICE_SECTORS;
use crate::port::Port;
use crate::simulation::Simulation;

struct Job {
    syscall: Syscall,
    read: request::ReadSectors,
    written: u64,
    /// Sectors after which the device fails.
    fails_after: Option<u64>,
}

/// The driver of the device, in cluster 0.
pub struct Driver {
    port: Port,
    jobs: Vec<Job>,
    answers: VecDeque<Completion>,
    armed: bool,
    /// How the device of this run is: whether a failure may kill the driver.
    may_die: bool,
    /// When the device can be used. One that takes long lets calls pile up.
    ready: u64,
}

impl Driver {
    /// A driver with nothing to do; `again` where another one died before.
    pub fn new(world: &Simulation, again: bool) -> Driver {
        let state = &mut *world.state.borrow_mut();
        let may_die = world.scenario.device_fails && state.random.one_in(2);
        let slow = world.scenario.flooding_process;
        let ready = if slow { state.random.below(150_000) } else { 0 };
        Driver {
            port: world.connection_port(0, Side::Second, again),
            jobs: Vec::new(),
            answers: VecDeque::new(),
            armed: false,
            may_die,
            ready,
        }
    }

    /// Resets the device and drops what is under way: nothing is written any more.
    pub fn quiesce(&mut self) {
        self.jobs.clear();
        self.answers.clear();
    }

    /// Takes calls, moves one of the transfers on, and answers.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.driver();
        if world.state.borrow().now < self.ready {
            return;
        }
        if std::mem::take(&mut self.armed) {
            self.port.disarm();
        }
        if self.port.peer_changed() {
            self.quiesce();
            if self.port.reattach().is_none() {
                self.sleep(world);
                return;
            }
        }
        let room = CAPACITY - self.jobs.len() - self.answers.len();
        let mut calls = [[0; 7]; CAPACITY];
        // A broken ring is noted where it is found.
        let count = self.port.receive(&mut calls[..room]).unwrap_or(0);
        for call in calls[..count].iter().map(Syscall::from_message) {
            self.accept(world, call);
        }
        if !world.runs(me) || (!self.jobs.is_empty() && !self.work(world)) {
            return;
        }
        if !self.answers.is_empty() {
            let answers = self.answers.make_contiguous();
            match self.port.send(Completion::as_messages(answers)) {
                Ok(sent) => drop(self.answers.drain(..sent)),
                Err(_) => self.answers.clear(),
            }
        }
        if self.jobs.is_empty() && self.answers.is_empty() && self.port.arm() {
            self.sleep(world);
        }
    }

    fn sleep(&mut self, world: &Simulation) {
        self.armed = true;
        if world.runs(world.driver()) && !world.state.borrow_mut().sleep(world.driver(), None) {
            self.port.disarm();
            self.armed = false;
        }
    }

    fn accept(&mut self, world: &Simulation, syscall: Syscall) {
        let read = match DiskCall::decode(&syscall) {
            Ok(DiskCall::ReadSectors(read)) => read,
            Ok(DiskCall::DescribeDisk(_)) => {
                let description = description(DEVICE_SECTORS);
                let completion = Completion::of(&syscall, Status::Done, description);
                return self.answers.push_back(completion);
            }
            Ok(_) => return self.answer(&syscall, Status::UnknownCall, 0),
            Err(status) => return self.answer(&syscall, status, 0),
        };
        let state = &mut *world.state.borrow_mut();
        let fails = world.scenario.device_fails && !state.calm && state.random.one_in(6);
        self.jobs.push(Job {
            syscall,
            read,
            written: 0,
            fails_after: fails.then(|| state.random.below(u64::from(read.sectors))),
        });
    }

    fn answer(&mut self, syscall: &Syscall, status: Status, sectors: u64) {
        let completion = Completion::of(syscall, status, [sectors, 0]);
        self.answers.push_back(completion);
    }

    /// Writes a few sectors of one transfer. Tells whether the driver still lives.
    fn work(&mut self, world: &Simulation) -> bool {
        let (index, sectors) = {
            let random = &mut world.state.borrow_mut().random;
            (random.index(self.jobs.len()), 1 + random.below(8))
        };
        for _ in 0..sectors {
            let job = &mut self.jobs[index];
            let failed = job.fails_after == Some(job.written);
            if failed || job.written == u64::from(job.read.sectors) {
                let (syscall, written) = (job.syscall, job.written);
                self.jobs.swap_remove(index);
                if failed {
                    let state = &mut *world.state.borrow_mut();
                    state.tally.faults += 1;
                    if self.may_die && state.random.one_in(4) {
                        faults::kill(world, state, world.driver());
                        return false;
                    }
                }
                let status = match failed {
                    true => Status::DeviceError,
                    false => Status::Done,
                };
                self.answer(&syscall, status, written);
                return true;
            }
            world.write_sector(&job.read, job.syscall.block, job.written);
            job.written += 1;
            if !world.point(world.driver()) {
                return false;
            }
        }
        true
    }

    /// What it would do something about, by window.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        let waiting = self.port.waiting_messages(world);
        let news = self.port.has_news(world);
        (waiting > 0 || news).then(|| (self.port.window, format!("{waiting} messages")))
    }
}

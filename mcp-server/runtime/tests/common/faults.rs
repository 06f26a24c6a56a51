//! How the server and the services of a test die, come back, and break the protocol.

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::Syscall;
use atoll_channel::{Endpoint, Side, announce_lost, window};
use atoll_runtime::world::World;

use super::Manners;
use super::server::{Answer, Server};

impl Server {
    /// A server or service is stopped in the middle of everything, as its supervisor does it and announces it.
    pub fn die(&mut self, channel: usize) {
        let of_it = |held: &mut (usize, usize, Syscall)| held.0 == channel;
        for (_, _, syscall) in self.held.extract_if(.., of_it) {
            self.busy.remove(&syscall.block);
        }
        let of_it = |answer: &mut Answer| answer.0 == channel;
        for (_, _, answer) in self.answers.extract_if(.., of_it) {
            self.busy.remove(&answer.block);
        }
        for (vcore, line) in self.lines[channel].iter_mut().enumerate() {
            line.endpoint = None;
            line.outstanding = 0;
            // SAFETY: a whole window; this side does nothing any more.
            unsafe { announce_lost(line.window.0, Side::Second) };
            self.host.wake_vcore(vcore);
        }
    }

    /// The server dies and is not started again, which the root task says first.
    pub fn die_for_good(&mut self) {
        self.host.procinfo.lock().unwrap().server_down = 1;
        self.die(0);
    }

    /// The server or a service comes back: all its sides, before it serves a call.
    pub fn revive(&mut self, channel: usize) {
        if let Some(service) = channel.checked_sub(1) {
            self.lives[service] += 1;
        }
        for line in &mut self.lines[channel] {
            assert!(line.endpoint.is_none(), "it lives");
            // SAFETY: the window lives for good; the dead side does nothing any more.
            line.endpoint = Some(unsafe { Endpoint::attach_again(line.window.0, Side::Second) });
        }
        for vcore in 0..self.lines[channel].len() {
            self.host.wake_vcore(vcore);
        }
    }

    /// The server or a service begins its channels anew with the life of the process that there is now.
    pub fn meet(&mut self, channel: usize) {
        for (vcore, line) in self.lines[channel].iter_mut().enumerate() {
            let endpoint = line.endpoint.as_mut().expect("it lives");
            assert!(endpoint.reattach(), "the process lives");
            self.host.wake_vcore(vcore);
        }
    }

    /// Writes garbage where the next completion's sequence number belongs.
    pub fn corrupt(&mut self, channel: usize, vcore: usize) {
        let sequence = window::RING + window::SLOTS;
        let window = self.lines[channel][vcore].window.0;
        for slot in 0..RING_SLOTS {
            // SAFETY: inside the window, whose other side reads it only atomically.
            unsafe {
                let word = window.add(sequence + slot * 64);
                // Of this generation, and of no lap.
                word.cast::<u64>().write_volatile((1 << 48) - 1);
            }
        }
        self.host.wake_vcore(vcore);
        if channel == 0 {
            self.manners = Manners::Honest;
        }
    }
}

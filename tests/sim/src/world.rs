//! What a server's personality asks of the simulator. Between any two calls, and between any two ring steps in a call, others
//! act.

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest};
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::CAPACITY;
use atoll_core::{Environment, PeerFault, Personality, SendRefused};
use zerocopy::IntoBytes;

use crate::driver::content;
use crate::machine::{POOL_BLOCKS, volume};
use crate::port::{Port, Stop};
use crate::server::Ports;
use crate::simulation::Simulation;

/// What the personality reaches the rest through.
pub struct World<'a> {
    pub simulation: &'a Simulation,
    pub cluster: usize,
    pub ports: &'a mut Ports,
    /// It died in this step: the rest of the step has no effect on anybody.
    pub dead: bool,
}

impl World<'_> {
    /// Takes messages: one by one, or in a batch, as the seed will.
    fn receive(
        &mut self,
        port: impl FnOnce(&mut Ports) -> Option<&mut Port>,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        let Some(port) = port(self.ports).filter(|_| !self.dead) else {
            return Ok(0);
        };
        match port.receive_batch(self.simulation, into) {
            Ok(count) => Ok(count),
            Err(Stop::Dead) => {
                self.dead = true;
                Ok(0)
            }
            Err(_) => Err(PeerFault),
        }
    }

    fn send(
        &mut self,
        port: impl FnOnce(&mut Ports) -> Option<&mut Port>,
        messages: &[Message],
    ) -> Result<usize, SendRefused> {
        if self.dead {
            return Ok(messages.len());
        }
        let Some(port) = port(self.ports) else {
            return Err(SendRefused::Closed);
        };
        match port.send(self.simulation, messages, |_| {}) {
            Ok(count) => Ok(count),
            Err(Stop::Full) => Err(SendRefused::Full),
            Err(Stop::Broken) => Err(SendRefused::Closed),
            Err(Stop::Dead) => {
                self.dead = true;
                Ok(messages.len())
            }
        }
    }

    /// Sees to channels whose peer died, or came back: ends what was under way and begins anew. Tells whether there was
    /// one.
    pub fn renew(&mut self, personality: &mut Personality, all: bool) -> bool {
        let mut any = false;
        for channel in 0..self.ports.channels.len() {
            let port = self.ports.channels[channel].as_mut();
            let Some(port) = port.filter(|port| all || port.end.receiver.peer_changed()) else {
                continue;
            };
            any = true;
            if port.end.renew() {
                personality.open_channel(channel as u8, port.end.generation());
            } else {
                personality.lose_channel(channel as u8);
            }
            if !self.point() {
                break;
            }
        }
        any
    }

    /// Gives a channel up whose peer broke the protocol, and tells the peer: it may have calls there.
    fn close(&mut self, channel: usize) {
        if let Some(port) = &mut self.ports.channels[channel] {
            port.end.close();
            port.ring(self.simulation);
        }
    }

    /// A point between two calls; whether the server still lives.
    fn point(&mut self) -> bool {
        let me = self.simulation.server(self.cluster);
        self.dead = self.dead || !self.simulation.point(me);
        !self.dead
    }
}

impl Environment for World<'_> {
    fn now(&mut self) -> u64 {
        self.simulation.state.borrow().now
    }

    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault> {
        self.receive(
            |ports| ports.vcores[process].get_mut(vcore),
            Syscall::as_messages_mut(into),
        )
    }

    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused> {
        self.send(
            |ports| ports.vcores[process].get_mut(vcore),
            Completion::as_messages(completions),
        )
    }

    fn unread(&mut self, process: usize, vcore: usize) -> usize {
        if !self.point() {
            return 0;
        }
        let port = &mut self.ports.vcores[process][vcore];
        CAPACITY - port.end.sender.free().unwrap_or(0)
    }

    fn receive_channel(
        &mut self,
        channel: usize,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        let received = self.receive(|ports| ports.channels[channel].as_mut(), into);
        if received.is_err() {
            self.close(channel);
        }
        received
    }

    fn send_channel(&mut self, channel: usize, messages: &[Message]) -> Result<usize, SendRefused> {
        let sent = self.send(|ports| ports.channels[channel].as_mut(), messages);
        if sent == Err(SendRefused::Closed) {
            self.close(channel);
        }
        sent
    }

    fn receive_replies(&mut self, into: &mut [BlockReply]) -> Result<usize, PeerFault> {
        // A driver that died is not used any more.
        let port = self.ports.driver.as_ref().filter(|_| !self.dead);
        if port.is_some_and(|port| port.end.receiver.peer_changed()) {
            return Err(PeerFault);
        }
        self.receive(
            |ports| ports.driver.as_mut(),
            BlockReply::as_messages_mut(into),
        )
    }

    fn send_requests(&mut self, requests: &[BlockRequest]) -> Result<usize, SendRefused> {
        self.send(
            |ports| ports.driver.as_mut(),
            BlockRequest::as_messages(requests),
        )
    }

    fn start_vcore(&mut self, process: usize, vcore: usize) {
        if self.point() {
            self.simulation.start_vcore(process, vcore);
        }
    }

    fn stop_vcore(&mut self, process: usize, vcore: usize) {
        if self.point() {
            let id = self.simulation.vcore(process, vcore);
            self.simulation.state.borrow_mut().status[id].granted = false;
        }
    }

    fn publish_granted(&mut self, _process: usize, _granted: u64) {
        self.point();
    }

    fn print_line(&mut self, process: usize, line: &str) {
        if self.point() {
            let mut process = self.simulation.processes[process].borrow_mut();
            process.lines.push(line.to_owned());
        }
    }

    fn process_ended(&mut self, process: usize, status: u64, _max_granted: u32) {
        if self.point() {
            let mut process = self.simulation.processes[process].borrow_mut();
            process.end(self.simulation, status);
        }
    }

    fn server_block(&mut self, index: usize, into: &mut [u8; BLOCK_SIZE]) {
        self.point();
        let pool = self.simulation.scenario.all_processes();
        let state = self.simulation.state.borrow();
        let held = state.memory[pool * POOL_BLOCKS as usize + index];
        // Sector 0 of the device is where the header is: what else is in the block is no header.
        if held == std::array::from_fn(|sector| content(sector as u64)) {
            let header = volume();
            into[..header.as_bytes().len()].copy_from_slice(header.as_bytes());
        } else {
            into.fill(0xa5);
        }
    }
}

//! Peers that lie: they write anything anywhere in their windows, and send messages that look right and are not.

use std::collections::VecDeque;

use atoll_abi::layout::RING_WINDOW_SIZE;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{ANSWER, Completion, Syscall};
use atoll_channel::{Side, window};

use crate::memory::WORDS;
use crate::port::Port;
use crate::random::Random;
use crate::simulation::Simulation;
use crate::state::Id;

/// How it attaches one of its ports again, as another incarnation.
type Again = fn(&Simulation, usize) -> Port;

/// Somebody who lies.
pub struct Liar {
    ports: Vec<Port>,
    /// Names a port to `again`.
    numbers: Vec<usize>,
    again: Option<Again>,
    /// Messages that it got or sent, to be sent again.
    seen: VecDeque<Message>,
}

impl Liar {
    fn new(ports: Vec<Port>, numbers: Vec<usize>, again: Option<Again>) -> Liar {
        Liar {
            ports,
            numbers,
            again,
            seen: VecDeque::new(),
        }
    }

    /// The server of a cluster. It serves none of its own processes.
    pub fn server(simulation: &Simulation, cluster: usize) -> Liar {
        if cluster == 0 {
            let channels: Vec<usize> = (0..simulation.scenario.channels()).collect();
            let ports = channels
                .iter()
                .map(|&channel| simulation.channel_port(channel, Side::First, false));
            let again: Again =
                |simulation, channel| simulation.channel_port(channel, Side::First, true);
            return Liar::new(ports.collect(), channels, Some(again));
        }
        let port = simulation.channel_port(cluster - 1, Side::Second, false);
        let again: Again =
            |simulation, channel| simulation.channel_port(channel, Side::Second, true);
        Liar::new(vec![port], vec![cluster - 1], Some(again))
    }

    /// The block driver.
    pub fn driver(simulation: &Simulation) -> Liar {
        let port = simulation.driver_port(0, Side::Second, false);
        Liar::new(vec![port], vec![0], None)
    }

    /// A vcore.
    pub fn vcore(simulation: &Simulation, process: usize, vcore: usize) -> Liar {
        let port = simulation.vcore_port(process, vcore, Side::Second, false);
        Liar::new(vec![port], vec![vcore], None)
    }

    /// One lie, or none. It never sleeps in the fault phase: nobody can rely on its doorbell.
    pub fn step(&mut self, simulation: &Simulation, me: Id) {
        if simulation.state.borrow().calm {
            simulation.state.borrow_mut().sleep(me, None);
            return;
        }
        let (which, action) = {
            let state = &mut *simulation.state.borrow_mut();
            state.tally.faults += 1;
            (state.random.index(self.ports.len()), state.random.below(24))
        };
        let port = &mut self.ports[which];
        match action {
            0 => {
                let random = &mut simulation.state.borrow_mut().random;
                let (word, value) = (field(random), random.garbage());
                simulation.windows[port.window].poke(word, value);
            }
            1 => {
                if let Some(again) = self.again {
                    *port = again(simulation, self.numbers[which]);
                }
            }
            2..12 => {
                while let Ok(Some(message)) = port.receive(simulation) {
                    self.seen.push_back(message);
                    self.seen.truncate(16);
                }
                if port.end.receiver.peer_changed() {
                    port.end.renew();
                }
            }
            _ => {
                let message = self.invent(simulation);
                let _ = self.ports[which].send(simulation, &[message], |_| {});
            }
        }
    }

    /// A message that is nearly right.
    fn invent(&mut self, simulation: &Simulation) -> Message {
        let state = &mut *simulation.state.borrow_mut();
        let random = &mut state.random;
        let mut message = match self.seen.len() {
            0 => [0; 7],
            count => self.seen[random.index(count)],
        };
        match random.below(6) {
            // An answer to what was asked, once or again, right or wrong.
            0 | 1 => {
                let mut answer = Completion::from_message(&message);
                answer.tag = message[0] | ANSWER;
                answer.status = random.below(16) as u32;
                answer.result = [random.garbage(), random.garbage()];
                answer.generation = message[5] as u32;
                message = answer.to_message();
            }
            // A request for anything.
            2 | 3 => {
                let mut syscall = Syscall::from_message(&message);
                syscall.tag = random.garbage() & !ANSWER;
                syscall.call = random.below(13) as u16;
                syscall.pool = random.below(12) as u16;
                syscall.handle = random.garbage() as u32;
                syscall.arguments = std::array::from_fn(|_| random.garbage());
                syscall.block = random.below(10) as u32;
                syscall.generation = random.below(4) as u32;
                message = syscall.to_message();
            }
            4 => message[random.index(7)] = random.garbage(),
            // The same again.
            _ => {}
        }
        message
    }
}

/// A word of a window: one that somebody acts on, or any.
fn field(random: &mut Random) -> usize {
    let fields = [
        window::CONSUMED,
        window::ASLEEP,
        window::INCARNATION,
        window::SENT,
        window::SLOTS,
    ];
    let ring = random.index(2) * RING_WINDOW_SIZE / 2;
    match random.below(4) {
        0 => random.index(WORDS),
        1 => (ring + window::SLOTS + random.index(64) * 64) / 8,
        _ => (ring + fields[random.index(fields.len())]) / 8,
    }
}

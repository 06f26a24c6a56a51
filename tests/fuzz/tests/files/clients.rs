//! What hostile clients do: any calls, more than they may, broken rings, deaths and new lives.

use atoll_abi::interface::Call;
use atoll_abi::layout::{RING_SLOTS, service_badge};
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_component_tests::plan::name_of;
use atoll_fuzz::Script;

use super::{PROCESS_OF, RINGS, Run};

impl Run {
    fn call(&mut self, script: &mut Script, process: usize) -> Syscall {
        let open = self.model.borrow().open_handles(process);
        let call = match script.below(32) {
            // Without an open file there is little to try.
            8.. if open.is_empty() => Call::Open,
            0 => script.pick(Call::ALL).unwrap_or(Call::Stat),
            1..8 => Call::Open,
            8..14 => Call::Stat,
            14..17 => Call::Close,
            _ => Call::Read,
        };
        let names = ["input", "empty", "other", "absent"];
        let name = script.pick(&names).unwrap_or("input");
        let generation = u64::from(self.generations[process]);
        let handle = match script.pick(&open) {
            Some(handle) if !script.once_in(4) => handle,
            _ => script.word(&self.model.borrow().handles()),
        };
        let right = Syscall {
            tag: 0,
            call: call as u16,
            count: 0,
            handle: handle as u32,
            arguments: match call {
                Call::Open => name_of(name).to_words(),
                _ => [
                    script.word(&[0, 4096, 8192]),
                    script.word(&[4096, 513, 0]),
                    0,
                    0,
                ],
            },
            block: script.word(&[0, 1, 2, 3, 4, 5, 6, 7, 8, NO_BLOCK.into()]) as u32,
            generation: script.mostly(generation, &[0, 1, generation]) as u32,
        };
        let message = match script.below(16) {
            0 => script.message(),
            1 => script.spoiled(right.to_message()),
            _ => right.to_message(),
        };
        self.serial += 1;
        let call = Syscall {
            // Whatever else it is, the model has to know it again.
            tag: self.serial << 8 | u64::from(script.byte()),
            ..Syscall::from_message(&message)
        };
        // Calls of a later life begin it.
        self.generations[process] = self.generations[process].max(call.generation);
        call
    }

    /// A client makes calls, mostly no more than it has credits.
    pub fn calls(&mut self, script: &mut Script) {
        let ring = script.below(RINGS);
        let count = match script.below(16) {
            0 => script.below(100),
            _ => 1 + script.below(8),
        };
        for _ in 0..count {
            let call = self.call(script, PROCESS_OF[ring]);
            self.clients[ring].send_to_it(&call);
            // A ring has no more slots.
            self.clients[ring].rings().incoming.truncate(RING_SLOTS);
            self.flooded[ring] |= self.under_way(ring) > RING_SLOTS;
        }
        if std::mem::take(&mut self.clients[ring].rings().armed) {
            self.badges |= service_badge::client(ring);
        }
    }

    /// Calls that a client has under way: those that it has sent and of which it has not taken the completion.
    fn under_way(&self, ring: usize) -> usize {
        let rings = self.clients[ring].rings();
        let open = self.model.borrow().open_calls_of(ring);
        rings.incoming.len() + rings.outgoing.len() + open
    }

    fn stat(&mut self, ring: usize) {
        self.serial += 1;
        let call = Syscall {
            tag: self.serial << 8,
            call: Call::Stat as u16,
            generation: self.generations[PROCESS_OF[ring]],
            ..Syscall::EMPTY
        };
        self.clients[ring].send_to_it(&call);
        if std::mem::take(&mut self.clients[ring].rings().armed) {
            self.badges |= service_badge::client(ring);
        }
    }

    /// A client spends every credit that it has, and takes no completion before the service is at rest. The next call that it
    /// makes has to wake the service.
    pub fn fill(&mut self, ring: usize) {
        while self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
        }
        self.rest();
        self.take(ring, RING_SLOTS);
        if self.flooded[ring] || !self.host.listens(ring, RING_SLOTS) {
            return;
        }
        if self.asleep && self.badges == 0 && self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
            assert_ne!(
                self.badges, 0,
                "the service sleeps, and ring {ring} has a call"
            );
            self.seen.note("filled");
        }
    }

    /// A client takes some of its completions.
    pub fn take(&mut self, ring: usize, count: usize) -> bool {
        let mut any = false;
        for _ in 0..count {
            let Some(completion) = self.clients[ring].take::<Completion>() else {
                break;
            };
            any = true;
            self.seen.note(match Status::from_raw(completion.status) {
                Status::Done => "call done",
                Status::PeerLost => "call lost",
                Status::BadHandle => "bad handle",
                Status::BadBlock => "bad block",
                _ => "call refused",
            });
        }
        any
    }

    /// A client breaks its ring, dies, or comes back.
    pub fn change(&mut self, ring: usize, script: &mut Script) {
        let process = PROCESS_OF[ring];
        match script.below(4) {
            0 => {
                self.clients[ring].rings().broken = true;
                self.seen.note("broken ring");
            }
            1 => {
                self.clients[ring].rings().changed = Some((false, 0));
                self.seen.note("dead client");
            }
            _ => {
                if script.once_in(2) {
                    self.generations[process] = self.generations[process].saturating_add(1);
                }
                let generation = u32::from(script.byte());
                self.clients[ring].rings().changed = Some((true, generation));
                self.seen.note("client came back");
            }
        }
        self.badges |= service_badge::client(ring);
    }
}

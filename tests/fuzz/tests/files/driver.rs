//! What the driver does, right and wrong.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::service_badge;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_fuzz::Script;

use super::Run;

impl Run {
    /// The driver does one of the calls that it has as it should.
    pub fn drive(&mut self, place: usize) -> bool {
        let call = {
            let mut rings = self.driver.rings();
            let place = place.min(rings.outgoing.len().saturating_sub(1));
            rings.outgoing.remove(place)
        };
        let Some(call) = call else {
            return false;
        };
        let answer = self.carry_out(&Syscall::from_message(&call));
        self.answer(answer);
        true
    }

    fn carry_out(&mut self, call: &Syscall) -> Completion {
        self.disk.carry_out(call, &mut self.memory)
    }

    /// Spoils what the device has read for the service itself.
    fn spoil(&self, script: &mut Script) {
        let index = script.below(2) as u32;
        let mut block = self.memory.block(self.own_pool, index);
        let place = script.raw() as usize % BLOCK_SIZE;
        block[place] ^= script.byte().max(1);
        self.memory.fill(self.own_pool, index, &block);
    }

    fn answer(&mut self, completion: Completion) {
        self.driver.send_to_it(&completion);
        if std::mem::take(&mut self.driver.rings().armed) {
            self.badges |= service_badge::DRIVER;
        }
    }

    /// The driver does something that it should not.
    pub fn lie(&mut self, script: &mut Script) {
        let asked = self.model.borrow().at_driver.clone();
        let Some(call) = script.pick(&asked) else {
            let raw = Completion::from_message(&script.message());
            return self.answer(raw);
        };
        let mut answer = self.carry_out(&call);
        match script.below(8) {
            0 => answer.status = script.word(&[3, 8, 9, 13, 14]) as u32,
            1 => {
                answer.status = Status::DeviceError as u32;
                answer.block = NO_BLOCK;
            }
            2 => answer.block = script.word(&[0, 1, 7, 8, NO_BLOCK.into()]) as u32,
            3 => answer.result = [script.raw(), script.word(&[0, 8, 24, u64::MAX])],
            4 => answer.tag = script.word(&[answer.tag, 0, u64::MAX]),
            5 => self.spoil(script),
            _ => answer = Completion::from_message(&script.spoiled(answer.to_message())),
        }
        for _ in 0..1 + usize::from(script.once_in(4)) {
            self.answer(answer);
        }
        self.seen.note("lie");
    }

    /// The driver breaks its ring, dies, or comes back.
    pub fn change_driver(&mut self, script: &mut Script) {
        let mut rings = self.driver.rings();
        match script.below(6) {
            0 => rings.broken = true,
            1 => rings.changed = Some((false, 0)),
            _ => rings.changed = Some((true, 2)),
        }
        // What it was asked it does not know any more.
        rings.incoming.clear();
        rings.outgoing.clear();
        drop(rings);
        self.seen.note("driver changed");
        self.badges |= service_badge::DRIVER;
    }
}

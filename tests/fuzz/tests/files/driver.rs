//! What the driver does, right and wrong, and what its device writes for the service.

use std::cell::Cell;
use std::rc::Rc;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::service_badge;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_component_tests::disk::Disk;
use atoll_fuzz::Script;
use atoll_service::Memory;

use super::Run;

/// The block that the device wrote for the service: the header, or anything.
pub struct Header {
    /// The service's own pool.
    pub pool: u32,
    pub right: Rc<Disk>,
    pub spoiled: Rc<Cell<u64>>,
}

impl Memory for Header {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        assert_eq!((pool, index), (self.pool, 0));
        *into = *self.right.header();
        let spoiled = self.spoiled.get();
        into[spoiled as usize % 256] ^= (spoiled >> 8) as u8;
    }

    fn write_block(&mut self, pool: u32, index: u32, _: &[u8; BLOCK_SIZE]) {
        panic!("block {index} of pool {pool} is written");
    }
}

impl Run {
    /// The driver answers as it should.
    pub fn drive(&mut self) -> bool {
        let Some(call) = self.driver.take::<Syscall>() else {
            return false;
        };
        let answer = self.disk.answer(&call);
        self.answer(answer);
        true
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
        let mut answer = self.disk.answer(&call);
        match script.below(8) {
            0 => answer.status = script.word(&[3, 8, 9, 13, 14]) as u32,
            1 => {
                answer.status = Status::DeviceError as u32;
                answer.block = NO_BLOCK;
            }
            2 => answer.block = script.word(&[0, 1, 7, 8, NO_BLOCK.into()]) as u32,
            3 => answer.result = [script.raw(), script.word(&[0, 8, 24, u64::MAX])],
            4 => answer.tag = script.word(&[answer.tag, 0, u64::MAX]),
            5 => self.spoiled.set(script.raw()),
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
        match script.below(3) {
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

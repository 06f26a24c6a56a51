//! The service between its host and the model: every event and every action is shown to the model.

use std::cell::RefCell;
use std::rc::Rc;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::BlockUse;
use atoll_abi::message::Message;
use atoll_abi::syscall::Completion;
use atoll_call::{Actions, Event, Service};
use atoll_files::FileService;

use super::Model;

/// What a service did about one event.
enum Done {
    Completed(usize, Vec<Completion>),
    Called(Vec<Message>),
}

struct Recorder<'a, A> {
    actions: &'a mut A,
    model: &'a Model,
    done: Vec<Done>,
}

impl<A: Actions> Actions for Recorder<'_, A> {
    fn complete(&mut self, ring: usize, completions: &[Completion]) {
        self.done.push(Done::Completed(ring, completions.to_vec()));
        self.actions.complete(ring, completions);
    }

    fn call(&mut self, calls: &[Message]) {
        self.done.push(Done::Called(calls.to_vec()));
        self.actions.call(calls);
    }

    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        self.model.touches((pool, index), BlockUse::Read);
        self.actions.read_block(pool, index, into);
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        self.model.touches((pool, index), BlockUse::Written);
        self.actions.write_block(pool, index, from);
    }
}

/// A file service with its model.
pub struct Checked {
    /// The service.
    pub service: FileService,
    /// The model.
    pub model: Rc<RefCell<Model>>,
}

impl Service for Checked {
    fn room(&self, ring: usize, free: usize) -> usize {
        let room = self.service.room(ring, free);
        assert!(room <= free);
        room
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.service.is_quiet(ring)
    }

    fn is_busy(&self) -> bool {
        self.service.is_busy()
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        let mut model = self.model.borrow_mut();
        model.before(&event);
        let mut recorder = Recorder {
            actions,
            model: &model,
            done: Vec::new(),
        };
        self.service.handle(event, &mut recorder);
        let (mut answers, mut asked) = (Vec::new(), Vec::new());
        for done in recorder.done {
            match done {
                Done::Called(calls) => asked.extend(calls),
                Done::Completed(ring, completions) => {
                    answers.extend(completions.into_iter().map(|it| (ring, it)));
                }
            }
        }
        match event {
            Event::Calls { ring, calls } => model.in_order(ring, calls, answers),
            _ => model.together(answers),
        }
        asked.iter().for_each(|call| model.asked(call));
        assert_eq!(self.service.handles(), model.open());
        assert_eq!(self.service.device_calls(), model.at_driver.len());
        assert!(self.service.blocks_in_use() >= model.withheld.len());
    }
}

//! What is under way in every ring, kept apart from the rings: order, gaps, duplicates, and what waits for a receiver.

use std::collections::{BTreeMap, VecDeque};

use atoll_abi::message::Message;

/// The messages of one direction of one channel, by generation.
#[derive(Default)]
struct Link {
    /// One of its sides lies: anything may be in it.
    hostile: bool,
    queues: BTreeMap<u32, VecDeque<Message>>,
}

/// Every direction of every channel, by window and side of the sender.
#[derive(Default)]
pub struct Links {
    links: Vec<[Link; 2]>,
}

impl Links {
    /// Adds a window.
    pub fn add(&mut self, hostile: bool) {
        self.links.push([(); 2].map(|()| Link {
            hostile,
            queues: BTreeMap::new(),
        }));
    }

    /// Whether a side of a window lies.
    pub fn is_hostile(&self, window: usize) -> bool {
        self.links[window].iter().any(|link| link.hostile)
    }

    /// Messages were published.
    pub fn sent(&mut self, window: usize, side: usize, generation: u32, messages: &[Message]) {
        let link = &mut self.links[window][side];
        if !link.hostile {
            link.queues.entry(generation).or_default().extend(messages);
        }
    }

    /// A message was received.
    ///
    /// # Errors
    /// It is not the next one that was sent in this generation.
    pub fn received(
        &mut self,
        window: usize,
        side: usize,
        generation: u32,
        message: &Message,
    ) -> Result<(), String> {
        let link = &mut self.links[window][side];
        if link.hostile {
            return Ok(());
        }
        let expected = link.queues.entry(generation).or_default().pop_front();
        if expected == Some(*message) {
            return Ok(());
        }
        Err(format!(
            "order: window {window} delivered {message:x?} in generation {generation}, where {expected:x?} is next"
        ))
    }

    /// A message was taken by a side of which only that is seen.
    ///
    /// # Errors
    /// None was sent that it could be.
    pub fn taken(&mut self, window: usize, side: usize, generation: u32) -> Result<(), String> {
        let link = &mut self.links[window][side];
        let expected = link.queues.entry(generation).or_default().pop_front();
        match expected.is_some() || link.hostile {
            true => Ok(()),
            false => Err(format!(
                "order: window {window} had no message in generation {generation}, and one was taken"
            )),
        }
    }

    /// Messages that were sent and not received: at the end of a run, those of generations that are over.
    pub fn left(&self) -> u64 {
        let links = self.links.iter().flatten();
        let queues = links.flat_map(|link| link.queues.values());
        queues.map(|queue| queue.len() as u64).sum()
    }

    /// How many messages wait for a receiver.
    pub fn waiting(&self, window: usize, side: usize, generation: u32) -> usize {
        let queue = self.links[window][side].queues.get(&generation);
        queue.map_or(0, VecDeque::len)
    }
}

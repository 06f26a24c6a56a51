//! The driver: the calls to it, and those that wait until it can take one more.

use alloc::collections::VecDeque;

use atoll_abi::message::Message;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_call::{Answer, ClientEnd, Completed, Loss, NEVER, Waiter};

/// Generation of a service as the client of its driver. The channel between them has one of its own, so this one never
/// changes.
const GENERATION: u32 = 1;

/// For whom a call to the driver is made.
struct For<W>(W);

impl<W> Waiter for For<W> {
    fn keeps_answer(&self) -> bool {
        false
    }
}

/// The calls to the driver. `W` says for whom each is made.
pub struct Driver<W> {
    calls: ClientEnd<For<W>>,
    /// Calls without a credit.
    queue: VecDeque<(W, Syscall)>,
}

impl<W> Driver<W> {
    /// A driver of which at most so much is asked at once.
    pub fn new(calls: usize) -> Driver<W> {
        Driver {
            calls: ClientEnd::new(GENERATION),
            queue: VecDeque::with_capacity(calls),
        }
    }

    /// Whether the driver can be asked.
    pub fn is_lost(&self) -> bool {
        self.calls.loss().is_some()
    }

    /// Makes a call, now or when there is a credit.
    pub fn ask(&mut self, waiter: W, syscall: Syscall) {
        self.queue.push_back((waiter, syscall));
        self.stage();
    }

    fn stage(&mut self) {
        while self.calls.room(1).is_ok()
            && let Some((waiter, syscall)) = self.queue.pop_front()
        {
            self.calls.stage(syscall, For(waiter), NEVER, 0);
        }
    }

    /// Takes a call out of the queue; `false` where the driver has it, or there is none.
    pub fn withdraw(&mut self, is_it: impl Fn(&W) -> bool) -> bool {
        match self.queue.iter().position(|(waiter, _)| is_it(waiter)) {
            Some(place) => self.queue.remove(place).is_some(),
            None => false,
        }
    }

    /// Takes a completion of the driver; for whom it was, and how it went.
    pub fn complete(&mut self, completion: &Completion) -> Option<(W, Answer)> {
        let completed = self.calls.complete(completion);
        self.stage();
        match completed {
            Completed::Ended(ended) => Some((ended.waiter.0, ended.answer)),
            // A service takes no call back, so none is late.
            Completed::Late { .. } | Completed::Unmatched => None,
        }
    }

    /// The driver is lost: tells of each call that ends with it, and whether its blocks came back. Those that it never had give
    /// them back.
    pub fn lose(&mut self, loss: Loss, mut each: impl FnMut(W, bool)) {
        self.calls.lose(loss, |completed| {
            if let Completed::Ended(ended) = completed {
                each(ended.waiter.0, ended.answer.block_returned);
            }
        });
        for (waiter, _) in self.queue.drain(..) {
            each(waiter, true);
        }
    }

    /// There is a driver again.
    pub fn reconnect(&mut self) {
        self.calls.reconnect();
    }

    /// What is to be sent to the driver: there is room for it.
    pub fn staged(&self) -> &[Message] {
        self.calls.staged()
    }

    /// What was staged has been sent.
    pub fn sent(&mut self) {
        self.calls.sent();
    }

    /// Completions of the driver that answered no call.
    pub fn unmatched(&self) -> u64 {
        self.calls.unmatched()
    }

    /// Calls that the driver has not answered.
    pub fn in_flight(&self) -> usize {
        self.calls.in_flight()
    }
}

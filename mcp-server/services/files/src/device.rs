//! The device: calls to its driver, and those that wait until the driver can take one more.

use alloc::collections::VecDeque;

use atoll_abi::block::BlockList;
use atoll_abi::interface::{Request, request};
use atoll_abi::message::Message;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_call::{Answer, CallId, ClientEnd, Completed, Loss, NEVER, Waiter};

/// Generation of this service as the client of its driver. The channel between them has one of its own, so this one never
/// changes.
const GENERATION: u32 = 1;

/// For whom the driver does something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    /// This service, which has to know what its partition is.
    Description,
    /// This service, which needs its volume's header.
    Header,
    /// A call of a client.
    Call(CallId),
}

impl Waiter for Reader {
    fn keeps_answer(&self) -> bool {
        false
    }
}

/// Something that has been asked for.
pub(crate) struct Transfer {
    pub(crate) reader: Reader,
    syscall: Syscall,
}

impl Transfer {
    /// A question what the partition is.
    pub(crate) fn description() -> Transfer {
        Transfer {
            reader: Reader::Description,
            syscall: request::DescribeDisk {}.encode(),
        }
    }

    /// A read of sectors into blocks.
    pub(crate) fn read(
        reader: Reader,
        sectors: &request::ReadSectors,
        blocks: &BlockList,
    ) -> Transfer {
        Transfer {
            reader,
            syscall: blocks.into_call(sectors.encode()),
        }
    }
}

/// The calls to the driver.
pub(crate) struct Device {
    calls: ClientEnd<Reader>,
    /// Transfers without a credit.
    queue: VecDeque<Transfer>,
}

impl Device {
    /// A device for which at most so many transfers are asked at once.
    pub(crate) fn new(transfers: usize) -> Device {
        Device {
            calls: ClientEnd::new(GENERATION),
            queue: VecDeque::with_capacity(transfers),
        }
    }

    /// Whether the driver can be asked.
    pub(crate) fn is_lost(&self) -> bool {
        self.calls.loss().is_some()
    }

    /// Asks for a transfer, now or when there is a credit.
    pub(crate) fn ask(&mut self, transfer: Transfer) {
        self.queue.push_back(transfer);
        self.stage();
    }

    fn stage(&mut self) {
        while self.calls.room(1).is_ok()
            && let Some(transfer) = self.queue.pop_front()
        {
            self.calls
                .stage(transfer.syscall, transfer.reader, NEVER, 0);
        }
    }

    /// Takes a transfer out of the queue; `false` where the driver has it, or there is none.
    pub(crate) fn withdraw(&mut self, call: CallId) -> bool {
        let of_it = |it: &Transfer| matches!(it.reader, Reader::Call(other) if other == call);
        match self.queue.iter().position(of_it) {
            Some(place) => self.queue.remove(place).is_some(),
            None => false,
        }
    }

    /// Takes a completion of the driver; for whom it read, and how it went.
    pub(crate) fn complete(&mut self, completion: &Completion) -> Option<(Reader, Answer)> {
        let completed = self.calls.complete(completion);
        self.stage();
        match completed {
            Completed::Ended(ended) => Some((ended.waiter, ended.answer)),
            // This service takes no call back, so none is late.
            Completed::Late { .. } | Completed::Unmatched => None,
        }
    }

    /// The driver is lost: tells of each transfer that ends with it. Those that it never had give their blocks back.
    pub(crate) fn lose(&mut self, loss: Loss, mut each: impl FnMut(Reader, bool)) {
        self.calls.lose(loss, |completed| {
            if let Completed::Ended(ended) = completed {
                each(ended.waiter, ended.answer.block_returned);
            }
        });
        for transfer in self.queue.drain(..) {
            each(transfer.reader, true);
        }
    }

    /// There is a driver again.
    pub(crate) fn reconnect(&mut self) {
        self.calls.reconnect();
    }

    /// What is to be sent to the driver: there is room for it.
    pub(crate) fn staged(&self) -> &[Message] {
        self.calls.staged()
    }

    pub(crate) fn sent(&mut self) {
        self.calls.sent();
    }

    /// Completions of the driver that answered no call.
    pub(crate) fn unmatched(&self) -> u64 {
        self.calls.unmatched()
    }

    /// Calls that the driver has not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.calls.in_flight()
    }
}

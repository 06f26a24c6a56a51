//! A syscall that was submitted, and who waits for it.
#![deny(unsafe_code)]

use core::future::Future;
use core::iter::once;
use core::pin::Pin;
use core::task::{Context, Poll};

use atoll_abi::syscall::{Call, Status, Syscall};

use crate::block::Block;
use crate::calls::Answer;
use crate::events::Expected;
use crate::runtime::{EMPTY, Runtime};

/// An outstanding syscall. Dropped before its completion, it completes unseen.
pub(crate) struct Pending {
    runtime: &'static Runtime,
    vcore: usize,
    tag: Option<u64>,
}

impl Pending {
    pub(crate) fn new(runtime: &'static Runtime, vcore: usize, tag: u64) -> Pending {
        Pending {
            runtime,
            vcore,
            tag: Some(tag),
        }
    }

    /// Gives up waiting; the block goes back to its pool when the call has completed.
    pub(crate) fn abandon(&mut self, block: Option<Block>) {
        let Some(tag) = self.tag.take() else { return };
        let calls = &self.runtime.vcores[self.vcore].calls;
        // The block is dropped when the lock is released.
        if let Some((block, returned)) = calls.change(|calls| calls.abandon(tag, block)) {
            block.settle(returned);
        }
    }

    /// Has the completion become an event.
    pub(crate) fn expect(mut self, expected: Expected) {
        let Some(tag) = self.tag.take() else { return };
        let calls = &self.runtime.vcores[self.vcore].calls;
        if let Some((expected, answer)) = calls.change(|calls| calls.expect(tag, expected)) {
            expected.arrive(answer);
        }
    }

    /// The answer, where it has come.
    pub(crate) fn take(&mut self) -> Option<Answer> {
        let calls = &self.runtime.vcores[self.vcore].calls;
        let answer = calls.change(|calls| calls.take(self.tag?))?;
        self.tag = None;
        Some(answer)
    }

    /// Asks for the call to be taken back, on the vcore that submitted it. `None` where it has its completion already.
    ///
    /// # Errors
    /// As for [`Runtime::submit`].
    pub(crate) fn cancel(&self) -> Result<Option<Pending>, Status> {
        let Some(tag) = self.tag else { return Ok(None) };
        let calls = &self.runtime.vcores[self.vcore].calls;
        if calls.look(|calls| calls.is_done(tag)) {
            return Ok(None);
        }
        let syscall = Syscall {
            arguments: [tag, 0, 0, 0],
            ..EMPTY
        };
        let cancel = once((Call::Cancel, syscall));
        Runtime::submit_on(Some(self.vcore), cancel).map(Some)
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(tag) = self.tag else {
            return Poll::Ready(Answer::own(Status::PeerLost, [0; 2]));
        };
        let calls = &self.runtime.vcores[self.vcore].calls;
        let waker = context.waker();
        match calls.change_if(
            |calls| calls.poll(tag, waker),
            |answer: &Option<Answer>| answer.is_some(),
        ) {
            Some(answer) => {
                self.tag = None;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abandon(None);
    }
}

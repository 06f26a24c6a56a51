//! A request in hand.

use alloc::vec::Vec;

use super::MOST_DROPPED;
use crate::body::Decoder;
use crate::path::FilePath;
use crate::request::{Method, Refusal, Request};

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request: Request,
    /// The file that it is about, where it is about one.
    pub(super) path: FilePath,
    /// What has come of its body.
    pub(super) body: Decoder,
    /// The client sends the body when it is told to, and was not told yet.
    pub(super) waits: bool,
    /// The connection ends with the answer.
    pub(super) closes: bool,
}

impl Exchange {
    pub(super) fn new(request: Request) -> Exchange {
        let body = Decoder::new(request.body);
        Exchange {
            path: FilePath::root(),
            waits: request.expects_continue && !body.is_finished(),
            closes: !request.keeps_alive,
            body,
            request,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.request.method == Method::Head
    }

    /// Whether the next request can be found behind the rest of the body.
    pub(super) fn can_go_on(&self) -> bool {
        let is_short = self.body.left().is_some_and(|left| left <= MOST_DROPPED);
        is_short && !self.waits
    }

    /// Takes from the input what it has of the body; the data in it.
    pub(super) fn take_data(&mut self, input: &mut Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let mut data = Vec::new();
        let mut at = 0;
        while let Some(rest) = input.get(at..)
            && !rest.is_empty()
        {
            let decoded = self.body.decode(rest)?;
            if decoded.taken == 0 {
                break;
            }
            data.extend_from_slice(rest.get(decoded.data).unwrap_or_default());
            at += decoded.taken;
        }
        input.drain(..at.min(input.len()));
        Ok(data)
    }
}

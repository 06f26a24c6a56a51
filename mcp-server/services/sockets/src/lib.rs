//! The sockets service as a pure state machine: TCP and UDP over IPv4, for processes, over a network device.
//!
//! It is an [`atoll_call::Service`]: events go in, actions come out, and the time is told to it. Frames come from the driver of the
//! device and go to it in blocks of the service's own pool; what clients send and receive is in blocks of theirs.
//!
//! | module | owns |
//! |---|---|
//! | `stack` | the sockets and their peers, on smoltcp: which frame is for whom, which socket has to act when |
//! | `frames` | the service's own blocks, and which of them the driver has |
//! | `service` | the clients, their calls, and which of them wait for which socket |
//!
//! # What a connection costs
//!
//! smoltcp polls every socket of a set when anything happens to one of them. Here each socket is a set of its own: the frame says which
//! one it is for, and a queue of times says which one has to act next. So a connection on which nothing happens takes its memory and
//! nothing else. A listening socket has no connection prepared: one is made when a peer begins it, as long as the backlog has room.
//!
//! # Copies
//!
//! A byte that comes in is copied three times: out of the device's block for the stack, into the connection's buffer, and from there
//! into the client's block. One that goes out is copied from the client's block into the connection's buffer, from there into the
//! frame, and with that into a block for the device. smoltcp owns the buffers, and retransmits from them. The answer to a call tells how
//! many bytes were copied from or to the client's blocks for it ([`Transferred`](atoll_abi::block::Transferred)); the other copies go on
//! beside the calls, and some of them again.
//!
//! Clients are hostile until checked, and so is the network. A client is a process: its vcores have rings of their own, and
//! blocks of one pool, of which none is in two calls. A handle names a socket of the client that it was given to, and of nobody else.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

mod frames;
mod service;
mod stack;

pub use service::{CALLS, SocketService};

//! A server of files over HTTP/1.1 (RFC 9110, RFC 9112), and the page on which a node shows itself: the protocol, without a network,
//! without files and without a clock.
//!
//! | module | owns |
//! |---|---|
//! | [`request`] | heads of requests, with limits, and what makes one ambiguous |
//! | [`body`] | bodies of requests, by length or in chunks |
//! | [`path`] | names of files, which never leave the root |
//! | [`conditional`], [`range`], [`date`] | preconditions, parts of files, times |
//! | [`mime`], [`escape`], [`listing`], [`response`] | what answers are made of |
//! | [`metrics`] | what is known of the node, as JSON and for Prometheus |
//! | [`observed`] | what an observer sees of the node |
//! | [`page`] | the node's live page, which is part of the program |
//! | [`edition`] | what tells versions of a file apart that have one time |
//! | [`connection`] | one connection: events in, actions out |
//! | [`patience`] | how long a client may take |
//! | [`lobby`] | connections that wait for their clients, or for their turn |
//!
//! What a client sends is hostile until it was looked at. A request that two readers could understand in two ways is refused and its
//! connection ends, so that nothing behind it is taken for another request.

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

pub mod body;
pub mod conditional;
pub mod connection;
pub mod date;
pub mod edition;
pub mod escape;
pub mod listing;
pub mod lobby;
pub mod metrics;
pub mod mime;
pub mod observed;
pub mod page;
pub mod path;
pub mod patience;
pub mod range;
pub mod request;
pub mod response;

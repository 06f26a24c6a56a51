//! A key-value store that clients of Redis talk to: the store, its commands and their protocol (RESP2 and RESP3), without a network and
//! without a clock.
//!
//! | module | owns |
//! |---|---|
//! | `request` | requests as they arrive, with limits |
//! | [`reply`] | replies, with a limit |
//! | [`store`] | keys, values of five kinds, when they expire, which go when it is full, and what was changed |
//! | `commands` | what each command does |
//! | [`session`] | what is kept of a client: its bytes, its transaction, what it watches |
//! | [`journal`] | what was changed as records of a log, and back; a snapshot of a store |
//!
//! What a client sends is hostile until it was looked at: a request that is too long or makes no sense ends its connection, as Redis ends
//! it. Memory is bounded: that of keys and values ([`store::Settings::memory`]), of what clients have sent and queued
//! ([`session::Budget`]), and of each answer ([`store::Settings::longest_answer`]).
//!
//! # Shards
//!
//! A store has as many *shards* as [`store::Settings::shards`] says. A hash of a key says which shard has it, and each shard is behind a lock
//! that spins. Any number of threads execute commands, each for clients of its own. A command first takes the shards that it needs, in
//! the order of their numbers; then it does what it does, tells what it has changed, and lets all of them go together. Which shards it
//! needs is known before: those of its keys, whose places the table of commands has, as `COMMAND` tells them; those of all its commands
//! and of the keys that its client watches for `EXEC`; all of them where a command is about all keys; none for `PING` and others.
//!
//! - *A command is atomic, and so is a transaction*: it has all shards that it uses before it uses the first and until it has used the last
//!   (two-phase locking), so there is one order of all commands that gives the same answers and the same state. There is no deadlock: all take
//!   shards in one order, and nobody waits for anything else while he has some.
//! - *The journal has that order*: what a command has changed is in the store's one list of changes before its shards are free
//!   ([`store::Store::take_changes`]). A command of the same key runs later, and so its changes are behind. What is taken of the list is of
//!   whole commands, so a unit has all of what a transaction has changed in several shards, or nothing of it.
//! - *The memory has one limit*, that of all shards, and what makes room may be a key of any of them. A shard is granted parts of it ahead, so
//!   that a command has to ask nobody as a rule. Where it finds no room it has not begun, and is executed again with all shards. In a
//!   transaction other commands are done already, so one in which a command may take room has all shards from the beginning.
//! - *Time* is that of the whole store. What has expired in a shard is removed when somebody takes the shard, before he looks.
//! - *A picture of all shards at one moment*, for a log that is written anew, takes long, and may wait for a disk: so nobody spins for it.
//!   The store is frozen ([`store::Store::freeze`]), and a command that needs a shard ends at once with [`session::Outcome::Waits`].
//!
//! Tables of all shards have one seed, so that a cursor of `SCAN` means the same in each, and all keys are told in one order: clients cannot see
//! how many shards there are, but by `INFO`.
//!
//! Locks were preferred to shards that each belong to one thread and are asked by messages, because with these a command of several keys
//! would need locks as well, and one of a single key on another thread's shard two wake-ups, which cost more than a whole command.
//! A lock that no other thread wants costs one atomic operation.

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

mod commands;
mod glob;
mod hash;
pub mod journal;
mod number;
mod random;
pub mod reply;
mod request;
pub mod session;
pub mod store;

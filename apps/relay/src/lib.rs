//! Relays connections to where their clients say, and keeps a copy of what they send.
//!
//! A client connects to port [`PORT`] and sends one line: the address of a host and a port of it, `a.b.c.d:port` and a line feed
//! ([`line`]). The program connects to that, and from then on what either of the two sends goes to the other one, by a splice for each
//! direction. Where one says that nothing follows, the other one is told so; where one is lost, both connections end. A line that is no
//! address, one that does not come in time, or an address where nobody listens ends the connection. One whose peers are both there, and
//! have nothing to say, goes on. Whoever reaches the port may have
//! the program connect anywhere: it is for networks whose hosts may do so themselves.
//!
//! What a client has sent behind its line is also kept on a partition, as far as the host has taken it ([`copies`]). A copy for which
//! there is no room ends, and so says the program; the connection goes on.
//!
//! | module | owns |
//! |---|---|
//! | `line` | what a client asks for |
//! | `copies` | how copies lie on a partition |
//! | `main` | the program, which only a guest build has |

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

pub mod copies;
pub mod line;

/// The port of TCP at which clients connect, and that of UDP at which the datagram [`END`] ends the program.
pub const PORT: u16 = 7000;

/// A datagram that ends the program.
pub const END: &[u8] = b"end";

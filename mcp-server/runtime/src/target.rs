//! Which channel a call goes to.
#![deny(unsafe_code)]

/// The channel of a vcore to its server. The channel to the service of a port follows at the port's number plus one.
pub(crate) const SERVER: usize = 0;

/// A channel, and the generation of its connection: it grows when the service dies or comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) channel: usize,
    pub(crate) generation: u32,
}

impl Connection {
    /// That of what no service has seen.
    pub(crate) const NONE: Connection = Connection {
        channel: SERVER,
        generation: 0,
    };
}

/// Where a call goes: a channel in the lower half, and the generation that its connection must have, or [`ANY`], in the upper
/// half. One word, because requests that are submitted together are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target(u64);

/// In place of a generation, which has sixteen bits: any.
const ANY: u32 = u32::MAX;

impl Target {
    /// The server of the process's cluster.
    pub(crate) const SERVER: Target = Target::new(SERVER, ANY);

    const fn new(channel: usize, generation: u32) -> Target {
        Target((generation as u64) << u32::BITS | channel as u64)
    }

    /// The service of a port.
    pub(crate) fn port(port: usize) -> Target {
        Target::new(port + 1, ANY)
    }

    /// Its channel.
    #[inline]
    pub(crate) fn channel(self) -> usize {
        self.0 as u32 as usize
    }

    /// The generation that the connection must have, because the call names what a service of that generation gave.
    #[inline]
    pub(crate) fn generation(self) -> Option<u32> {
        let generation = (self.0 >> u32::BITS) as u32;
        (generation != ANY).then_some(generation)
    }
}

impl From<Connection> for Target {
    fn from(connection: Connection) -> Target {
        Target::new(connection.channel, connection.generation)
    }
}

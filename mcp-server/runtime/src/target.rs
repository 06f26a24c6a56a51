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

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) channel: usize,
    /// The generation that the connection must have, because the call names what a service of that generation gave.
    pub(crate) generation: Option<u32>,
}

impl Target {
    /// The server of the process's cluster.
    pub(crate) const SERVER: Target = Target {
        channel: SERVER,
        generation: None,
    };

    /// The service of a port.
    pub(crate) fn port(port: usize) -> Target {
        Target {
            channel: port + 1,
            generation: None,
        }
    }
}

impl From<Connection> for Target {
    fn from(connection: Connection) -> Target {
        Target {
            channel: connection.channel,
            generation: Some(connection.generation),
        }
    }
}

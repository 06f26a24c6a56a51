//! The timeline: what servers, services, drivers and vcores note of what they do, each in a window of memory of its own, where the plan has
//! them do so. Who looks at the machine from outside finds the windows by the plan.
//!
//! A window is a [`Header`] and then [`Record`]s, as many as fit. They are written around: a new one takes the place of the oldest. A window
//! outlives its writer, whose next life goes on in it. What a process writes there is its own business: a reader checks every record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::connection::{Client, Provider};
use crate::plan::{MAX_CONNECTIONS, Plan};

/// Bytes of a window at most.
pub const MAX_WINDOW: u64 = 2 << 20;

/// The beginning of a window.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Header {
    /// Records that were written so far, in all lives of the writer.
    pub written: u64,
    /// Zero.
    pub reserved: [u64; 7],
}

/// One thing that happened.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Record {
    /// When: a reading of the time stamp counter.
    pub ticks: u64,
    /// From the lowest bit on: the lower half of the record's number, then 24 bits of the channel, then a [`Kind`].
    pub what: u64,
    /// Of a message its first word, which is the tag of its call; of [`Kind::Wakes`] the badges.
    pub first: u64,
    /// Of a message its second word.
    pub second: u64,
}

/// Words of a record.
pub const RECORD_WORDS: usize = size_of::<Record>() / size_of::<u64>();

const CHANNEL_BITS: u32 = 24;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A life of the writer begins.
    Begins = 1,
    /// The writer enters the kernel to sleep.
    Sleeps = 2,
    /// It is awake again.
    Wakes = 3,
    /// It sent a message.
    Sent = 4,
    /// It took a message.
    Received = 5,
    /// It rang the doorbell of a channel.
    Rang = 6,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [
        Kind::Begins,
        Kind::Sleeps,
        Kind::Wakes,
        Kind::Sent,
        Kind::Received,
        Kind::Rang,
    ];
}

impl Record {
    /// What is to be written of a record of a number.
    pub const fn what(number: u64, kind: Kind, channel: u32) -> u64 {
        let channel = channel & ((1 << CHANNEL_BITS) - 1);
        (kind as u64) << (u32::BITS + CHANNEL_BITS)
            | (channel as u64) << u32::BITS
            | number & u32::MAX as u64
    }

    /// The kind; `None` where there is no such kind, or the record is not the one of that number.
    pub fn kind(&self, number: u64) -> Option<Kind> {
        if self.what as u32 != number as u32 {
            return None;
        }
        let raw = self.what >> (u32::BITS + CHANNEL_BITS);
        Kind::ALL.into_iter().find(|&kind| kind as u64 == raw)
    }

    /// The number of the channel: see [`Channel::from_raw`].
    pub fn channel(&self) -> u32 {
        (self.what >> u32::BITS) as u32 & ((1 << CHANNEL_BITS) - 1)
    }
}

/// Records that fit into a window of so many bytes.
pub const fn capacity(window: u64) -> u64 {
    window.saturating_sub(size_of::<Header>() as u64) / size_of::<Record>() as u64
}

/// Who has a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// The server of a cluster.
    Server(usize),
    /// A service.
    Service(usize),
    /// The driver of a device.
    Driver(usize),
    /// A vcore of a process.
    Vcore {
        /// The process.
        process: usize,
        /// The vcore.
        vcore: usize,
    },
}

/// A channel, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A connection, by its number.
    Connection(usize),
    /// That of a vcore to its server, by the vcore's number in its cluster.
    Vcore(usize),
}

impl Channel {
    /// The channel as a number.
    pub const fn to_raw(self) -> u32 {
        match self {
            Channel::Connection(number) => number as u32,
            Channel::Vcore(number) => (MAX_CONNECTIONS + number) as u32,
        }
    }

    /// The channel of a number.
    pub const fn from_raw(raw: u32) -> Channel {
        match (raw as usize).checked_sub(MAX_CONNECTIONS) {
            Some(number) => Channel::Vcore(number),
            None => Channel::Connection(raw as usize),
        }
    }
}

impl Plan {
    /// Everybody who has a window where the plan has a timeline, in the order of the windows: servers by cluster, services, drivers by
    /// device, then the vcores of each process.
    pub fn timeline_writers(&self) -> impl Iterator<Item = Writer> + '_ {
        let servers = (0..self.clusters().len()).map(Writer::Server);
        let services = (0..self.services().len()).map(Writer::Service);
        let drivers = (0..self.devices().len()).map(Writer::Driver);
        let vcores = self.processes().iter().enumerate();
        let vcores = vcores.flat_map(|(process, row)| {
            (0..row.vcores as usize).map(move |vcore| Writer::Vcore { process, vcore })
        });
        servers.chain(services).chain(drivers).chain(vcores)
    }

    /// Bytes of each window; 0 where the plan has no timeline.
    pub fn timeline_window_size(&self) -> u64 {
        self.machine().timeline_size
    }

    /// The physical address of a writer's window; `None` where the plan has no timeline, or no such writer.
    pub fn timeline_window(&self, writer: Writer) -> Option<u64> {
        let size = self.timeline_window_size();
        if size == 0 {
            return None;
        }
        let place = self.timeline_writers().position(|it| it == writer)?;
        Some(self.machine().timeline_base + place as u64 * size)
    }

    /// The cluster of a writer.
    pub fn timeline_cluster(&self, writer: Writer) -> u32 {
        match writer {
            Writer::Server(cluster) => cluster as u32,
            Writer::Service(service) => self.provider_cluster(Provider::Service(service)),
            Writer::Driver(device) => self.provider_cluster(Provider::Driver(device)),
            Writer::Vcore { process, vcore } => {
                self.client_cluster(Client::Vcore { process, vcore })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_was_written() {
        for kind in Kind::ALL {
            let number = u64::from(u32::MAX) + 5;
            let record = Record {
                what: Record::what(number, kind, 0x12_3456),
                ..Record::default()
            };
            assert_eq!(record.kind(number), Some(kind));
            assert_eq!(record.channel(), 0x12_3456);
            // One of an earlier lap, or of a later one.
            assert_eq!(record.kind(number - 1), None);
        }
        assert_eq!(Record::default().kind(0), None);
        let unknown = Record {
            what: u64::MAX << 56 | 7,
            ..Record::default()
        };
        assert_eq!(unknown.kind(7), None);
    }

    #[test]
    fn a_channel_has_one_number() {
        for channel in [
            Channel::Connection(0),
            Channel::Connection(MAX_CONNECTIONS - 1),
            Channel::Vcore(0),
            Channel::Vcore(crate::plan::MAX_CLUSTER_VCORES - 1),
        ] {
            assert_eq!(Channel::from_raw(channel.to_raw()), channel);
        }
        let most = Channel::Vcore(crate::plan::MAX_CLUSTER_VCORES - 1).to_raw();
        assert!(most < 1 << CHANNEL_BITS);
    }

    #[test]
    fn a_window_has_whole_records() {
        assert_eq!(capacity(4096), (4096 - 64) / 32);
        assert_eq!(
            [capacity(0), capacity(64), capacity(95), capacity(96)],
            [0, 0, 0, 1]
        );
    }
}

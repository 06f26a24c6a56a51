//! A plan that is put together on the host, and its encoded form.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use zerocopy::{FromZeros, IntoBytes};

use super::encoded::Header;
use super::{Channel, Cluster, Device, Instance, Machine, Plan, Pool, Process, Service};

/// The rows of a plan, to be encoded.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The machine as a whole.
    pub machine: Machine,
    /// The clusters.
    pub clusters: Vec<Cluster>,
    /// The kernel instances.
    pub instances: Vec<Instance>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The devices.
    pub devices: Vec<Device>,
    /// The block pools: one for each process, then one for each service.
    pub pools: Vec<Pool>,
    /// The services.
    pub services: Vec<Service>,
}

/// So many rows that are all zero, to be filled in.
pub fn empty_rows<Row: FromZeros>(count: usize) -> Vec<Row> {
    (0..count).map(|_| Row::new_zeroed()).collect()
}

impl Tables {
    /// The encoded plan.
    ///
    /// # Panics
    /// Where a table has more rows than there may be.
    pub fn encode(&self) -> EncodedPlan {
        let processes = self.numbered_processes();
        let header = Header::new(
            self.machine,
            [
                self.clusters.len(),
                self.instances.len(),
                self.channels.len(),
                self.processes.len(),
                self.devices.len(),
                self.pools.len(),
                self.services.len(),
            ],
        );
        let parts = [
            header.as_bytes(),
            self.clusters.as_bytes(),
            self.instances.as_bytes(),
            self.channels.as_bytes(),
            processes.as_bytes(),
            self.devices.as_bytes(),
            self.pools.as_bytes(),
            self.services.as_bytes(),
        ];
        let encoded = EncodedPlan::read(&parts.concat());
        encoded.expect("no table has more rows than there may be")
    }

    /// The processes, with their numbers in their clusters.
    fn numbered_processes(&self) -> Vec<Process> {
        let mut processes = self.processes.clone();
        for index in 0..processes.len() {
            let (earlier, rest) = processes.split_at_mut(index);
            let own = &mut rest[0];
            let earlier = earlier.iter().filter(|it| it.cluster == own.cluster);
            own.number = earlier.clone().count() as u32;
            own.first_vcore = earlier.clone().map(|it| it.vcores).sum();
            own.first_frame = earlier.map(|it| it.frames).sum();
        }
        processes
    }
}

/// An encoded plan with its bytes, which is read as the [`Plan`] that it is.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedPlan(Vec<u64>);

impl EncodedPlan {
    /// A copy of the plan that begins with these bytes, wherever they are; `None` as for [`Plan::parse`].
    pub fn read(bytes: &[u8]) -> Option<EncodedPlan> {
        let bytes = bytes.get(..Plan::size_of(bytes)?)?;
        let mut words = alloc::vec![0; bytes.len() / size_of::<u64>()];
        words.as_mut_bytes().copy_from_slice(bytes);
        Some(EncodedPlan(words))
    }
}

impl Deref for EncodedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        Plan::parse(self.0.as_bytes()).expect("it was read before")
    }
}

impl fmt::Debug for EncodedPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

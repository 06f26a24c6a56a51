//! The rings of a server: to each vcore of its processes, to its block driver, to other clusters.

use atoll_abi::layout::{self, MAX_VCORES};
use atoll_abi::plan::{MAX_CHANNELS, MAX_PROCESSES, NONE, Plan};
use atoll_channel::{Endpoint, Side};

use crate::kernel;

/// An end of a channel, where the server has one.
pub type End = Option<Endpoint>;

/// All rings of a server.
pub struct Rings {
    /// By process and vcore.
    pub vcores: [[End; MAX_VCORES]; MAX_PROCESSES],
    /// By channel.
    pub channels: [End; MAX_CHANNELS],
    /// To the block driver.
    pub driver: End,
}

impl Rings {
    /// No rings yet.
    pub const fn none() -> Rings {
        Rings {
            vcores: [const { [const { None }; MAX_VCORES] }; MAX_PROCESSES],
            channels: [const { None }; MAX_CHANNELS],
            driver: None,
        }
    }

    /// Attaches every ring that the plan gives the cluster.
    pub fn attach(&mut self, plan: &Plan, cluster: usize) {
        for (number, process) in plan.processes().iter().enumerate() {
            if process.cluster as usize != cluster {
                continue;
            }
            for (vcore, end) in self.vcores[number]
                .iter_mut()
                .enumerate()
                .take(process.vcores as usize)
            {
                let window = layout::server_vcore_window(number, vcore);
                *end = Some(kernel::attach(window, Side::Second));
            }
        }
        for (number, channel) in plan.channels().iter().enumerate() {
            let side = match channel.end_of(cluster as u32) {
                Some(0) => Side::First,
                Some(_) => Side::Second,
                None => continue,
            };
            self.channels[number] = Some(kernel::attach(layout::channel_window(number), side));
        }
        if plan.clusters()[cluster].block_device != NONE {
            self.driver = Some(kernel::attach(layout::DRIVER_WINDOW, Side::First));
        }
    }

    /// Every end.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Endpoint> {
        let vcores = self.vcores.iter_mut().flatten().flatten();
        vcores
            .chain(self.channels.iter_mut().flatten())
            .chain(self.driver.as_mut())
    }
}

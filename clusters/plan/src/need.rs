//! What the root task of an instance makes, worked out from the plan alone: capability slots, memory, and the records that it
//! keeps. It follows `root-task/src/children.rs` step by step; where a number is not known before the programs are built
//! ([`image_pages`]) or the machine is there (the registers of a device), the most is taken.

mod amount;
mod build;
mod component;
mod device_memory;

use std::collections::BTreeSet;

use atoll_abi::layout::{PAGE_SIZE, ROOT_TASK_HEAP_SIZE};
use atoll_abi::plan::Plan;

pub use amount::Amount;
pub use component::image_pages;

use self::amount::RUN_RECORD;
use self::build::Build;
use self::component::{Holder, SERVER_PROGRAM, program_pages};
use crate::checked::{driver, service_image};

/// Slots that a kernel fills before its root task runs, beside those of the root task's image: its initial capabilities, and
/// its untypeds (`MAX_NUM_BOOTINFO_UNTYPED_CAPS` in `sel4-config/cmake/kernel.cmake`).
const BOOT_SLOTS: u64 = 16 + 167;
/// Pages of the root task's program and stack, without heap and archive.
const ROOT_TASK_PAGES: u64 = 192;
/// Slots that the root task fills for itself: its console, endpoint, scratch page and copies of the moment.
const OWN_SLOTS: u64 = 32;
/// Bytes of memory that a kernel keeps for itself, without the root CNode.
const KERNEL_MEMORY: u64 = 4 << 20;
/// Bytes of a capability.
const SLOT_SIZE: u64 = 32;
/// Bytes of the root task's heap that have nothing to do with how much it makes.
const OTHER_RECORDS: u64 = 256 << 10;

/// A component whose sizes a plan says, by its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A service.
    Service(usize),
    /// A process.
    Process(usize),
}

/// What an instance needs.
pub struct Need {
    /// In all, with the root task itself.
    pub total: Amount,
    /// Of each service and of each process that it runs.
    pub parts: Vec<(Part, Amount)>,
}

impl Need {
    /// That of an instance whose root CNode has slots for so many bits.
    pub fn of(plan: &Plan, instance: usize, root_cnode_bits: u32) -> Need {
        let built = Build::of(plan, instance);
        // The archive holds every program that some instance runs.
        let processes = plan.processes().iter().map(|it| it.image.as_str());
        let mut programs: BTreeSet<&str> = processes.collect();
        programs.insert(SERVER_PROGRAM);
        for service in plan.services() {
            programs.insert(service_image(service));
        }
        for device in plan.devices() {
            programs.insert(driver(device));
        }
        let archive: u64 = programs.into_iter().map(program_pages).sum();
        let heap = (ROOT_TASK_HEAP_SIZE / PAGE_SIZE) as u64;
        let image = ROOT_TASK_PAGES + heap + archive;
        let page = PAGE_SIZE as u64;
        let own = Amount {
            slots: BOOT_SLOTS + image + image / 512 + OWN_SLOTS,
            // The root CNode lies at a multiple of its size; the kernel is told of the root task as a module.
            bytes: KERNEL_MEMORY
                + 2 * (SLOT_SIZE << root_cnode_bits)
                + (image + ROOT_TASK_PAGES + archive) * page,
            records: RUN_RECORD + OTHER_RECORDS,
        };
        let mut total = own;
        let mut parts = Vec::new();
        for (holder, amount) in built.amounts() {
            total = total + amount;
            match holder {
                Holder::Service(index) => parts.push((Part::Service(index), amount)),
                Holder::Process(index) => parts.push((Part::Process(index), amount)),
                Holder::RootTask | Holder::Server(_) | Holder::Driver(_) => {}
            }
        }
        Need { total, parts }
    }

    /// The service or process that needs the most of something, and how much.
    pub fn largest(&self, what: impl Fn(&Amount) -> u64) -> Option<(Part, u64)> {
        let needs = self.parts.iter().map(|(part, own)| (*part, what(own)));
        // The first one of those that need as much.
        needs.rev().max_by_key(|(_, own)| *own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[machine]\ncores = 1\nmemory = \"512 MiB\"\nkernel-mode = \"per-cluster\"\n\
        [[cluster]]\nname = \"io\"\ncores = [0]\nmemory = \"100 MiB\"\nkind = \"LL\"\nquantum-ms = 10\ndevices = [\"d\"]\n";

    /// What the driver of a device and its service take, which are of these kinds.
    fn needs(device: &str, service: &str) -> [Amount; 2] {
        let text = format!(
            "{HEAD}[[device]]\nname = \"d\"\nkind = \"{device}\"\npci = \"0:4.0\"\n\
             [[service]]\nname = \"s\"\nkind = \"{service}\"\ncluster = \"io\"\ndevice = \"d\"\nheap = \"8 MiB\"\n"
        );
        let plan = crate::Plan::from_text("p.toml", &text).unwrap_or_else(|it| panic!("{it}"));
        let mut components = Build::of(&plan.encode(), 0);
        [Holder::Driver(0), Holder::Service(0)].map(|holder| components.of(holder).amount)
    }

    #[test]
    fn the_driver_of_a_network_takes_slots_for_the_pool_of_its_service() {
        let [disk, files] = needs("virtio-blk", "files");
        let [net, sockets] = needs("virtio-net", "sockets");
        let blocks = atoll_abi::plan::ServiceKind::Sockets.own_blocks() as u64;
        // The pages, the paging structure of the one large page that they lie in, and untypeds on the way to them.
        let more = net.slots - disk.slots - blocks;
        assert!((1..64).contains(&more), "{more}");
        // Of memory only the structure: the pages are of no instance's.
        assert_eq!(net.bytes - disk.bytes, PAGE_SIZE as u64);
        // The driver comes first and pays the way; the service has more pages of its own.
        let own = atoll_abi::plan::ServiceKind::Files.own_blocks() as u64;
        assert!(sockets.slots <= files.slots + blocks - own);
    }
}

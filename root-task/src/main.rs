//! The first program of a kernel instance. It starts with all authority over its instance and ends, before anything else
//! runs, with what it needs to supervise: its children's objects, its own memory, one serial port.

#![no_std]
#![no_main]

extern crate alloc;

mod address_space;
mod authority;
mod cluster;
mod component;
mod device;
mod device_memory;
mod instance;
mod interrupts;
mod obituary;
mod supervise;

use alloc::vec::Vec;

use atoll_abi::archive;
use atoll_abi::plan::Plan;
use sel4_root_task::{console, root_task};

use crate::authority::Authority;
use crate::cluster::ClusterParts;

root_task!(main);

/// The encoded plan and the programs, linked in.
static ARCHIVE: &[u8] = include_bytes!(env!("ATOLL_ARCHIVE"));

fn main(boot_info: &'static sel4::BootInfo) -> ! {
    let plan = archive::find(ARCHIVE, archive::PLAN_ENTRY).and_then(Plan::parse);
    let plan = plan.expect("the archive holds a plan of this version");
    let index =
        instance::find(&plan, boot_info).expect("the plan has an instance with this memory");
    let mut authority = Authority::new(boot_info);
    let port = plan.instances[index].serial_port as u16;
    console::set(authority.io_ports(port, port + 7, "root-task"), port);
    instance::announce(&plan, index, boot_info);
    instance::say_ready(&mut authority, index);

    let endpoint = authority.endpoint();
    let mut clusters: Vec<ClusterParts> = Vec::new();
    for (number, cluster) in plan.clusters().iter().enumerate() {
        if cluster.instance as usize == index {
            let parts = cluster::build(&mut authority, &plan, number, endpoint, ARCHIVE);
            clusters.push(parts);
        }
    }
    cluster::connect(&mut authority, &plan, &mut clusters);
    cluster::let_operators_watch(&mut authority, &plan, &mut clusters);
    let holdings = authority.give_up(&plan.instances[index]);
    holdings.tell(index, console::emit);
    supervise::run(&plan, index, endpoint, clusters, authority)
}

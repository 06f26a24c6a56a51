//! The first program of a kernel instance. It starts with all authority over its instance and ends, before anything else
//! runs, with what it needs to supervise: its children's objects, its own memory, one serial port.

#![no_std]
#![no_main]

extern crate alloc;

mod address_space;
mod alarm;
mod authority;
mod children;
mod clock;
mod component;
mod connections;
mod death_notice;
mod device_memory;
mod driver;
mod instance;
mod interrupts;
mod mapped_page;
mod pools;
mod process;
mod server;
mod service;
mod supervise;
mod supervision;
mod timeline;
mod wake;

use atoll_abi::archive;
use atoll_abi::plan::Plan;
use atoll_root_task::procinfo::Time;
use sel4_root_task::{console, root_task};

use crate::alarm::Alarm;
use crate::authority::{Authority, ROOT_TASK};
use crate::children::{Children, Context};
use crate::instance::Told;

root_task!(main);

/// Bytes that begin where an archive may: its header and entries are read in place. Bytes that are linked in begin anywhere.
#[repr(align(4096))]
struct Aligned<B: ?Sized>(B);

const _: () = assert!(align_of::<Aligned<[u8; 1]>>() == archive::ENTRY_ALIGN);

// What a plan may make a root task keep records of is checked against its heap.
const _: () = assert!(sel4_root_task::HEAP_SIZE == atoll_abi::layout::ROOT_TASK_HEAP_SIZE);

/// The encoded plan and the programs, linked in.
static ARCHIVE: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("ATOLL_ARCHIVE")));

fn main(boot_info: &'static sel4::BootInfo) -> ! {
    let plan = archive::find(&ARCHIVE.0, archive::PLAN_ENTRY).and_then(Plan::parse);
    let plan = plan.expect("the archive holds a plan of this version");
    let index = instance::find(plan, boot_info).expect("the plan has an instance with this memory");
    let mut authority = Authority::new(boot_info);
    let port = plan.instances()[index].serial_port as u16;
    console::set(authority.io_ports(port, port + 7, ROOT_TASK), port);
    instance::announce(plan, index, boot_info);
    let Told { calendar, devices } = instance::say_ready(&mut authority, index);
    assert!(
        calendar.ticks_per_microsecond > 0,
        "the loader tells the rate of the time stamp counter"
    );

    let context = Context {
        plan,
        instance: index as u32,
        archive: &ARCHIVE.0,
        endpoint: authority.endpoint(),
        time: Time {
            ticks_per_microsecond: calendar.ticks_per_microsecond,
            epoch: calendar.epoch(),
        },
        devices,
    };
    let children = Children::build(&mut authority, &context);
    let alarm = Alarm::build(&mut authority, &context);
    let holdings = authority.drop_boot_authority(&plan.instances()[index]);
    holdings.report(index, console::emit);
    supervise::run(&context, children, alarm, authority)
}

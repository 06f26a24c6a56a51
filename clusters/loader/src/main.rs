//! The Multiboot kernel that boots one seL4 instance per cluster.
//!
//! The firmware enters [`arch`], which calls [`run`] in 64-bit mode with the first 4 GiB mapped one to one. The modules
//! are the encoded plan and then, for each instance in the plan's order, its kernel and its root task. Every instance but
//! the boot processor's is started on its own first core, one after another, each awaited by its ready word; the boot
//! processor's is entered last.

#![no_std]
#![no_main]

// Supplies memcpy and its family.
use atoll_freestanding as _;

mod apic;
mod arch;
mod devices;
mod ecam;
mod hpet;
mod memory;
mod rtc;
mod serial;
mod start;

use core::convert::Infallible;
use core::fmt::Write;

use atoll_abi::event::Event;
use atoll_abi::plan::{ECAM_BASE, Plan};
use atoll_loader::acpi::Madt;
use atoll_loader::machine;
use atoll_loader::multiboot::BOOTLOADER_MAGIC;
use atoll_loader::refusal::Refusal;

use crate::memory::PhysicalMemory;
use crate::serial::{Serial, emit, stage};
use crate::start::Regions;

/// Called by the entry code, once, on the boot processor.
extern "C" fn run(magic: u32, information: u32) -> ! {
    Serial::initialise();
    stage(format_args!("entered"));
    if magic != BOOTLOADER_MAGIC {
        refuse(format_args!(
            "entered with {magic:#x} and not by a Multiboot loader; start it as a Multiboot kernel (QEMU: -kernel)"
        ));
    }
    // SAFETY: the magic number says that a Multiboot loader has passed the address, and the entry code, which comes here
    // once, has written only to the page tables and the stack in the loader's image.
    let memory = unsafe { PhysicalMemory::new(information) };
    match memory.and_then(boot) {
        Err(refusal) => refuse(format_args!("{refusal}")),
    }
}

fn boot(mut memory: PhysicalMemory) -> Result<Infallible, Refusal> {
    let Some(plan) = Plan::parse(memory.module(0)) else {
        refuse(format_args!(
            "the first module is no encoded plan of this version; rebuild all images together"
        ));
    };
    let machine = plan.machine();
    emit(&Event::Plan {
        who: format_args!("loader"),
        plan: format_args!("{}", machine.name),
        fingerprint: format_args!("{:016x}", machine.fingerprint),
    });
    let images = memory.image_count();
    if images != 2 * plan.instances().len() {
        refuse(format_args!(
            "{images} image modules for {} instances; each instance needs its kernel and its root task",
            plan.instances().len()
        ));
    }
    let first = plan.instances().iter().map(|it| it.memory_base).min();
    // Before the firmware's tables are looked for, which the images may have overwritten.
    memory.check_images(first.unwrap_or(u64::MAX))?;
    if let Some(feature) = arch::missing_feature() {
        return Err(Refusal::NoFeature(feature));
    }
    let Ok(mut madt) = Madt::new(memory.madt()?) else {
        refuse(format_args!("the firmware's ACPI MADT is damaged"));
    };
    let hpet = hpet::Clock::start().ok_or(Refusal::NoHpet)?;
    if !plan.devices().is_empty() && !ecam::is_there() {
        return Err(Refusal::NoConfigurationSpace { base: ECAM_BASE });
    }
    machine::check(plan, &mut madt, hpet.message_comparators())?;
    let devices = devices::take_stock(plan)?;
    let regions = Regions::claim(plan, &mut memory)?;
    let instances = plan.instances().len();
    stage(format_args!("machine checked for {instances} instances"));
    start::all(plan, &memory, regions, &devices, &mut madt, &hpet)
}

/// Says why the machine is not booted, and halts.
fn refuse(reason: core::fmt::Arguments<'_>) -> ! {
    let _ = writeln!(Serial, "loader: {reason}");
    emit(&Event::Refused { reason });
    arch::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Serial, "loader: {info}");
    let reason = format_args!("the loader panicked");
    emit(&Event::Refused { reason });
    arch::halt()
}

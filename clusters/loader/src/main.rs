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
mod hpet;
mod memory;
mod serial;
mod start;

use core::fmt::Write;

use atoll_abi::plan::Plan;
use atoll_loader::acpi::Madt;
use atoll_loader::machine::{self, Refusal};
use atoll_loader::multiboot::{BOOTLOADER_MAGIC, Information, Module};

use crate::serial::{Serial, event};

/// Called by the entry code, once, on the boot processor.
extern "C" fn run(magic: u32, information: u32) -> ! {
    Serial::initialise();
    event(format_args!(r#""event":"loader","stage":"entered""#));
    if magic != BOOTLOADER_MAGIC {
        refuse(format_args!(
            "entered with {magic:#x} and not by a Multiboot loader; start it as a Multiboot kernel (QEMU: -kernel)"
        ));
    }
    // SAFETY: a Multiboot loader passes the address of its information structure, which lies below 4 GiB.
    let information: Information = unsafe { memory::read(u64::from(information)) };
    boot(&information)
}

fn boot(information: &Information) -> ! {
    // SAFETY: the boot loader placed this many module descriptors at this address and nothing moves them.
    let modules: &[Module] =
        unsafe { memory::structures(information.modules, information.module_count as usize) };
    let [plan_module, images @ ..] = modules else {
        refuse(format_args!(
            "no modules; pass plan.bin and the images (QEMU: -initrd)"
        ));
    };
    let Some(plan) = Plan::parse(module_bytes(plan_module)) else {
        refuse(format_args!(
            "the first module is no encoded plan of this version; rebuild all images together"
        ));
    };
    if images.len() != 2 * plan.instances().len() {
        refuse(format_args!(
            "{} image modules for {} instances; each instance needs its kernel and its root task",
            images.len(),
            plan.instances().len()
        ));
    }
    if let Some(feature) = arch::missing_feature() {
        refuse(format_args!("{}", Refusal::NoFeature(feature)));
    }
    let Some(madt) = memory::find_madt() else {
        refuse(format_args!(
            "the firmware shows no valid ACPI MADT, which lists the cores"
        ));
    };
    let Ok(mut madt) = Madt::new(madt) else {
        refuse(format_args!("the firmware's ACPI MADT is damaged"));
    };
    let hpet = hpet::Clock::start().unwrap_or_else(|| {
        refuse(format_args!(
            "{}",
            Refusal::NoFeature("HPET (machine device)")
        ));
    });
    // SAFETY: the boot loader placed the memory map there.
    let map = unsafe {
        memory::bytes(
            u64::from(information.memory_map),
            information.memory_map_length as usize,
        )
    };
    if let Err(refusal) = machine::check(&plan, map, &mut madt, hpet.message_comparators()) {
        refuse(format_args!("{refusal}"));
    }
    let reserved = plan
        .instances()
        .iter()
        .map(|instance| instance.memory_base)
        .min()
        .unwrap_or(0);
    if let Some(module) = modules
        .iter()
        .find(|module| u64::from(module.end) > reserved)
    {
        refuse(format_args!(
            "the images end at {:#x}, in the memory of an instance; the plan's low memory of {reserved:#x} bytes is too small for them",
            module.end
        ));
    }
    event(format_args!(
        r#""event":"loader","stage":"machine checked","instances":{}"#,
        plan.instances().len()
    ));
    memory::clear(plan.shared_base, plan.shared_size);
    memory::clear(atoll_abi::boot::READY_PAGE, 4096);
    start::all(&plan, images, &mut madt, &hpet)
}

fn module_bytes(module: &Module) -> &'static [u8] {
    // SAFETY: the boot loader loaded the module there, and nothing writes to it.
    unsafe {
        memory::bytes(
            u64::from(module.start),
            module.end.saturating_sub(module.start) as usize,
        )
    }
}

/// Says why the machine is not booted, and halts.
fn refuse(reason: core::fmt::Arguments<'_>) -> ! {
    let _ = writeln!(Serial, "loader: {reason}");
    event(format_args!(r#""event":"refused","reason":"{reason}""#));
    arch::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Serial, "loader: {info}");
    event(format_args!(
        r#""event":"refused","reason":"the loader panicked""#
    ));
    arch::halt()
}

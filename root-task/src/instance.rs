//! Which instance this is, and telling the outside so.

use core::array;
use core::mem::{offset_of, size_of};

use atoll_abi::boot::{CALENDAR, Calendar, DEVICES, DeviceMemory, READY, READY_PAGE};
use atoll_abi::event::Event;
use atoll_abi::plan::{MAX_DEVICES, Plan};
use sel4_root_task::console::emit;

use crate::authority::Authority;

/// The plan's instance whose memory this kernel was given: the same image runs as any of them.
pub fn find(plan: &Plan, boot_info: &sel4::BootInfo) -> Option<usize> {
    let memory = boot_info
        .untyped_list()
        .iter()
        .find(|untyped| !untyped.is_device())?;
    let address = memory.paddr() as u64;
    plan.instances().iter().position(|instance| {
        (instance.memory_base..instance.memory_base + instance.memory_size).contains(&address)
    })
}

/// Prints the events `plan` and `instance`.
pub fn announce(plan: &Plan, index: usize, boot_info: &sel4::BootInfo) {
    let (machine, instance) = (plan.machine(), &plan.instances()[index]);
    emit(&Event::Plan {
        who: format_args!("root-task {index}"),
        plan: format_args!("{}", machine.name),
        fingerprint: format_args!("{:016x}", machine.fingerprint),
    });
    emit(&Event::Instance {
        instance: index,
        cores: boot_info.num_nodes(),
        smp: sel4::MAX_NUM_NODES > 1,
        tick_ms: instance.timer_tick_ms,
        memory: (
            instance.memory_base,
            instance.memory_base + instance.memory_size,
        ),
    });
    if boot_info.num_nodes() != instance.core_count as usize {
        panic!(
            "the kernel started {} cores, the plan says {}",
            boot_info.num_nodes(),
            instance.core_count
        );
    }
}

/// What the loader tells.
pub struct Told {
    /// What time it is.
    pub calendar: Calendar,
    /// Where each device of the plan answers in memory.
    pub devices: [DeviceMemory; MAX_DEVICES],
}

/// Tells the loader that this kernel needs nothing of the boot-time machinery any more. What the loader told.
pub fn say_ready(authority: &mut Authority, index: usize) -> Told {
    authority.with_device_page(READY_PAGE, |page| {
        let read = |offset| page.read_u64(CALENDAR + offset);
        let calendar = Calendar {
            seconds: read(offset_of!(Calendar, seconds)),
            ticks: read(offset_of!(Calendar, ticks)),
            ticks_per_microsecond: read(offset_of!(Calendar, ticks_per_microsecond)),
        };
        let devices = array::from_fn(|device| {
            let own = DEVICES + device * size_of::<DeviceMemory>();
            let words = |field: usize| array::from_fn(|bar| page.read_u64(own + field + 8 * bar));
            DeviceMemory {
                addresses: words(offset_of!(DeviceMemory, addresses)),
                sizes: words(offset_of!(DeviceMemory, sizes)),
            }
        });
        page.write_u32(4 * index, READY);
        Told { calendar, devices }
    })
}

//! Starts the kernel instances, one after another.

use core::array;

use atoll_abi::boot::{CALENDAR, Calendar, DEVICES, DeviceMemory, READY, READY_PAGE};
use atoll_abi::plan::{Instance, MAX_CLUSTERS, Plan};
use atoll_loader::acpi::Madt;
use atoll_loader::extent::OutOfExtent;
use atoll_loader::refusal::{Owner, Refusal};
use atoll_loader::{boot_page, image, machine};

use zerocopy::IntoBytes as _;

use crate::hpet::Clock;
use crate::memory::{PhysicalMemory, Region};
use crate::serial::stage;
use crate::{apic, arch, refuse, rtc};

/// How long an instance may take until its root task says that it is ready.
const READY_MILLISECONDS: u32 = 60_000;

/// The memory that is written to before the instances run.
pub struct Regions {
    instances: [Option<Region>; MAX_CLUSTERS],
    shared: Option<Region>,
    start_up_code: Region,
    ready_words: Region,
    boot_information: Region,
}

impl Regions {
    /// Takes the memory of a plan and the loader's pages of low memory.
    pub fn claim(plan: &Plan, memory: &mut PhysicalMemory) -> Result<Regions, Refusal> {
        let mut instances = array::from_fn(|_| None);
        for (index, slot) in instances
            .iter_mut()
            .enumerate()
            .take(plan.instances().len())
        {
            let extent = machine::instance_memory(plan, index)?;
            *slot = Some(memory.region(Owner::Instance(index), extent)?);
        }
        let shared = machine::shared_memory(plan)?
            .map(|extent| memory.region(Owner::Shared, extent))
            .transpose()?;
        Ok(Regions {
            instances,
            shared,
            start_up_code: memory.region(Owner::StartUpCode, machine::START_UP_CODE)?,
            ready_words: memory.region(Owner::ReadyWords, machine::READY_WORDS)?,
            boot_information: memory.region(Owner::BootInformation, machine::BOOT_INFORMATION)?,
        })
    }

    /// Sets to zero what instances find in use otherwise: the rings between them and their ready words.
    fn clear(&mut self) {
        for region in self.shared.iter_mut().chain([&mut self.ready_words]) {
            let extent = region.extent();
            written(region.clear(extent.start(), extent.size()));
        }
    }

    /// Tells the instances where the devices of the plan answer.
    fn tell_devices(&mut self, devices: &[DeviceMemory]) {
        let place = READY_PAGE + DEVICES as u64;
        written(self.ready_words.place(place, devices.as_bytes()));
    }

    /// Tells the instances what time it is.
    fn tell_time(&mut self, clock: &Clock) {
        let calendar = Calendar {
            seconds: rtc::read().unwrap_or(0),
            ticks: arch::timestamp(),
            ticks_per_microsecond: clock.rate_of(arch::timestamp),
        };
        let place = READY_PAGE + CALENDAR as u64;
        written(self.ready_words.place(place, calendar.as_bytes()));
    }
}

/// A kernel that can be entered.
struct Kernel {
    entry: u32,
    /// Address of its boot information.
    information: u32,
}

/// Starts every instance; the boot processor's is the last, and this processor goes with it.
pub fn all(
    plan: &Plan,
    memory: &PhysicalMemory,
    mut regions: Regions,
    devices: &[DeviceMemory],
    madt: &mut Madt<'_>,
    clock: &Clock,
) -> ! {
    regions.clear();
    regions.tell_devices(devices);
    regions.tell_time(clock);
    let boot_processor = apic::own_identifier();
    let mut last = None;
    for (index, instance) in plan.instances().iter().enumerate() {
        let Some(region) = regions.instances.get_mut(index).and_then(Option::take) else {
            refuse(format_args!("instance {index} has no memory"));
        };
        let images = [1, 2].map(|image| memory.module(2 * index + image));
        let kernel = load(index, region, images, &mut regions.boot_information);
        if instance.cores().contains(&boot_processor) {
            last = Some((index, instance, kernel));
            continue;
        }
        madt.show_only(instance.cores());
        start_elsewhere(index, instance, &kernel, &mut regions, clock);
    }
    let Some((index, instance, kernel)) = last else {
        refuse(format_args!(
            "no instance has the boot processor, core {boot_processor}; give it to a cluster"
        ));
    };
    madt.show_only(instance.cores());
    announce(index, instance);
    // SAFETY: `load` has put the kernel with this entry point in its memory and written its boot information.
    unsafe { arch::enter_kernel(kernel.entry, kernel.information) }
}

fn start_elsewhere(
    index: usize,
    instance: &Instance,
    kernel: &Kernel,
    regions: &mut Regions,
    clock: &Clock,
) {
    announce(index, instance);
    let Some(&core) = instance.cores().first() else {
        refuse(format_args!("instance {index} has no cores"));
    };
    let code = &mut regions.start_up_code;
    written(arch::prepare_trampoline(
        code,
        kernel.entry,
        kernel.information,
    ));
    apic::start_core(core, code.extent().start(), clock);
    let word = READY_PAGE + 4 * index as u64;
    let ready = || regions.ready_words.word(word) == Some(READY);
    if !clock.wait(READY_MILLISECONDS, ready) {
        refuse(format_args!(
            "instance {index} did not come up within {} s; its own serial log says how far it got",
            READY_MILLISECONDS / 1000
        ));
    }
    stage(format_args!("instance {index} is ready"));
}

fn announce(index: usize, instance: &Instance) {
    stage(format_args!(
        "starting instance {index} of {} cores at {:#x}",
        instance.core_count, instance.memory_base
    ));
}

/// Puts an instance's kernel and root task in its memory and writes what its kernel is told. The instance's region ends
/// here, so that the loader cannot write to the memory of an instance that runs.
fn load(
    index: usize,
    mut region: Region,
    [kernel, root_task]: [&[u8]; 2],
    boot_information: &mut Region,
) -> Kernel {
    let memory = region.extent();
    let mut kernel_end = memory.start();
    let loaded = image::load(kernel, memory, |segment| {
        let file_size = segment.bytes.len() as u64;
        region.place(segment.address, segment.bytes)?;
        region.clear(segment.address + file_size, segment.memory_size - file_size)?;
        kernel_end = kernel_end.max(segment.address + segment.memory_size);
        Ok(())
    });
    let entry = match loaded {
        Ok(entry) => entry,
        Err(error) => refuse(format_args!(
            "the kernel of instance {index} cannot be loaded: {error:?}"
        )),
    };
    let size = root_task.len() as u64;
    let Some(root_task_extent) = image::root_task_extent(memory, kernel_end, size) else {
        refuse(format_args!(
            "instance {index} has {} MiB of memory, too little for its kernel and its root task; give its cluster more",
            memory.size() >> 20
        ));
    };
    written(region.place(root_task_extent.start(), root_task));
    let page = machine::boot_information(index);
    let information = page as u32;
    let told = boot_page::build(index, information, memory, root_task_extent);
    written(boot_information.clear(page, machine::PAGE));
    written(boot_information.place(page, &told));
    Kernel { entry, information }
}

/// Refuses where a write did not lie within its region, which is a defect of the loader.
fn written(result: Result<(), OutOfExtent>) {
    if let Err(OutOfExtent) = result {
        refuse(format_args!(
            "the loader would write outside of the memory that it means to write; this is a defect of the loader, report it"
        ));
    }
}

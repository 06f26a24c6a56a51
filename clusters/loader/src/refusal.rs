//! Why the loader refuses a machine, and what to do about it.

use core::fmt;

use atoll_abi::name::Name;
use atoll_pci::PciError;

use crate::claims::MAX_CLAIMS;
use crate::extent::Extent;
use crate::memory_map::MAX_ENTRIES;
use crate::multiboot::MAX_MODULES;

/// Whose a piece of memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The loader's code, data, page tables and stack.
    Loader,
    /// The page of the loader's code at which other cores start.
    StartUpCode,
    /// The page of ready words.
    ReadyWords,
    /// The pages of what each kernel is told.
    BootInformation,
    /// A Multiboot module.
    Module(usize),
    /// The MADT of the firmware.
    FirmwareTable,
    /// A kernel instance.
    Instance(usize),
    /// The memory that clusters share.
    Shared,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Owner::Loader => "the loader",
            Owner::StartUpCode => "the start-up code",
            Owner::ReadyWords => "the page of ready words",
            Owner::BootInformation => "the boot information",
            Owner::Module(index) => return write!(formatter, "module {index}"),
            Owner::FirmwareTable => "the MADT",
            Owner::Instance(index) => return write!(formatter, "instance {index}"),
            Owner::Shared => "the memory of the channels",
        })
    }
}

/// A table that the Multiboot loader passes by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The information structure.
    Information,
    /// The list of modules.
    Modules,
    /// The memory map.
    MemoryMap,
}

/// Why the loader refuses a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The Multiboot loader passed no modules, or did not say that it did.
    NoModules,
    /// The Multiboot loader passed more modules than any plan needs.
    ManyModules {
        /// How many.
        count: u32,
    },
    /// A module ends where it starts, or before.
    EmptyModule {
        /// The module.
        module: usize,
    },
    /// The Multiboot loader passed no memory map, or did not say that it did.
    NoMemoryMap,
    /// An entry of the memory map is cut short or has a size that no entry has.
    DamagedMemoryMap {
        /// Where the entry begins, in bytes from the start of the map.
        offset: usize,
    },
    /// The memory map has more entries than the loader keeps.
    LongMemoryMap,
    /// A table lies where the loader cannot read it.
    UnreachableTable(Table),
    /// The firmware has no MADT.
    NoMadt,
    /// A core of an instance is not there.
    NoCore {
        /// The instance.
        instance: usize,
        /// The core's APIC identifier.
        core: u32,
    },
    /// Memory is not there.
    NoMemory {
        /// Who needs it.
        owner: Owner,
        /// First byte.
        base: u64,
        /// Byte after the last.
        end: u64,
        /// Bytes of memory that the machine has where the loader cannot use it: beyond 4 GiB.
        beyond: u64,
    },
    /// The images reach into the memory of an instance.
    LargeImages {
        /// Address after the last byte of a module.
        end: u64,
        /// Where the memory of the first instance begins.
        limit: u64,
    },
    /// Memory is already used otherwise.
    Overlap {
        /// Who needs it.
        owner: Owner,
        /// What is needed.
        needed: Extent,
        /// Who uses some of it.
        holder: Owner,
        /// What is used.
        held: Extent,
    },
    /// More pieces of memory are in use than the loader keeps account of.
    ManyClaims,
    /// The HPET has too few comparators, or none that can send a message-signalled interrupt.
    NoDoorbell {
        /// Comparators that the plan needs.
        needed: u32,
        /// Comparators that can send messages.
        found: u32,
    },
    /// The machine has no HPET.
    NoHpet,
    /// The memory-mapped PCI configuration space is not there.
    NoConfigurationSpace {
        /// Where it should be.
        base: u64,
    },
    /// A device of the plan is not where the plan says, or makes no sense.
    Device {
        /// The device.
        name: Name,
        /// What was found.
        error: PciError,
    },
    /// The processor lacks something that the kernel was built for.
    NoFeature(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::NoModules => formatter
                .write_str("no modules; pass plan.bin and the images (QEMU: -initrd)"),
            Refusal::ManyModules { count } => write!(
                formatter,
                "{count} modules, and no plan needs more than {MAX_MODULES}; pass plan.bin and two images for each instance (QEMU: -initrd)"
            ),
            Refusal::EmptyModule { module } => write!(
                formatter,
                "module {module} is empty; rebuild all images together"
            ),
            Refusal::NoMemoryMap => formatter.write_str(
                "the boot loader passes no memory map (bit 6 of its flags); start with a Multiboot loader that does (QEMU: -kernel)",
            ),
            Refusal::DamagedMemoryMap { offset } => write!(
                formatter,
                "the boot loader's memory map is damaged at byte {offset}; start with another Multiboot loader (QEMU: -kernel)"
            ),
            Refusal::LongMemoryMap => write!(
                formatter,
                "the boot loader's memory map has more than {MAX_ENTRIES} entries; give the machine fewer devices with memory, or build the loader with more"
            ),
            Refusal::UnreachableTable(table) => write!(
                formatter,
                "the boot loader's {} lies beyond 4 GiB or at address 0; start with another Multiboot loader (QEMU: -kernel)",
                match table {
                    Table::Information => "information structure",
                    Table::Modules => "list of modules",
                    Table::MemoryMap => "memory map",
                }
            ),
            Refusal::NoMadt => formatter
                .write_str("the firmware shows no valid ACPI MADT, which lists the cores"),
            Refusal::NoCore { instance, core } => write!(
                formatter,
                "instance {instance} needs core {core}, which this machine does not have; give the machine the plan's number of cores (QEMU: -smp)"
            ),
            Refusal::NoMemory {
                owner,
                base,
                end,
                beyond,
            } => {
                write!(
                    formatter,
                    "{owner} needs memory {base:#x}-{end:#x}, which this machine does not have whole; "
                )?;
                match (owner, beyond) {
                    (Owner::Module(_), _) => formatter.write_str(
                        "the images are too large for it: build them again, and start no others",
                    ),
                    (_, 0) => formatter.write_str("give the machine the plan's memory (QEMU: -m)"),
                    _ => write!(
                        formatter,
                        "{} MiB of its memory lie beyond 4 GiB: have all of it below (QEMU: no max-ram-below-4g)",
                        beyond >> 20
                    ),
                }
            }
            Refusal::LargeImages { end, limit } => write!(
                formatter,
                "the images take the memory up to {end:#x}, and that of the first instance begins at {limit:#x}; build them again, and start no others"
            ),
            Refusal::Overlap {
                owner,
                needed,
                holder,
                held,
            } => write!(
                formatter,
                "{owner} needs memory {needed}, but {holder} lies at {held}; {}",
                match holder {
                    Owner::Module(_) => "the plan's low memory is too small for the images",
                    _ => "rebuild all images together and start them with QEMU's -kernel and -initrd",
                }
            ),
            Refusal::ManyClaims => write!(
                formatter,
                "more than {MAX_CLAIMS} pieces of memory are in use; build the loader with more"
            ),
            Refusal::NoDoorbell { needed, found } => write!(
                formatter,
                "the plan needs {needed} HPET comparators that send message-signalled interrupts, this machine has {found} (QEMU: -global hpet.msi=on -global hpet.timers={needed})"
            ),
            Refusal::NoHpet => formatter.write_str(
                "this machine has no HPET, which is the clock and the doorbell of the clusters (QEMU: -machine q35, without hpet=off)",
            ),
            Refusal::NoConfigurationSpace { base } => write!(
                formatter,
                "this machine has no PCI configuration space at {base:#x} (ECAM), where the drivers of the plan look for their devices (QEMU: -machine q35)"
            ),
            Refusal::Device { name, error } => write!(
                formatter,
                "device {name}: {error} (QEMU: -device ...,addr=...)"
            ),
            Refusal::NoFeature(feature) => write!(
                formatter,
                "this processor has no {feature}, which the kernels are built for (QEMU: -cpu max)"
            ),
        }
    }
}

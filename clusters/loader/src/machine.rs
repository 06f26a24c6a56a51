//! What the plan needs of the machine, checked before anything is started.

use core::fmt;

use atoll_abi::plan::{NONE, Plan};

use crate::acpi::Madt;
use crate::multiboot;

/// Why the loader refuses a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A core of an instance is not there.
    NoCore {
        /// The instance.
        instance: usize,
        /// The core's APIC identifier.
        core: u32,
    },
    /// Memory of an instance is not there.
    NoMemory {
        /// The instance, or `None` for the memory that clusters share.
        instance: Option<usize>,
        /// First byte.
        base: u64,
        /// Byte after the last.
        end: u64,
    },
    /// The HPET has too few comparators, or none that can send a message-signalled interrupt.
    NoDoorbell {
        /// Comparators that the plan needs.
        needed: u32,
        /// Comparators that can send messages.
        found: u32,
    },
    /// The processor lacks something that the kernel was built for.
    NoFeature(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::NoCore { instance, core } => write!(
                formatter,
                "instance {instance} needs core {core}, which this machine does not have; give the machine the plan's number of cores (QEMU: -smp)"
            ),
            Refusal::NoMemory {
                instance: Some(instance),
                base,
                end,
            } => write!(
                formatter,
                "instance {instance} needs memory {base:#x}-{end:#x}, which this machine does not have whole; give the machine the plan's memory (QEMU: -m)"
            ),
            Refusal::NoMemory {
                instance: None,
                base,
                end,
            } => write!(
                formatter,
                "the channels need memory {base:#x}-{end:#x}, which this machine does not have whole; give the machine the plan's memory (QEMU: -m)"
            ),
            Refusal::NoDoorbell { needed, found } => write!(
                formatter,
                "the plan needs {needed} HPET comparators that send message-signalled interrupts, this machine has {found} (QEMU: -global hpet.msi=on -global hpet.timers={needed})"
            ),
            Refusal::NoFeature(feature) => write!(
                formatter,
                "this processor has no {feature}, which the kernels are built for (QEMU: -cpu max)"
            ),
        }
    }
}

/// Comparators of the HPET that the plan uses.
pub fn comparators(plan: &Plan) -> u32 {
    let all = plan.clusters().iter().map(|cluster| cluster.comparator);
    all.filter(|&comparator| comparator != NONE)
        .map(|comparator| comparator.saturating_add(1))
        .max()
        .unwrap_or(0)
}

/// Checks the plan against the machine.
///
/// # Errors
/// The first thing that the machine lacks.
pub fn check(
    plan: &Plan,
    memory_map: &[u8],
    madt: &mut Madt<'_>,
    comparators_found: u32,
) -> Result<(), Refusal> {
    for (index, instance) in plan.instances().iter().enumerate() {
        for &core in instance.cores() {
            if !madt.has_core(core) {
                return Err(Refusal::NoCore {
                    instance: index,
                    core,
                });
            }
        }
        let (base, end) = (
            instance.memory_base,
            instance.memory_base + instance.memory_size,
        );
        if !multiboot::holds(memory_map, base, end) {
            return Err(Refusal::NoMemory {
                instance: Some(index),
                base,
                end,
            });
        }
    }
    let (base, end) = (plan.shared_base, plan.shared_base + plan.shared_size);
    if plan.shared_size > 0 && !multiboot::holds(memory_map, base, end) {
        return Err(Refusal::NoMemory {
            instance: None,
            base,
            end,
        });
    }
    let needed = comparators(plan);
    if comparators_found < needed {
        return Err(Refusal::NoDoorbell {
            needed,
            found: comparators_found,
        });
    }
    Ok(())
}

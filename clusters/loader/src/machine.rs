//! What the plan needs of the machine, checked before anything is started.

use atoll_abi::boot::READY_PAGE;
use atoll_abi::plan::{MAX_CLUSTERS, Plan};

use crate::acpi::Madt;
use crate::extent::Extent;
use crate::refusal::{Owner, Refusal};

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// Where other cores start; the kernels keep 0x1000 to 0x7bff for their own start-up code.
pub const START_UP_PAGE: u64 = 0x8000;

/// The loader's pages of low memory, one after another: the start-up code, the ready words, and what each kernel is told.
pub const START_UP_CODE: Extent = pages(START_UP_PAGE, 1);
/// The page of ready words.
pub const READY_WORDS: Extent = pages(START_UP_CODE.end(), 1);
/// The pages of what each kernel is told, one for each instance.
pub const BOOT_INFORMATION: Extent = pages(READY_WORDS.end(), MAX_CLUSTERS as u64);

const _: () = assert!(READY_WORDS.start() == READY_PAGE);
const _: () = assert!(BOOT_INFORMATION.end() < 0x8_0000);

const fn pages(start: u64, count: u64) -> Extent {
    match Extent::new(start, count * PAGE) {
        Some(extent) => extent,
        None => panic!("no pages"),
    }
}

/// Address of the page of what the kernel of an instance is told.
pub fn boot_information(instance: usize) -> u64 {
    BOOT_INFORMATION.start() + instance as u64 * PAGE
}

/// Checks the plan against the machine's cores and comparators.
///
/// # Errors
/// The first thing that the machine lacks.
pub fn check(plan: &Plan, madt: &mut Madt<'_>, comparators_found: u32) -> Result<(), Refusal> {
    for (index, instance) in plan.instances().iter().enumerate() {
        for &core in instance.cores() {
            if !madt.has_core(core) {
                return Err(Refusal::NoCore {
                    instance: index,
                    core,
                });
            }
        }
    }
    let needed = plan.comparators();
    if comparators_found < needed {
        return Err(Refusal::NoDoorbell {
            needed,
            found: comparators_found,
        });
    }
    Ok(())
}

/// The memory of an instance.
///
/// # Errors
/// Where it is none, or more than there are addresses.
pub fn instance_memory(plan: &Plan, index: usize) -> Result<Extent, Refusal> {
    let (base, size) = plan.instances().get(index).map_or((0, 0), |instance| {
        (instance.memory_base, instance.memory_size)
    });
    memory(Owner::Instance(index), base, size)
}

/// The memory that clusters share, where there is any.
///
/// # Errors
/// Where it is more than there are addresses.
pub fn shared_memory(plan: &Plan) -> Result<Option<Extent>, Refusal> {
    let machine = plan.machine();
    if machine.shared_size == 0 {
        return Ok(None);
    }
    memory(Owner::Shared, machine.shared_base, machine.shared_size).map(Some)
}

fn memory(owner: Owner, base: u64, size: u64) -> Result<Extent, Refusal> {
    Extent::new(base, size).ok_or(Refusal::NoMemory {
        owner,
        base,
        end: base.saturating_add(size),
        beyond: 0,
    })
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::{Tables, empty_rows};

    use super::*;

    #[test]
    fn memory_that_a_plan_cannot_have_is_refused() {
        let mut tables = Tables {
            instances: empty_rows(2),
            ..Tables::default()
        };
        tables.instances[0].memory_base = 0x200_0000;
        tables.instances[0].memory_size = 0x600_0000;
        let plan = tables.encode();
        assert_eq!(
            instance_memory(&plan, 0).ok(),
            Extent::between(0x200_0000, 0x800_0000)
        );
        assert!(instance_memory(&plan, 1).is_err());
        assert!(instance_memory(&plan, 2).is_err());
        assert_eq!(shared_memory(&plan), Ok(None));
        tables.machine.shared_size = 1 << 20;
        tables.machine.shared_base = 1 << 21;
        let shared = shared_memory(&tables.encode());
        assert_eq!(shared, Ok(Extent::new(1 << 21, 1 << 20)));
        tables.machine.shared_base = u64::MAX;
        assert_eq!(
            shared_memory(&tables.encode()),
            Err(Refusal::NoMemory {
                owner: Owner::Shared,
                base: u64::MAX,
                end: u64::MAX,
                beyond: 0,
            })
        );
    }

    #[test]
    fn each_instance_has_its_own_page_of_boot_information() {
        for index in 0..MAX_CLUSTERS {
            let part = BOOT_INFORMATION.part(boot_information(index), PAGE);
            assert!(part.is_ok());
        }
        assert_ne!(boot_information(0), boot_information(1));
    }
}

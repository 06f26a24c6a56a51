//! The devices of the plan: where they answer in memory.

use core::ptr::with_exposed_provenance_mut;

use atoll_abi::boot::DeviceMemory;
use atoll_abi::plan::{Device, ECAM_BASE, MAX_DEVICES, Plan};
use atoll_loader::refusal::Refusal;
use atoll_pci::{Command, ConfigurationSpace, Function, PciError};
use heapless::Vec;

// What is told has a place for each register that is found.
const _: () = assert!(atoll_abi::boot::BARS == atoll_pci::BARS);

/// The configuration page of a function.
struct Configuration(*mut u32);

impl Configuration {
    fn of(device: &Device) -> Configuration {
        let page = ECAM_BASE + (u64::from(device.pci_address) << 12);
        Configuration(with_exposed_provenance_mut(page as usize))
    }
}

impl ConfigurationSpace for Configuration {
    fn read32(&self, offset: u16) -> u32 {
        // SAFETY: the entry code maps the first 4 GiB one to one, so this is a word of the function's page. To read one changes
        // nothing.
        unsafe { self.0.byte_add(offset.into()).read_volatile() }
    }

    fn write32(&mut self, offset: u16, value: u32) {
        // SAFETY: as above. Nobody but the loader runs yet, and it makes no function a master of the bus.
        unsafe { self.0.byte_add(offset.into()).write_volatile(value) };
    }
}

/// Learns where each device answers, and has it answer there, write no memory and interrupt nobody.
///
/// # Errors
/// The first device that is not there, or makes no sense.
pub fn take_stock(plan: &Plan) -> Result<Vec<DeviceMemory, MAX_DEVICES>, Refusal> {
    let found = plan.devices().iter().map(|device| {
        let refused = |error| Refusal::Device {
            name: device.name,
            error,
        };
        memory_of(Configuration::of(device)).map_err(refused)
    });
    found.collect()
}

fn memory_of(space: Configuration) -> Result<DeviceMemory, PciError> {
    let mut function = Function::new(space)?;
    let command = function.command() - Command::BUS_MASTER;
    function.set_command(command | Command::MEMORY | Command::NO_PIN_INTERRUPT);
    let mut memory = DeviceMemory::default();
    for bar in function.bars()?.into_iter().flatten() {
        if bar.is_memory() {
            memory.addresses[usize::from(bar.index)] = bar.address;
            memory.sizes[usize::from(bar.index)] = bar.size;
        }
    }
    Ok(memory)
}

//! Which device is wanted, and where its structures are.

use atoll_pci::{Command, ConfigurationSpace, Function, VirtioKind};

use super::registers::{common, fits};
use super::{MOST_QUEUES, Registers, Transport};
use crate::VirtioError;

/// Vendor identifier of virtio (section 4.1.2).
const VENDOR: u16 = 0x1AF4;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKind {
    /// What it is called: "block".
    pub name: &'static str,
    /// Its device identifiers, modern and transitional (section 4.1.2).
    pub identifiers: [u16; 2],
    /// Bytes of its own configuration that each such device has.
    pub configuration: u32,
}

impl<C: ConfigurationSpace, R: Registers> Transport<C, R> {
    /// Finds the structures of the function, which answers at its memory BARs, and keeps it from writing memory.
    ///
    /// # Errors
    /// The function is no such device, or does not say where its structures are, within what is mapped.
    pub fn find(space: C, kind: &DeviceKind, registers: R) -> Result<Self, VirtioError> {
        let mut function = Function::new(space)?;
        let (vendor, device) = function.identity();
        if vendor != VENDOR || !kind.identifiers.contains(&device) {
            return Err(VirtioError::WrongKind {
                vendor,
                device,
                wanted: kind.name,
            });
        }
        let command = function.command() - Command::BUS_MASTER;
        function.set_command(command | Command::MEMORY | Command::NO_PIN_INTERRUPT);
        let reach = registers.lengths();
        let structure = |kind, needed| {
            let found = function
                .virtio_structure(kind)
                .ok_or(VirtioError::MissingStructure(kind))?;
            let within = fits(&reach, found.bar, found.offset, found.length);
            if !within || found.length < needed || found.offset % 4 != 0 {
                return Err(VirtioError::StructureOutOfReach(kind));
            }
            Ok(found)
        };
        let common = structure(VirtioKind::Common, common::SIZE)?;
        let notify = structure(VirtioKind::Notify, 2)?;
        let device = structure(VirtioKind::Device, kind.configuration)?;
        let messages = function
            .message_table()
            .filter(|m| fits(&reach, m.bar, m.offset, 16 * u32::from(m.entries)))
            .ok_or(VirtioError::NoMessageTable)?;
        Ok(Transport {
            function,
            registers,
            common,
            notify,
            device,
            messages,
            doorbells: [0; MOST_QUEUES],
        })
    }
}

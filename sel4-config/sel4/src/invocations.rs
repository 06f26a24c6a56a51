//! Invocations of untypeds, address space identifiers, interrupts and I/O ports.

use crate::blueprint::ObjectBlueprint;
use crate::capability::cap;
use crate::cptr::AbsoluteCPtr;
use crate::error::{Error, Result};
use crate::{Word, init_thread, sys};

impl cap::Untyped {
    /// Makes `number` objects. Their capabilities go into consecutive slots from `offset` on in the CNode at `dst`.
    ///
    /// Corresponds to `seL4_Untyped_Retype`.
    pub fn untyped_retype(
        self,
        blueprint: &ObjectBlueprint,
        dst: &AbsoluteCPtr,
        offset: usize,
        number: usize,
    ) -> Result<()> {
        // SAFETY: the kernel makes the objects in memory of the untyped that no object takes, and no program can access
        // such memory.
        Error::wrap(unsafe {
            sys::seL4_Untyped_Retype(
                self.bits(),
                blueprint.ty(),
                blueprint.api_size_bits().unwrap_or(0) as Word,
                dst.root().bits(),
                dst.index(),
                dst.depth().into(),
                offset as Word,
                number as Word,
            )
        })
    }
}

impl cap::AsidControl {
    /// Makes a pool of address space identifiers from an untyped of 4 KiB.
    ///
    /// Corresponds to `seL4_X86_ASIDControl_MakePool`.
    pub fn asid_control_make_pool(self, untyped: cap::Untyped, dst: &AbsoluteCPtr) -> Result<()> {
        // SAFETY: the kernel takes an untyped without children only, and no program can access its memory.
        Error::wrap(unsafe {
            sys::seL4_X86_ASIDControl_MakePool(
                self.bits(),
                untyped.bits(),
                dst.root().bits(),
                dst.index(),
                dst.depth(),
            )
        })
    }
}

impl cap::AsidPool {
    /// Gives an address space an identifier, without which nothing can be mapped in it.
    ///
    /// Corresponds to `seL4_X86_ASIDPool_Assign`.
    pub fn asid_pool_assign(self, vspace: cap::VSpace) -> Result<()> {
        // SAFETY: an identifier changes no mapping.
        Error::wrap(unsafe { sys::seL4_X86_ASIDPool_Assign(self.bits(), vspace.bits()) })
    }
}

impl cap::IrqControl {
    /// Makes a handler for the message-signalled interrupt with the given vector, counted from the kernel's first one.
    /// The kernel only keeps the device's address and `handle`; it checks nothing about the source.
    ///
    /// Corresponds to `seL4_IRQControl_GetMSI`.
    pub fn irq_control_get_msi(
        self,
        pci_bus: Word,
        pci_dev: Word,
        pci_func: Word,
        handle: Word,
        vector: Word,
        dst: &AbsoluteCPtr,
    ) -> Result<()> {
        // SAFETY: a new capability changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_IRQControl_GetMSI(
                self.bits(),
                dst.root().bits(),
                dst.index(),
                dst.depth().into(),
                pci_bus,
                pci_dev,
                pci_func,
                handle,
                vector,
            )
        })
    }

    /// Makes a handler for a pin of an I/O APIC, with `level` 1 for level-triggered and `polarity` 1 for active low.
    ///
    /// Corresponds to `seL4_IRQControl_GetIOAPIC`.
    pub fn irq_control_get_ioapic(
        self,
        ioapic: Word,
        pin: Word,
        level: Word,
        polarity: Word,
        vector: Word,
        dst: &AbsoluteCPtr,
    ) -> Result<()> {
        // SAFETY: a new capability changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_IRQControl_GetIOAPIC(
                self.bits(),
                dst.root().bits(),
                dst.index(),
                dst.depth().into(),
                ioapic,
                pin,
                level,
                polarity,
                vector,
            )
        })
    }
}

impl cap::IrqHandler {
    /// Allows the next interrupt.
    ///
    /// Corresponds to `seL4_IRQHandler_Ack`.
    pub fn irq_handler_ack(self) -> Result<()> {
        // SAFETY: an interrupt changes no memory of this program.
        Error::wrap(unsafe { sys::seL4_IRQHandler_Ack(self.bits()) })
    }

    /// Says which notification an interrupt signals.
    ///
    /// Corresponds to `seL4_IRQHandler_SetNotification`.
    pub fn irq_handler_set_notification(self, notification: cap::Notification) -> Result<()> {
        // SAFETY: an interrupt changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_IRQHandler_SetNotification(self.bits(), notification.bits())
        })
    }

    /// Undoes [`Self::irq_handler_set_notification`].
    ///
    /// Corresponds to `seL4_IRQHandler_Clear`.
    pub fn irq_handler_clear(self) -> Result<()> {
        // SAFETY: an interrupt changes no memory of this program.
        Error::wrap(unsafe { sys::seL4_IRQHandler_Clear(self.bits()) })
    }
}

impl cap::IOPortControl {
    /// Makes a capability to the I/O ports from `first` to `last`, both included. The control capability must be in the
    /// root task's root CNode.
    ///
    /// Corresponds to `seL4_X86_IOPortControl_Issue`.
    pub fn ioport_control_issue(self, first: u16, last: u16, dst: &AbsoluteCPtr) -> Result<()> {
        let control = init_thread::slot::CNODE.cap().absolute_cptr(self);
        // SAFETY: a new capability changes no memory of this program.
        Error::wrap(unsafe {
            sys::compat::io_port_issue(control.to_sys(), first, last, dst.to_sys())
        })
    }
}

macro_rules! io_ports {
    ($($in:ident $out:ident $ty:ty, $sys_in:ident $sys_out:ident;)*) => {
        impl cap::IOPort {
            $(
                #[doc = concat!("Reads a port.\n\nCorresponds to `", stringify!($sys_in), "`.")]
                pub fn $in(self, port: u16) -> Result<$ty> {
                    // SAFETY: what the device does is the holder's to answer for.
                    let answer = unsafe { sys::$sys_in(self.bits(), port) };
                    Error::or(answer.error, answer.result)
                }

                #[doc = concat!("Writes a port.\n\nCorresponds to `", stringify!($sys_out), "`.")]
                pub fn $out(self, port: u16, data: $ty) -> Result<()> {
                    // SAFETY: what the device does is the holder's to answer for.
                    Error::wrap(unsafe { sys::$sys_out(self.bits(), port.into(), data.into()) })
                }
            )*
        }
    };
}

io_ports! {
    ioport_in8 ioport_out8 u8, seL4_X86_IOPort_In8 seL4_X86_IOPort_Out8;
    ioport_in16 ioport_out16 u16, seL4_X86_IOPort_In16 seL4_X86_IOPort_Out16;
    ioport_in32 ioport_out32 u32, seL4_X86_IOPort_In32 seL4_X86_IOPort_Out32;
}

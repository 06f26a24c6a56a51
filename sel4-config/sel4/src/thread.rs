//! Invocations of threads.

use crate::capability::cap;
use crate::cnode::CNodeCapData;
use crate::error::{Error, Result};
use crate::user_context::UserContext;
use crate::{CPtr, Word, sys};

impl cap::Tcb {
    /// Sets everything but the priorities: see [`Self::tcb_set_sched_params`].
    ///
    /// Corresponds to `seL4_TCB_Configure`.
    pub fn tcb_configure(
        self,
        fault_ep: CPtr,
        cspace_root: cap::CNode,
        cspace_root_data: CNodeCapData,
        vspace_root: cap::VSpace,
        ipc_buffer: Word,
        ipc_buffer_frame: cap::Granule,
    ) -> Result<()> {
        // SAFETY: the thread is another one, or this one gives up what it uses; see the crate documentation.
        Error::wrap(unsafe {
            sys::compat::tcb_configure(
                self.bits(),
                fault_ep.bits(),
                cspace_root.bits(),
                cspace_root_data.into_word(),
                vspace_root.bits(),
                ipc_buffer,
                ipc_buffer_frame.bits(),
            )
        })
    }

    /// Sets the fault endpoint, which is an index into the new capability space, and both spaces.
    ///
    /// Corresponds to `seL4_TCB_SetSpace`.
    pub fn tcb_set_space(
        self,
        fault_ep: CPtr,
        cspace_root: cap::CNode,
        cspace_root_data: CNodeCapData,
        vspace_root: cap::VSpace,
    ) -> Result<()> {
        // SAFETY: the thread is another one, or this one gives up what it uses; see the crate documentation.
        Error::wrap(unsafe {
            sys::compat::tcb_set_space(
                self.bits(),
                fault_ep.bits(),
                cspace_root.bits(),
                cspace_root_data.into_word(),
                vspace_root.bits(),
            )
        })
    }

    /// Sets the IPC buffer: its address and the frame that is mapped there.
    ///
    /// Corresponds to `seL4_TCB_SetIPCBuffer`.
    pub fn tcb_set_ipc_buffer(self, address: Word, frame: cap::Granule) -> Result<()> {
        // SAFETY: the frame is the caller's to give.
        Error::wrap(unsafe { sys::seL4_TCB_SetIPCBuffer(self.bits(), address, frame.bits()) })
    }

    /// Sets the priority, which is at most the maximum controlled priority of `authority`.
    ///
    /// Corresponds to `seL4_TCB_SetPriority`.
    pub fn tcb_set_priority(self, authority: cap::Tcb, priority: u8) -> Result<()> {
        // SAFETY: scheduling changes no memory.
        Error::wrap(unsafe {
            sys::compat::tcb_set_priority(self.bits(), authority.bits(), priority)
        })
    }

    /// Sets the maximum controlled priority, which is at most that of `authority`.
    ///
    /// Corresponds to `seL4_TCB_SetMCPriority`.
    pub fn tcb_set_mc_priority(self, authority: cap::Tcb, priority: u8) -> Result<()> {
        // SAFETY: scheduling changes no memory.
        Error::wrap(unsafe {
            sys::compat::tcb_set_mc_priority(self.bits(), authority.bits(), priority)
        })
    }

    /// Sets both priorities.
    ///
    /// Corresponds to `seL4_TCB_SetSchedParams`.
    pub fn tcb_set_sched_params(
        self,
        authority: cap::Tcb,
        mc_priority: u8,
        priority: u8,
    ) -> Result<()> {
        self.tcb_set_mc_priority(authority, mc_priority)?;
        self.tcb_set_priority(authority, priority)
    }

    /// Pins the thread to a node. A kernel for one node has node 0 only.
    ///
    /// Corresponds to `seL4_TCB_SetAffinity`.
    pub fn tcb_set_affinity(self, node: Word) -> Result<()> {
        // SAFETY: scheduling changes no memory.
        Error::wrap(unsafe { sys::compat::tcb_set_affinity(self.bits(), node) })
    }

    /// Reads the first `count` registers.
    ///
    /// Corresponds to `seL4_TCB_ReadRegisters`.
    pub fn tcb_read_registers(self, suspend: bool, count: Word) -> Result<UserContext> {
        let mut context = UserContext::default();
        // SAFETY: only `context` is written.
        let error = unsafe {
            sys::seL4_TCB_ReadRegisters(self.bits(), suspend, 0, count, context.inner_mut())
        };
        Error::or(error, context)
    }

    /// Reads all registers.
    ///
    /// Corresponds to `seL4_TCB_ReadRegisters`.
    pub fn tcb_read_all_registers(self, suspend: bool) -> Result<UserContext> {
        self.tcb_read_registers(suspend, UserContext::COUNT as Word)
    }

    /// Writes the first `count` registers.
    ///
    /// Corresponds to `seL4_TCB_WriteRegisters`.
    pub fn tcb_write_registers(
        self,
        resume: bool,
        count: Word,
        context: &UserContext,
    ) -> Result<()> {
        // SAFETY: what the thread does with its registers is the caller's to answer for.
        Error::wrap(unsafe {
            sys::seL4_TCB_WriteRegisters(self.bits(), resume, 0, count, context.inner())
        })
    }

    /// Writes all registers.
    ///
    /// Corresponds to `seL4_TCB_WriteRegisters`.
    pub fn tcb_write_all_registers(self, resume: bool, context: &UserContext) -> Result<()> {
        self.tcb_write_registers(resume, UserContext::COUNT as Word, context)
    }

    /// Lets the thread run.
    ///
    /// Corresponds to `seL4_TCB_Resume`.
    pub fn tcb_resume(self) -> Result<()> {
        // SAFETY: what the thread does is the caller's to answer for.
        Error::wrap(unsafe { sys::seL4_TCB_Resume(self.bits()) })
    }

    /// Stops the thread.
    ///
    /// Corresponds to `seL4_TCB_Suspend`.
    pub fn tcb_suspend(self) -> Result<()> {
        // SAFETY: stopping changes no memory.
        Error::wrap(unsafe { sys::seL4_TCB_Suspend(self.bits()) })
    }

    /// Lets signals arrive while the thread waits on an endpoint.
    ///
    /// Corresponds to `seL4_TCB_BindNotification`.
    pub fn tcb_bind_notification(self, notification: cap::Notification) -> Result<()> {
        // SAFETY: binding changes no memory of this program.
        Error::wrap(unsafe { sys::seL4_TCB_BindNotification(self.bits(), notification.bits()) })
    }

    /// Undoes [`Self::tcb_bind_notification`].
    ///
    /// Corresponds to `seL4_TCB_UnbindNotification`.
    pub fn tcb_unbind_notification(self) -> Result<()> {
        // SAFETY: unbinding changes no memory of this program.
        Error::wrap(unsafe { sys::seL4_TCB_UnbindNotification(self.bits()) })
    }
}

impl cap::DomainSet {
    /// Sets the domain of a thread.
    ///
    /// Corresponds to `seL4_DomainSet_Set`.
    pub fn domain_set_set(self, domain: u8, thread: cap::Tcb) -> Result<()> {
        // SAFETY: scheduling changes no memory.
        Error::wrap(unsafe { sys::seL4_DomainSet_Set(self.bits(), domain, thread.bits()) })
    }
}

/// Gives the rest of the time slice away.
///
/// Corresponds to `seL4_Yield`.
pub fn yield_now() {
    sys::yield_now();
}

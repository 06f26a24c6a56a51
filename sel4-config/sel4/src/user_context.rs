//! The registers of a thread.

use crate::{Word, sys};

/// The registers of a thread, as they cross between programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserContext(sys::seL4_UserContext);

impl UserContext {
    /// The number of registers.
    pub const COUNT: usize = size_of::<sys::seL4_UserContext>() / size_of::<Word>();

    /// The structure of the kernel's interface.
    pub const fn inner(&self) -> &sys::seL4_UserContext {
        &self.0
    }

    /// The structure of the kernel's interface.
    pub const fn inner_mut(&mut self) -> &mut sys::seL4_UserContext {
        &mut self.0
    }

    /// The program counter.
    pub const fn pc(&self) -> Word {
        self.0.rip
    }

    /// The program counter.
    pub const fn pc_mut(&mut self) -> &mut Word {
        &mut self.0.rip
    }

    /// The stack pointer.
    pub const fn sp(&self) -> Word {
        self.0.rsp
    }

    /// The stack pointer.
    pub const fn sp_mut(&mut self) -> &mut Word {
        &mut self.0.rsp
    }

    /// The flags.
    pub const fn flags(&self) -> Word {
        self.0.rflags
    }

    /// The base of thread-local storage.
    pub const fn tls_base_mut(&mut self) -> &mut Word {
        &mut self.0.tls_base
    }

    /// Integer argument `index` of a function of the C calling convention.
    ///
    /// Panics if the argument is not in a register.
    pub const fn c_param_mut(&mut self, index: usize) -> &mut Word {
        match index {
            0 => &mut self.0.rdi,
            1 => &mut self.0.rsi,
            2 => &mut self.0.rdx,
            3 => &mut self.0.rcx,
            4 => &mut self.0.r8,
            5 => &mut self.0.r9,
            _ => panic!("only six arguments travel in registers"),
        }
    }
}

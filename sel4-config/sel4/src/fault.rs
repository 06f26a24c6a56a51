//! Faults, as they arrive in messages.

use crate::message::MessageInfo;
use crate::{Word, get_mr, sys};

/// Why the kernel could not find a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupFailure {
    /// There is no failure.
    None,
    /// The root of the capability space is not a CNode.
    InvalidRoot,
    /// The slot is empty.
    MissingCapability {
        /// Bits that were left to resolve.
        bits_left: Word,
    },
    /// The slot was found before all bits were resolved, or bits ran out within a CNode.
    DepthMismatch {
        /// Bits that were left to resolve.
        bits_left: Word,
        /// Bits that the CNode resolves.
        bits_found: Word,
    },
    /// The guard differs.
    GuardMismatch {
        /// Bits that were left to resolve.
        bits_left: Word,
        /// The guard.
        guard_found: Word,
        /// Its size.
        bits_found: Word,
    },
    /// A number that the kernel's headers do not define.
    Unknown(Word),
}

/// A fault of a thread, as its fault endpoint receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no fault.
    NullFault,
    /// A capability was not found.
    CapFault {
        /// Where the thread was.
        ip: Word,
        /// The index that was looked up.
        addr: Word,
        /// Whether it was looked up to receive.
        in_recv_phase: bool,
        /// Why it was not found.
        failure: LookupFailure,
    },
    /// A system call that the kernel does not know.
    UnknownSyscall {
        /// Where the thread was.
        ip: Word,
        /// Its stack pointer.
        sp: Word,
        /// Its flags.
        flags: Word,
        /// The number of the system call.
        syscall: Word,
    },
    /// An exception of the processor.
    UserException {
        /// Where the thread was.
        ip: Word,
        /// Its stack pointer.
        sp: Word,
        /// Its flags.
        flags: Word,
        /// The number of the exception.
        number: Word,
        /// Its error code.
        code: Word,
    },
    /// A page that is not mapped, or not in this way.
    VmFault {
        /// Where the thread was.
        ip: Word,
        /// The address that it used.
        addr: Word,
        /// Whether it fetched an instruction.
        prefetch: bool,
        /// The fault status register: on x86 the error code of the page fault.
        fsr: Word,
    },
    /// A label that is none of a fault.
    Unknown(Word),
}

impl Fault {
    /// Reads the fault from the message that was just received.
    ///
    /// Corresponds to `seL4_getFault`.
    pub fn new(info: &MessageInfo) -> Self {
        Self::from_words(info.label(), |index| get_mr(index as usize))
    }

    fn lookup_failure(word: &impl Fn(Word) -> Word) -> LookupFailure {
        use sys::seL4_CapFault_Msg as at;
        use sys::seL4_LookupFailureType as kind;
        let bits_left = word(at::seL4_CapFault_BitsLeft);
        match word(at::seL4_CapFault_LookupFailureType) {
            kind::seL4_NoFailure => LookupFailure::None,
            kind::seL4_InvalidRoot => LookupFailure::InvalidRoot,
            kind::seL4_MissingCapability => LookupFailure::MissingCapability { bits_left },
            kind::seL4_DepthMismatch => LookupFailure::DepthMismatch {
                bits_left,
                bits_found: word(at::seL4_CapFault_DepthMismatch_BitsFound),
            },
            kind::seL4_GuardMismatch => LookupFailure::GuardMismatch {
                bits_left,
                guard_found: word(at::seL4_CapFault_GuardMismatch_GuardFound),
                bits_found: word(at::seL4_CapFault_GuardMismatch_BitsFound),
            },
            other => LookupFailure::Unknown(other),
        }
    }

    /// Reads the fault with that label from the words of a message.
    pub fn from_words(label: Word, word: impl Fn(Word) -> Word) -> Self {
        use sys::seL4_Fault_tag as tag;
        match label {
            tag::seL4_Fault_NullFault => Self::NullFault,
            tag::seL4_Fault_CapFault => {
                use sys::seL4_CapFault_Msg as at;
                Self::CapFault {
                    ip: word(at::seL4_CapFault_IP),
                    addr: word(at::seL4_CapFault_Addr),
                    in_recv_phase: word(at::seL4_CapFault_InRecvPhase) != 0,
                    failure: Self::lookup_failure(&word),
                }
            }
            tag::seL4_Fault_UnknownSyscall => {
                use sys::seL4_UnknownSyscall_Msg as at;
                Self::UnknownSyscall {
                    ip: word(at::seL4_UnknownSyscall_FaultIP),
                    sp: word(at::seL4_UnknownSyscall_SP),
                    flags: word(at::seL4_UnknownSyscall_FLAGS),
                    syscall: word(at::seL4_UnknownSyscall_Syscall),
                }
            }
            tag::seL4_Fault_UserException => {
                use sys::seL4_UserException_Msg as at;
                Self::UserException {
                    ip: word(at::seL4_UserException_FaultIP),
                    sp: word(at::seL4_UserException_SP),
                    flags: word(at::seL4_UserException_FLAGS),
                    number: word(at::seL4_UserException_Number),
                    code: word(at::seL4_UserException_Code),
                }
            }
            tag::seL4_Fault_VMFault => {
                use sys::seL4_VMFault_Msg as at;
                Self::VmFault {
                    ip: word(at::seL4_VMFault_IP),
                    addr: word(at::seL4_VMFault_Addr),
                    prefetch: word(at::seL4_VMFault_PrefetchFault) != 0,
                    fsr: word(at::seL4_VMFault_FSR),
                }
            }
            other => Self::Unknown(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fault_is_decoded() {
        let words = [0x40_1000, 0xdead_f000, 0, 6];
        let label = sys::seL4_Fault_tag::seL4_Fault_VMFault;
        let fault = Fault::from_words(label, |index| words[index as usize]);
        let expected = Fault::VmFault {
            ip: 0x40_1000,
            addr: 0xdead_f000,
            prefetch: false,
            fsr: 6,
        };
        assert_eq!(fault, expected);
    }

    #[test]
    fn a_missing_capability_is_decoded() {
        let missing = sys::seL4_LookupFailureType::seL4_MissingCapability;
        let words = [1, 77, 1, missing, 12];
        let label = sys::seL4_Fault_tag::seL4_Fault_CapFault;
        let fault = Fault::from_words(label, |index| words[index as usize]);
        let expected = Fault::CapFault {
            ip: 1,
            addr: 77,
            in_recv_phase: true,
            failure: LookupFailure::MissingCapability { bits_left: 12 },
        };
        assert_eq!(fault, expected);
    }

    #[test]
    fn a_label_that_is_no_fault_is_kept() {
        assert_eq!(Fault::from_words(1000, |_| 0), Fault::Unknown(1000));
    }
}

//! How a system call is made on x86_64.
//!
//! The number is in `rdx`, the capability and later the badge in `rdi`, the message info in `rsi`, the first message words
//! in `r10`, `r8`, `r9` and `r15`. The kernel loses `rcx` and `r11`, and also `rsp`, which is kept in `r14`.

use core::arch::asm;

use crate::{
    get_mr, seL4_CPtr, seL4_Error, seL4_MessageInfo, seL4_Word, set_mr, syscall_id, syscall_number,
};

/// The number of message words that travel in registers.
pub const MESSAGE_REGISTERS: usize = 4;

/// The message words that travel in registers.
pub type Registers = [seL4_Word; MESSAGE_REGISTERS];

/// What a system call leaves in the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The badge of the sender.
    pub badge: seL4_Word,
    /// The message info.
    pub info: seL4_MessageInfo,
    /// The message words.
    pub registers: Registers,
}

/// Makes a system call with every register of the convention.
///
/// # Safety
///
/// `number` must be one whose effect on memory the caller has allowed for.
#[inline(always)]
unsafe fn trap(
    number: seL4_Word,
    capability: seL4_Word,
    info: seL4_Word,
    registers: Registers,
) -> Returned {
    let [mut mr0, mut mr1, mut mr2, mut mr3] = registers;
    let (mut badge, mut word) = (capability, info);
    // SAFETY: all registers that the kernel changes are named, and rsp is restored before anything uses it.
    unsafe {
        asm!(
            "mov r14, rsp",
            "syscall",
            "mov rsp, r14",
            in("rdx") number,
            inlateout("rdi") badge,
            inlateout("rsi") word,
            inlateout("r10") mr0,
            inlateout("r8") mr1,
            inlateout("r9") mr2,
            inlateout("r15") mr3,
            out("rcx") _,
            out("r11") _,
            out("r14") _,
            options(nostack),
        );
    }
    Returned {
        badge,
        info: seL4_MessageInfo { words: [word] },
        registers: [mr0, mr1, mr2, mr3],
    }
}

/// Sends and waits until it is received.
///
/// # Safety
///
/// The message words beyond the registers must be in the IPC buffer.
#[inline]
pub unsafe fn send(dest: seL4_CPtr, info: seL4_MessageInfo, registers: Registers) {
    // SAFETY: sending changes no memory of the sender.
    unsafe { trap(syscall_id::Send, dest, info.words[0], registers) };
}

/// Sends if a receiver waits.
///
/// # Safety
///
/// The message words beyond the registers must be in the IPC buffer.
#[inline]
pub unsafe fn nb_send(dest: seL4_CPtr, info: seL4_MessageInfo, registers: Registers) {
    // SAFETY: sending changes no memory of the sender.
    unsafe { trap(syscall_id::NBSend, dest, info.words[0], registers) };
}

/// Sends and waits for the answer.
///
/// # Safety
///
/// The message words beyond the registers must be in the IPC buffer, which the answer overwrites. If `dest` is a kernel
/// object, the invocation must not take away memory that is in use.
#[inline]
pub unsafe fn call(dest: seL4_CPtr, info: seL4_MessageInfo, registers: Registers) -> Returned {
    // SAFETY: as the caller says.
    unsafe { trap(syscall_id::Call, dest, info.words[0], registers) }
}

/// Waits for a message or a signal.
///
/// # Safety
///
/// The message overwrites the IPC buffer.
#[inline]
pub unsafe fn recv(src: seL4_CPtr) -> Returned {
    // SAFETY: as the caller says.
    unsafe { trap(syscall_id::Recv, src, 0, [0; MESSAGE_REGISTERS]) }
}

/// Takes a message or a signal if there is one.
///
/// # Safety
///
/// The message overwrites the IPC buffer.
#[inline]
pub unsafe fn nb_recv(src: seL4_CPtr) -> Returned {
    // SAFETY: as the caller says.
    unsafe { trap(syscall_id::NBRecv, src, 0, [0; MESSAGE_REGISTERS]) }
}

/// Answers the last caller.
///
/// # Safety
///
/// The message words beyond the registers must be in the IPC buffer.
#[inline]
pub unsafe fn reply(info: seL4_MessageInfo, registers: Registers) {
    // SAFETY: sending changes no memory of the sender.
    unsafe { trap(syscall_id::Reply, 0, info.words[0], registers) };
}

/// Answers the last caller and waits for the next message.
///
/// # Safety
///
/// The message words beyond the registers must be in the IPC buffer, which the message overwrites.
#[inline]
pub unsafe fn reply_recv(src: seL4_CPtr, info: seL4_MessageInfo, registers: Registers) -> Returned {
    // SAFETY: as the caller says.
    unsafe { trap(syscall_id::ReplyRecv, src, info.words[0], registers) }
}

/// Signals a notification.
#[inline]
pub fn signal(dest: seL4_CPtr) {
    let info = seL4_MessageInfo::new(0, 0, 0, 1);
    // SAFETY: a signal carries no message and changes no memory.
    unsafe {
        trap(
            syscall_id::Send,
            dest,
            info.words[0],
            [0; MESSAGE_REGISTERS],
        )
    };
}

/// Gives the rest of the time slice away.
#[inline]
pub fn yield_now() {
    // SAFETY: yielding changes no memory.
    unsafe { trap(syscall_id::Yield, 0, 0, [0; MESSAGE_REGISTERS]) };
}

/// Prints a byte on the kernel's serial port. Returns whether the configuration has this system call.
#[inline]
pub fn debug_put_char(byte: u8) -> bool {
    const NUMBER: Option<seL4_Word> = syscall_number("DebugPutChar");
    let Some(number) = NUMBER else {
        return false;
    };
    // SAFETY: printing changes no memory.
    unsafe { trap(number, byte.into(), 0, [0; MESSAGE_REGISTERS]) };
    true
}

/// Stops the kernel. Returns only if the configuration lacks this system call.
#[inline]
pub fn debug_halt() {
    const NUMBER: Option<seL4_Word> = syscall_number("DebugHalt");
    if let Some(number) = NUMBER {
        // SAFETY: nothing runs afterwards.
        unsafe { trap(number, 0, 0, [0; MESSAGE_REGISTERS]) };
    }
}

/// The kernel's number for the type of a capability, or `None` if the configuration lacks this system call.
#[inline]
pub fn debug_cap_identify(cap: seL4_CPtr) -> Option<seL4_Word> {
    const NUMBER: Option<seL4_Word> = syscall_number("DebugCapIdentify");
    // SAFETY: identifying a capability changes no memory.
    NUMBER.map(|number| unsafe { trap(number, cap, 0, [0; MESSAGE_REGISTERS]) }.badge)
}

/// The kernel's answer to an invocation.
pub(crate) struct Reply(Returned);

impl Reply {
    /// The error, as one of [`seL4_Error`].
    #[inline]
    pub(crate) fn error(&self) -> seL4_Word {
        self.0.info.get_label()
    }

    /// Word `index` of the answer.
    ///
    /// # Safety
    ///
    /// The IPC buffer must still hold the answer.
    #[inline]
    pub(crate) unsafe fn word(&self, index: usize) -> seL4_Word {
        match self.0.registers.get(index) {
            Some(word) => *word,
            // SAFETY: the generated code asks for words of the answer only.
            None => unsafe { get_mr(index) },
        }
    }
}

/// Invokes a kernel object.
///
/// # Safety
///
/// As for [`call`].
#[inline]
pub(crate) unsafe fn invoke(
    service: seL4_CPtr,
    info: seL4_MessageInfo,
    registers: Registers,
) -> Reply {
    // SAFETY: as the caller says.
    let returned = unsafe { call(service, info, registers) };
    let reply = Reply(returned);
    if reply.error() != seL4_Error::seL4_NoError {
        for (index, word) in returned.registers.into_iter().enumerate() {
            // SAFETY: there are fewer registers than words in the buffer; the details of an error belong there.
            unsafe { set_mr(index, word) };
        }
    }
    reply
}

//! Messages and signals.

use crate::capability::cap;
use crate::message::MessageInfo;
use crate::{CPtr, Word, sys};

/// What the capability that was used to send carries.
pub type Badge = Word;

/// The number of message words that travel in registers.
pub const MESSAGE_REGISTERS: usize = sys::MESSAGE_REGISTERS;

const MAX_LENGTH: usize = sys::seL4_MsgMaxLength as usize;
const MAX_CAPS: usize = sys::seL4_MsgMaxExtraCaps as usize;

/// Reads message register `index` of the calling thread.
///
/// Panics if there is no such register.
#[inline]
pub fn get_mr(index: usize) -> Word {
    assert!(index < MAX_LENGTH, "no message register {index}");
    // SAFETY: the register exists; every thread of Atoll that uses this crate has an IPC buffer.
    unsafe { sys::get_mr(index) }
}

/// Writes message register `index` of the calling thread.
///
/// Panics if there is no such register.
#[inline]
pub fn set_mr(index: usize, value: Word) {
    assert!(index < MAX_LENGTH, "no message register {index}");
    // SAFETY: the register exists; every thread of Atoll that uses this crate has an IPC buffer.
    unsafe { sys::set_mr(index, value) }
}

/// Puts a capability in place `index` of those that the next message carries.
///
/// Panics if there is no such place.
#[inline]
pub fn set_cap(index: usize, cap: CPtr) {
    assert!(index < MAX_CAPS, "no capability {index} in a message");
    // SAFETY: the place exists; every thread of Atoll that uses this crate has an IPC buffer.
    unsafe { sys::set_cap(index, cap.bits()) }
}

/// The badge of the capability in place `index` of the last message, if the kernel unwrapped it.
///
/// Panics if there is no such place.
#[inline]
pub fn get_cap_badge(index: usize) -> Badge {
    assert!(index < MAX_CAPS, "no capability {index} in a message");
    // SAFETY: the place exists; every thread of Atoll that uses this crate has an IPC buffer.
    unsafe { sys::get_badge(index) }
}

/// Says into which slot a received capability goes.
pub fn set_cap_receive_path(slot: &crate::AbsoluteCPtr) {
    let (root, path) = (slot.root().bits(), slot.path());
    // SAFETY: every thread of Atoll that uses this crate has an IPC buffer.
    unsafe { sys::set_cap_receive_path(root, path.bits(), path.depth() as Word) }
}

fn load() -> sys::Registers {
    core::array::from_fn(get_mr)
}

fn store(registers: sys::Registers) {
    for (index, word) in registers.into_iter().enumerate() {
        set_mr(index, word);
    }
}

fn received(returned: sys::Returned) -> (MessageInfo, Badge) {
    store(returned.registers);
    (MessageInfo::from_inner(returned.info), returned.badge)
}

impl cap::Endpoint {
    /// Sends the message in the message registers and waits until it is received.
    ///
    /// Corresponds to `seL4_Send`.
    pub fn send(self, info: MessageInfo) {
        // SAFETY: the message is in the IPC buffer.
        unsafe { sys::send(self.bits(), info.into_inner(), load()) }
    }

    /// Sends the message in the message registers if a receiver waits.
    ///
    /// Corresponds to `seL4_NBSend`.
    pub fn nb_send(self, info: MessageInfo) {
        // SAFETY: the message is in the IPC buffer.
        unsafe { sys::nb_send(self.bits(), info.into_inner(), load()) }
    }

    /// Waits for a message, or for a signal to the notification that is bound to this thread.
    ///
    /// Corresponds to `seL4_Recv`.
    pub fn recv(self) -> (MessageInfo, Badge) {
        // SAFETY: no reference into the IPC buffer exists.
        received(unsafe { sys::recv(self.bits()) })
    }

    /// Takes a message or signal if there is one; otherwise the badge is 0.
    ///
    /// Corresponds to `seL4_NBRecv`.
    pub fn nb_recv(self) -> (MessageInfo, Badge) {
        // SAFETY: no reference into the IPC buffer exists.
        received(unsafe { sys::nb_recv(self.bits()) })
    }

    /// Sends the message in the message registers and waits for the answer.
    ///
    /// Corresponds to `seL4_Call`.
    pub fn call(self, info: MessageInfo) -> MessageInfo {
        // SAFETY: the message is in the IPC buffer, and no reference into it exists.
        received(unsafe { sys::call(self.bits(), info.into_inner(), load()) }).0
    }

    /// Sends a message of at most as many words as travel in registers, without the IPC buffer.
    ///
    /// Corresponds to `seL4_CallWithMRs`.
    pub fn call_with_mrs(
        self,
        info: MessageInfo,
        registers: [Word; MESSAGE_REGISTERS],
    ) -> (MessageInfo, [Word; MESSAGE_REGISTERS]) {
        // SAFETY: an answer that is longer than the registers overwrites the IPC buffer, into which no reference exists.
        let returned = unsafe { sys::call(self.bits(), info.into_inner(), registers) };
        (MessageInfo::from_inner(returned.info), returned.registers)
    }

    /// Answers the last caller with the message in the message registers, then waits for the next message.
    ///
    /// Corresponds to `seL4_ReplyRecv`.
    pub fn reply_recv(self, info: MessageInfo) -> (MessageInfo, Badge) {
        // SAFETY: the message is in the IPC buffer, and no reference into it exists.
        received(unsafe { sys::reply_recv(self.bits(), info.into_inner(), load()) })
    }

    /// Answers the last caller with at most as many words as travel in registers, then waits for the next message, without
    /// the IPC buffer.
    ///
    /// Corresponds to `seL4_ReplyRecvWithMRs`.
    pub fn reply_recv_with_mrs(
        self,
        info: MessageInfo,
        registers: [Word; MESSAGE_REGISTERS],
    ) -> (MessageInfo, Badge, [Word; MESSAGE_REGISTERS]) {
        // SAFETY: a message that is longer than the registers overwrites the IPC buffer, into which no reference exists.
        let returned = unsafe { sys::reply_recv(self.bits(), info.into_inner(), registers) };
        let info = MessageInfo::from_inner(returned.info);
        (info, returned.badge, returned.registers)
    }
}

impl cap::Notification {
    /// Signals.
    ///
    /// Corresponds to `seL4_Signal`.
    #[inline]
    pub fn signal(self) {
        sys::signal(self.bits());
    }

    /// Waits for signals and takes them.
    ///
    /// Corresponds to `seL4_Wait`.
    #[inline]
    pub fn wait(self) -> Badge {
        // SAFETY: no reference into the IPC buffer exists.
        unsafe { sys::recv(self.bits()) }.badge
    }

    /// Takes signals if there are any; otherwise the badge is 0.
    ///
    /// Corresponds to `seL4_Poll`.
    #[inline]
    pub fn poll(self) -> Badge {
        // SAFETY: no reference into the IPC buffer exists.
        unsafe { sys::nb_recv(self.bits()) }.badge
    }
}

/// Answers the last caller with the message in the message registers.
///
/// Corresponds to `seL4_Reply`.
pub fn reply(info: MessageInfo) {
    // SAFETY: the message is in the IPC buffer.
    unsafe { sys::reply(info.into_inner(), load()) }
}

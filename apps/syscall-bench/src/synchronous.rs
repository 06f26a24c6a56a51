//! Synchronous calls through the kernel.

use atoll_abi::layout::slot;
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::println;
use sel4::{MessageInfo, cap};

use crate::wrong;

/// Calls before those that are counted.
const WARM_UP: u64 = 1_000;

/// Calls that are counted.
const CALLS: u64 = 10_000;

/// Label of the message that ends an echo.
const END: u64 = 1;

/// Words of a message: as many as travel in registers.
const WORDS: usize = 4;

/// The processes to call: what they are called here, and how far after this one they are in the plan.
pub const CALLEES: [(&str, u64); 2] = [("near", 1), ("far", 2)];

const MESSAGE: MessageInfo = MessageInfo::new(0, 0, 0, WORDS);

/// Answers every call with the words that came with it, until one says that it was the last.
pub fn answer() {
    let callers = cap::Endpoint::from_bits(slot::CALLERS);
    let (mut info, _) = callers.recv();
    let mut words = core::array::from_fn(sel4::get_mr);
    while info.label() != END {
        (info, _, words) = callers.reply_recv_with_mrs(MESSAGE, words);
    }
    sel4::reply(MESSAGE);
}

/// Counts what calls to one process cost, and ends it.
pub fn measure(name: &str, callee: u64) {
    let callee = slot::CALLEES + u64::from(procinfo().number) + callee;
    let callee = cap::Endpoint::from_bits(callee);
    let call = |number: u64| {
        let (_, [first, .., last]) = callee.call_with_mrs(MESSAGE, [number, 1, 2, !number]);
        if (first, last) != (number, !number) {
            wrong("a call through the kernel was answered wrongly")
        }
    };
    (0..WARM_UP).for_each(call);
    let start = timestamp();
    (0..CALLS).for_each(call);
    let instructions = timestamp() - start;
    callee.call(MessageInfo::new(END, 0, 0, 0));
    // A call enters the kernel on both sides: to call, and to reply and receive.
    println!(
        r#"result {{"kind":"synchronous","what":"{name}","batch":1,"calls":{CALLS},"instructions":{instructions},"entries":{CALLS},"server_entries":{CALLS}}}"#
    );
}

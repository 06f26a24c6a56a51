//! What a process may not do. Each ends this process and nothing else.

#![allow(unsafe_code, reason = "doing what is not allowed is what is tested")]

use alloc::format;
use core::hint::spin_loop;

use atoll_abi::layout::{self, slot};
use atoll_runtime::guest::procinfo;
use atoll_runtime::{Frame, Recipient, println};
use sel4::{MessageInfo, cap};

use crate::wrong;

/// An address at which nothing is mapped.
const NOWHERE: usize = 0x30_0000;

/// Runs for ever and says nothing.
pub fn hang() -> ! {
    loop {
        spin_loop();
    }
}

/// Writes where nothing is mapped.
pub fn write_nowhere() -> ! {
    // SAFETY: it faults, which is what is tested.
    unsafe { (NOWHERE as *mut u64).write_volatile(1) };
    wrong("a write to no page went through")
}

/// Runs what is not there.
pub fn jump_nowhere() -> ! {
    // SAFETY: it faults, which is what is tested.
    let nowhere: extern "C" fn() = unsafe { core::mem::transmute(NOWHERE) };
    nowhere();
    wrong("no page could be run")
}

/// Reads the page after the process's own blocks.
pub fn read_beyond_the_pool() -> ! {
    let beyond = layout::block(procinfo().pool_blocks as usize) as *const u8;
    // SAFETY: it faults, which is what is tested.
    unsafe { beyond.read_volatile() };
    wrong("a page beyond the pool could be read")
}

/// Reads a frame that it has given away, where this core has looked before.
pub fn touch_what_it_gave() -> ! {
    let name = procinfo().name;
    let pair = name.as_str().trim_start_matches("probe-frame-");
    let taker = Recipient::find(&format!("taker-{pair}")).wait();
    let (Ok(taker), Ok(mut frame)) = (taker, Frame::acquire()) else {
        wrong("there is nothing to give, or nobody to give it to")
    };
    frame.bytes_mut().fill(1);
    let kept = frame.bytes().as_ptr();
    println!("gives frame {}", frame.number());
    if frame.give(taker, None).is_err() {
        wrong("nothing was given");
    }
    // SAFETY: it faults, which is what is tested.
    unsafe { kept.read_volatile() };
    wrong("what was given could be read")
}

/// Takes what others send to the root task, from the endpoint to which this process's faults go.
pub fn receive_for_the_root_task() -> ! {
    cap::Endpoint::from_bits(slot::FAULT_ENDPOINTS).recv();
    wrong("a message to the root task could be taken")
}

/// More slots than the capability space of any process has.
const SLOTS: u64 = 2048;

/// Sends to every slot of the capability space that the process was not told of. A send that does not block is dropped
/// where there is no capability, so nothing may come of it.
pub fn use_other_capabilities() {
    let procinfo = procinfo();
    let vcores = u64::from(procinfo.max_vcores);
    let own = |index: u64| {
        let port = |port: u32| slot::port_notification(port as usize, 0);
        index == slot::SERVER_NOTIFICATION
            || (slot::VCORE_NOTIFICATIONS..slot::VCORE_NOTIFICATIONS + vcores).contains(&index)
            || (slot::FAULT_ENDPOINTS..slot::FAULT_ENDPOINTS + vcores).contains(&index)
            || (0..procinfo.port_count).any(|it| (port(it)..port(it) + vcores).contains(&index))
    };
    let mut tried = 0;
    for index in (0..SLOTS).filter(|index| !own(*index)) {
        for label in [0, 1, layout::request::EXITED] {
            cap::Endpoint::from_bits(index).nb_send(MessageInfo::new(label, 0, 0, 4));
        }
        tried += 1;
    }
    println!(r#"result {{"slots":{tried}}}"#);
}

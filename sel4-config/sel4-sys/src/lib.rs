//! Raw bindings to seL4, generated from the kernel tree that is being built.
//!
//! Labels, numbers, layouts and one function for each invocation are written by the build script. What the tree does not
//! say in a form that a program can read is here: how a system call is made, and where the IPC buffer is.
//! Nothing above this crate may depend on a particular kernel version.

#![no_std]

mod bits;
pub mod compat;
mod ipc_buffer;
mod syscalls;

/// What the build script wrote.
#[allow(missing_docs, reason = "the C headers document what these are")]
#[allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "the names are those of the C headers"
)]
#[allow(
    clippy::too_many_arguments,
    clippy::missing_safety_doc,
    clippy::unnecessary_cast,
    clippy::identity_op,
    reason = "generated code treats all cases alike"
)]
mod bindings {
    use crate::bits::{extract, place, place_truncated, replace};
    use crate::ipc_buffer::{set_cap, set_mr};
    use crate::syscalls::invoke;

    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use bindings::*;
pub use ipc_buffer::{
    get_badge, get_cap, get_mr, get_user_data, set_cap, set_cap_receive_path, set_mr, set_user_data,
};
pub use syscalls::*;

const fn equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn look_up(table: &[(&str, u64)], name: &str) -> Option<u64> {
    let mut index = 0;
    while index < table.len() {
        if equal(table[index].0, name) {
            return Some(table[index].1);
        }
        index += 1;
    }
    None
}

/// The value of the kernel option `CONFIG_name`, or `None` if it is not defined.
pub const fn config_value(name: &str) -> Option<u64> {
    look_up(config::DEFINED, name)
}

/// The number of the system call `name`, or `None` if the configuration leaves it out.
pub const fn syscall_number(name: &str) -> Option<seL4_Word> {
    look_up(syscall_id::DEFINED, name)
}

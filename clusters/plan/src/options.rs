//! seL4's own options that a plan may set for a cluster, in seL4's own names.

use std::fmt;

/// An option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// ON or OFF; `true` or `false` in a plan.
    Flag(bool),
    /// A number.
    Number(u32),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionValue::Flag(true) => formatter.write_str("ON"),
            OptionValue::Flag(false) => formatter.write_str("OFF"),
            OptionValue::Number(number) => write!(formatter, "{number}"),
        }
    }
}

/// A kernel option that a plan may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelOption {
    /// seL4's name of it.
    pub name: &'static str,
    /// Its value where the plan is silent.
    pub default: OptionValue,
    /// Lowest and highest value, for a number.
    pub range: (u32, u32),
}

const fn flag(name: &'static str, default: bool) -> KernelOption {
    KernelOption {
        name,
        default: OptionValue::Flag(default),
        range: (0, 1),
    }
}

const fn number(name: &'static str, default: u32, low: u32, high: u32) -> KernelOption {
    KernelOption {
        name,
        default: OptionValue::Number(default),
        range: (low, high),
    }
}

/// The option that says how many capability slots a root task has.
pub(crate) const ROOT_CNODE_BITS: &str = "KernelRootCNodeSizeBits";

/// The options that a plan may set. The ranges are what Atoll can run with, within what seL4 accepts.
pub const KERNEL_OPTIONS: [KernelOption; 8] = [
    flag("KernelPrinting", true),
    flag("KernelDebugBuild", false),
    number(ROOT_CNODE_BITS, 14, 12, 18),
    flag("KernelFastpath", true),
    number("KernelNumPriorities", 256, 16, 256),
    number("KernelRetypeFanOutLimit", 256, 16, 4096),
    number("KernelMaxNumWorkUnitsPerPreemption", 100, 1, 10_000),
    number("KernelStackBits", 12, 12, 16),
];

/// Options that follow from the plan, each with the key that sets it.
pub(crate) const DERIVED_OPTIONS: [(&str, &str); 3] = [
    ("KernelMaxNumNodes", "cores"),
    ("KernelTimerTickMS", "timer-tick-ms"),
    ("KernelTimeSlice", "quantum-ms"),
];

/// The values of [`KERNEL_OPTIONS`], in its order.
pub(crate) type OptionValues = [OptionValue; KERNEL_OPTIONS.len()];

/// What holds where a plan is silent.
pub(crate) fn defaults() -> OptionValues {
    KERNEL_OPTIONS.map(|option| option.default)
}

//! What is bound, before it is written as Rust.

use anyhow::Result;

use super::bitfield::Bitfields;
use super::emit;
use super::layout::Layouts;
use super::xml::{Method, Structure};

/// The invocations.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// All methods of the tree.
    pub methods: Vec<Method>,
    /// The label of each method, or `None` if the configuration leaves it out.
    pub labels: Vec<Option<u64>>,
    /// Structures that cross as consecutive words.
    pub structures: Vec<Structure>,
}

impl Methods {
    /// Each method with its label.
    pub fn iter(&self) -> impl Iterator<Item = (&Method, Option<u64>)> {
        self.methods.iter().zip(self.labels.iter().copied())
    }
}

/// Everything that is bound.
#[derive(Clone, Debug)]
pub struct Bindings {
    /// Integer options of the configuration.
    pub config: Vec<(String, u64)>,
    /// System calls with their numbers, or `None` if the configuration leaves them out.
    pub syscalls: Vec<(String, Option<i64>)>,
    /// Bitfields.
    pub bitfields: Bitfields,
    /// How a data word narrows an I/O port capability.
    pub io_port_data: Bitfields,
    /// Invocations.
    pub methods: Methods,
    /// Values and layouts from the headers.
    pub layouts: Layouts,
}

impl Bindings {
    /// The bindings as Rust source.
    pub fn to_rust(&self) -> Result<String> {
        emit::bindings(self)
    }
}

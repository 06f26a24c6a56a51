//! The program around the library: it carries out what a connection wants done.

pub mod carry;
pub mod measure;
pub mod shared;
pub mod tree;
pub mod upload;

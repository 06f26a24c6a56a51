//! The program around the library: it carries out what a connection wants done.

pub mod carry;
pub mod client;
pub mod measure;
pub mod reception;
pub mod shared;
pub mod tree;
pub mod upload;

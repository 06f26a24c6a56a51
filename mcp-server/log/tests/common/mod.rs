//! A disk that loses power, and an application on a log on it.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod application;
pub mod disk;
pub mod log;
pub mod random;
pub mod state;

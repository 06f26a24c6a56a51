//! The lock behind which everything is that the vcores of a process share.
#![deny(unsafe_code)]

/// A lock that spins.
#[cfg(not(feature = "simulated"))]
pub(crate) type Mutex<T> = spin::Mutex<T>;

/// A lock that spins, and has the simulator let others run meanwhile.
#[cfg(feature = "simulated")]
pub(crate) type Mutex<T> = spin::mutex::Mutex<T, crate::simulated::Relax>;

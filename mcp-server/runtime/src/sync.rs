//! The locks behind which everything is that the vcores of a process share.
#![deny(unsafe_code)]

/// What the one who waits for a lock does meanwhile.
#[cfg(not(feature = "simulated"))]
type Relax = spin::Spin;

/// It has the simulator let others run.
#[cfg(feature = "simulated")]
type Relax = crate::simulated::Relax;

/// A lock that spins.
pub(crate) type Mutex<T> = spin::mutex::Mutex<T, Relax>;

/// A lock that several may have at a time who only read, and that spins.
pub(crate) type RwLock<T> = spin::rwlock::RwLock<T, Relax>;

/// Such a lock, held to write.
pub(crate) type RwLockWriteGuard<'l, T> = spin::rwlock::RwLockWriteGuard<'l, T, Relax>;

/// Such a lock, held to read.
pub(crate) type RwLockReadGuard<'l, T> = spin::rwlock::RwLockReadGuard<'l, T>;

//! Rings in shared memory and the doorbells beside them.

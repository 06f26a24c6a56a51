//! Binds the personality to seL4.

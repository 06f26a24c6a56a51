//! The HPET as a doorbell between kernels.

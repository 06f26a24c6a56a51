//! Raw bindings to seL4, generated from the kernel tree that is being built.

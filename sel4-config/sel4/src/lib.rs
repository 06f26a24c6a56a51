//! Typed capabilities and invocations of seL4.

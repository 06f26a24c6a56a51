//! Entry point, heap, panic handler and log of a root task.

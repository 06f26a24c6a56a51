//! What a process links: vcore entry, second-level scheduler, syscalls.

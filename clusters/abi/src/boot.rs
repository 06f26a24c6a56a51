//! What the loader and the root tasks tell each other, in one page of low memory.

/// Physical address of the page of ready words: one `u32` for each kernel instance. It lies between the kernels' own
/// start-up code (0x1000 to 0x7bff) and the loader's (0x8000), and the firmware's data at the end of low memory.
pub const READY_PAGE: u64 = 0x9000;

/// What a root task writes into its instance's ready word once its kernel has booted and nothing of the boot-time
/// machinery (MADT, PIT, start-up code) is needed any more.
pub const READY: u32 = 0x5944_4552;

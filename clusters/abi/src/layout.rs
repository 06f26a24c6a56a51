//! Where things are in a process's address space and capability space.
//!
//! Images are linked in the low 1 GiB; everything that the root task adds lies above [`AREA_BASE`].

mod badges;
mod messages;
pub mod slot;

use core::ops::Range;

use crate::block::BLOCK_SIZE;
use crate::plan::{
    MAX_CHANNELS, MAX_CLUSTER_FRAMES, MAX_CLUSTER_VCORES, MAX_CONNECTIONS, MAX_PROCESSES,
    MAX_SERVICE_CLIENTS, MAX_SERVICE_CONNECTIONS, MAX_SERVICES, ServiceKind,
};
use crate::timeline::MAX_WINDOW;

pub use badges::{badge, server_badge, service_badge};
pub use messages::{component, entry, request};

/// Bytes of a small page.
pub const PAGE_SIZE: usize = 4096;

/// Bytes of a large page.
pub const LARGE_PAGE_SIZE: usize = 2 << 20;

/// Vcores that one process may have: bitmaps of them are one word.
pub const MAX_VCORES: usize = u64::BITS as usize;

/// First address that the root task uses for what it adds to an image.
pub const AREA_BASE: usize = 0x10_0000_0000;

/// The read-only [`crate::process::ProcInfo`] page of a process. A server has those of its processes elsewhere: see
/// [`server_procinfo`].
pub const PROCINFO: usize = AREA_BASE;

/// The [`crate::process::ServerInfo`] page of a cluster: read-only in its processes, writable in its server.
pub const SERVER_INFO: usize = AREA_BASE + PAGE_SIZE;

/// The encoded plan, read-only, as many pages as it takes: in servers, services, drivers and observers.
pub const PLAN: usize = AREA_BASE + 0x10_0000;

/// Pages that an encoded plan may take.
pub const MAX_PLAN_PAGES: usize = (IPC_BUFFERS - PLAN) / PAGE_SIZE;

/// IPC buffers, one page for each thread.
pub const IPC_BUFFERS: usize = AREA_BASE + 0x20_0000;

/// Thread-local storage, [`TLS_PAGES`] pages for each thread.
pub const TLS: usize = AREA_BASE + 0x40_0000;

/// Pages of thread-local storage for each thread.
pub const TLS_PAGES: usize = 4;

/// Thread stacks, each [`STACK_SIZE`] bytes with an unmapped page below it.
pub const STACKS: usize = AREA_BASE + 0x100_0000;

/// Bytes of a thread's stack.
pub const STACK_SIZE: usize = 32 * PAGE_SIZE;

/// Procdata: the windows of the rings of each vcore, [`RING_WINDOW_SIZE`] bytes for each.
///
/// In a process its own, by vcore; in a server those of its processes, by number of the vcore in its cluster.
pub const PROCDATA: usize = AREA_BASE + 0x1000_0000;

/// Slots of every ring of this version.
pub const RING_SLOTS: usize = 64;

/// Bytes of the window of one channel: two rings of [`RING_SLOTS`] slots with their headers.
pub const RING_WINDOW_SIZE: usize = 4 * PAGE_SIZE;

/// In a process: the windows of its connections to services, by port and then vcore.
pub const PORT_WINDOWS: usize = AREA_BASE + 0x1800_0000;

/// In a service or driver: the windows of its clients' connections, by slot (see [`crate::connection`]).
pub const CLIENT_WINDOWS: usize = AREA_BASE + 0x1c00_0000;

/// In a server: the wake pages of its cluster's channels, by channel number of the plan, a page for each.
pub const WAKE_PAGES: usize = AREA_BASE + 0x2000_0000;

/// In a process or service that has a connection to another kernel instance: its wake requests, one page, on which it says
/// which connections its server is to wake the other side of.
pub const WAKE_REQUESTS: usize = AREA_BASE + 0x2010_0000;

/// In a server: the wake requests of its cluster's components, a page for each: see [`server_wake_requests`].
pub const SERVER_WAKE_REQUESTS: usize = AREA_BASE + 0x2020_0000;

/// In a server: the [`crate::process::ProcInfo`] pages of its processes, writable: see [`server_procinfo`].
const SERVER_PROCINFO: usize = AREA_BASE + 0x2800_0000;

/// In a service: the window of its connection to the driver of its device.
pub const DRIVER_WINDOW: usize = AREA_BASE + 0x3000_0000;

/// In a service: its own pool of blocks, as many as its kind has, for what it reads and writes itself.
pub const SERVICE_POOL: usize = AREA_BASE + 0x3010_0000;

/// Blocks that a service's own pool may have.
pub const MAX_SERVICE_BLOCKS: usize = 256;

/// In a server that has the authority: the registers of the HPET.
pub const HPET: usize = AREA_BASE + 0x3020_0000;

/// In a driver: the configuration page of its PCI function.
pub const DEVICE_CONFIGURATION: usize = AREA_BASE + 0x4000_0000;

/// In a driver: the device's memory BARs, [`DEVICE_BAR_STRIDE`] bytes apart, by BAR number.
pub const DEVICE_BARS: usize = AREA_BASE + 0x4100_0000;

/// Bytes between two BARs.
pub const DEVICE_BAR_STRIDE: usize = 0x100_0000;
/// Bytes that are mapped of each of them at most.
pub const DEVICE_BAR_MAPPED: usize = 0x1_0000;

/// In a driver: memory for DMA, physically contiguous, [`DMA_PAGES`] pages.
pub const DMA: usize = AREA_BASE + 0x5000_0000;

/// Pages of a driver's DMA memory.
pub const DMA_PAGES: usize = 8;

/// In an observer or operator: the first page of each ring of the connections that it watches, read-only, by number of the connection and
/// ring: see [`crate::plan::Plan::watched_by`].
pub const TELEMETRY: usize = AREA_BASE + 0x6000_0000;

/// In a server, service or driver: the window of its timeline; in a process those of its vcores: see [`timeline`].
pub const TIMELINE: usize = AREA_BASE + 0x6800_0000;

/// In a process: the stacks of its uthreads, with an unmapped page below each: see [`uthread_stack`].
pub const UTHREAD_STACKS: usize = AREA_BASE + 0x7000_0000;

/// Bytes of the stack of each uthread but the first.
pub const UTHREAD_STACK_SIZE: usize = 8 * PAGE_SIZE;

/// Bytes of the stack of a process's first uthread: a program's main function may format and hash.
pub const MAIN_STACK_SIZE: usize = 2 * UTHREAD_STACK_SIZE;

/// Uthreads that a process may have at a time, beside the first.
pub const MAX_UTHREADS: usize = 1024;

/// In a process: its pool of blocks.
pub const BLOCKS: usize = AREA_BASE + 0x8000_0000;

/// Blocks that a process's pool may have.
pub const MAX_POOL_BLOCKS: usize = 4096;

/// In a process that may hold frames: those that it holds, each at the place of its number in the cluster: see [`frame`].
pub const FRAMES: usize = AREA_BASE + 0x9000_0000;

/// In a process or service: its heap.
pub const HEAP: usize = AREA_BASE + 0x1_0000_0000;

/// Bytes of a process's heap that are its program's at least: the others are the runtime's.
pub const PROGRAM_HEAP: u64 = 64 << 10;

/// Bytes of heap that a process needs at least: what its runtime takes, which `mcp-server/runtime/tests/heap.rs` measures, and
/// [`PROGRAM_HEAP`].
pub const fn least_heap(vcores: u64, services: u64, blocks: u64, uthreads: u64) -> u64 {
    const CHANNEL: u64 = 14 << 10;
    const VCORE: u64 = 6 << 10;
    const UTHREAD: u64 = 512;
    const BLOCK: u64 = 4;
    // All pools together, as far as what the others count too much does not cover it.
    const POOLS: u64 = 1280;
    // One to the server, and one to each service.
    let channels = 1 + services;
    let blocks = POOLS + blocks * BLOCK;
    PROGRAM_HEAP + vcores * (VCORE + channels * CHANNEL) + uthreads * UTHREAD + blocks
}

/// Bytes of the heap of a server or driver, which is part of its image.
pub const COMPONENT_HEAP_SIZE: usize = 1 << 20;

/// Bytes of the heap of a service at least.
pub const LEAST_SERVICE_HEAP: usize = 1 << 20;

/// Bytes of the journal of a file system that is written, at least: `mke2fs` makes none of fewer blocks of 4 KiB.
pub const LEAST_JOURNAL: u64 = 4 << 20;

/// Bytes of the largest journal that a file service takes that has a heap of so many bytes: it keeps in memory what is in the journal.
pub const fn largest_journal(heap: u64) -> u64 {
    heap / 2
}

/// Bytes of the heap of a file service whose file system is written, at least.
pub const LEAST_WRITING_HEAP: u64 = 2 * LEAST_JOURNAL;

const _: () = assert!(largest_journal(LEAST_WRITING_HEAP) == LEAST_JOURNAL);

/// In a service that reaches the blocks of its clients: their pools: see [`client_pool`].
pub const CLIENT_POOLS: usize = AREA_BASE + 0x2_0000_0000;

/// Bytes of the heap of a root task.
pub const ROOT_TASK_HEAP_SIZE: usize = 4 << 20;

// No region reaches into the next one.
const _: () = {
    assert!(ipc_buffer(MAX_VCORES) <= TLS);
    assert!(tls(MAX_VCORES) <= STACKS);
    assert!(stack_base(MAX_VCORES) <= PROCDATA);
    assert!(server_vcore_window(MAX_CLUSTER_VCORES) <= PORT_WINDOWS);
    assert!(vcore_window(MAX_VCORES) <= PORT_WINDOWS);
    assert!(port_window(MAX_SERVICES, 0) <= CLIENT_WINDOWS);
    assert!(client_window(MAX_SERVICE_CONNECTIONS) <= WAKE_PAGES);
    assert!(wake_page(MAX_CHANNELS) <= WAKE_REQUESTS);
    assert!(server_wake_requests(MAX_PROCESSES + MAX_SERVICES) <= SERVER_PROCINFO);
    assert!(server_procinfo(MAX_PROCESSES) <= DRIVER_WINDOW);
    assert!(ServiceKind::Files.own_blocks() <= MAX_SERVICE_BLOCKS);
    assert!(ServiceKind::Blocks.own_blocks() <= MAX_SERVICE_BLOCKS);
    assert!(ServiceKind::Sockets.own_blocks() <= MAX_SERVICE_BLOCKS);
    assert!(SERVICE_POOL + MAX_SERVICE_BLOCKS * BLOCK_SIZE <= HPET);
    assert!(DMA + DMA_PAGES * PAGE_SIZE <= TELEMETRY);
    assert!(telemetry(MAX_CONNECTIONS, 0) <= TIMELINE);
    assert!(timeline(MAX_VCORES) <= UTHREAD_STACKS);
    assert!(uthread_stack(MAX_UTHREADS).end <= BLOCKS);
    assert!(block(MAX_POOL_BLOCKS) <= FRAMES);
    assert!(FRAMES.is_multiple_of(LARGE_PAGE_SIZE));
    assert!(frame(MAX_CLUSTER_FRAMES) <= HEAP);
    assert!(HEAP + LEAST_SERVICE_HEAP <= CLIENT_POOLS);
    // The upper half of the address space is the kernel's.
    assert!(client_pool(MAX_SERVICE_CLIENTS) <= 1 << 47);
};

/// The address of a thread's stack: lowest mapped byte.
pub const fn stack_base(thread: usize) -> usize {
    STACKS + thread * (STACK_SIZE + PAGE_SIZE) + PAGE_SIZE
}

/// The address just above a thread's stack.
pub const fn stack_top(thread: usize) -> usize {
    stack_base(thread) + STACK_SIZE
}

/// The addresses of a uthread's stack: index 0 is that of the process's first uthread.
pub const fn uthread_stack(index: usize) -> Range<usize> {
    let main = UTHREAD_STACKS + PAGE_SIZE;
    if index == 0 {
        return main..main + MAIN_STACK_SIZE;
    }
    let base = main + MAIN_STACK_SIZE + PAGE_SIZE + (index - 1) * (UTHREAD_STACK_SIZE + PAGE_SIZE);
    base..base + UTHREAD_STACK_SIZE
}

/// The address of a thread's IPC buffer.
pub const fn ipc_buffer(thread: usize) -> usize {
    IPC_BUFFERS + thread * PAGE_SIZE
}

/// The address of a thread's thread-local storage.
pub const fn tls(thread: usize) -> usize {
    TLS + thread * TLS_PAGES * PAGE_SIZE
}

/// The address of the ring window of a vcore in its process.
pub const fn vcore_window(vcore: usize) -> usize {
    PROCDATA + vcore * RING_WINDOW_SIZE
}

/// The address of the ring window of a vcore in its server; `number` is that of the vcore in its cluster.
pub const fn server_vcore_window(number: usize) -> usize {
    PROCDATA + number * RING_WINDOW_SIZE
}

/// The address, in a server, of the [`crate::process::ProcInfo`] page of a process, by its index in the plan.
pub const fn server_procinfo(process: usize) -> usize {
    SERVER_PROCINFO + process * PAGE_SIZE
}

/// The address of the window of a vcore's connection to a service in its process.
pub const fn port_window(port: usize, vcore: usize) -> usize {
    PORT_WINDOWS + (port * MAX_VCORES + vcore) * RING_WINDOW_SIZE
}

/// The address of the window of a client's connection in its provider.
pub const fn client_window(slot: usize) -> usize {
    CLIENT_WINDOWS + slot * RING_WINDOW_SIZE
}

/// The address of a channel's wake page in a server.
pub const fn wake_page(channel: usize) -> usize {
    WAKE_PAGES + channel * PAGE_SIZE
}

/// The address, in a server, of the wake requests of a component: of a process by its index, of a service by
/// [`crate::plan::MAX_PROCESSES`] plus its index.
pub const fn server_wake_requests(component: usize) -> usize {
    SERVER_WAKE_REQUESTS + component * PAGE_SIZE
}

/// The address of the first page of a ring of a connection in who watches it; ring 0 is that on which the client sends.
pub const fn telemetry(connection: usize, ring: usize) -> usize {
    TELEMETRY + (2 * connection + ring) * PAGE_SIZE
}

/// The address of the window of a vcore's timeline in its process; that of any other component is the first one.
pub const fn timeline(vcore: usize) -> usize {
    TIMELINE + vcore * MAX_WINDOW as usize
}

/// The address of a block of a process's pool.
pub const fn block(index: usize) -> usize {
    BLOCKS + index * BLOCK_SIZE
}

/// The address of a frame in the process that holds it.
pub const fn frame(number: usize) -> usize {
    FRAMES + number * LARGE_PAGE_SIZE
}

/// The frame in which a fault was: an address of which the kernel tells the lower half alone, as seL4 5.0.0 does. No other region of a
/// process has addresses with that lower half, as long as its heap is smaller than 2 GiB, which is all memory that a machine may have.
pub const fn frame_of_fault(address: u64) -> Option<usize> {
    let region = frame(0) as u32;
    match (address as u32).checked_sub(region) {
        Some(offset) if (offset as usize) < MAX_CLUSTER_FRAMES * LARGE_PAGE_SIZE => {
            Some(offset as usize / LARGE_PAGE_SIZE)
        }
        _ => None,
    }
}

/// The address, in a service, of the pool of one of its client processes, by its place among
/// [`Plan::client_processes`](crate::plan::Plan::client_processes).
pub const fn client_pool(client: usize) -> usize {
    CLIENT_POOLS + client * MAX_POOL_BLOCKS * BLOCK_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_frame_is_told_from_all_others() {
        for number in [0, 1, MAX_CLUSTER_FRAMES - 1] {
            for address in [frame(number), frame(number + 1) - 1] {
                let lower = address as u32;
                assert_eq!(frame_of_fault(u64::from(lower)), Some(number));
            }
        }
        let most = crate::plan::MAX_CLUSTER_FRAMES;
        for other in [frame(0) - 1, frame(most), BLOCKS, HEAP, UTHREAD_STACKS, 0] {
            assert_eq!(frame_of_fault(other as u64), None, "{other:#x}");
        }
    }

    #[test]
    fn below_each_stack_of_a_uthread_lies_a_page_that_is_no_stack() {
        let mut below = timeline(MAX_VCORES);
        for index in 0..=MAX_UTHREADS {
            let stack = uthread_stack(index);
            assert!(stack.start >= below + PAGE_SIZE && stack.start.is_multiple_of(PAGE_SIZE));
            let size = if index == 0 {
                MAIN_STACK_SIZE
            } else {
                UTHREAD_STACK_SIZE
            };
            assert_eq!(stack.len(), size);
            below = stack.end;
        }
        assert!(below <= BLOCKS);
    }
}

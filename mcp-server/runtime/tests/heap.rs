//! What a runtime takes of its process's heap is no more than the checker of plans counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use atoll_abi::layout::{PAGE_SIZE, PROGRAM_HEAP, RING_WINDOW_SIZE, least_heap};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Route;
use atoll_channel::{Endpoint, Side};
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::window::{FrameMemory, PoolMemory};
use atoll_runtime::world::{Parts, PortParts, World};
use zerocopy::FromZeros;

/// Bytes that the allocator of a process takes for each allocation beside its own: a tag, and what is lost to alignment.
const OVERHEAD: usize = 32;

/// Counts what is allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: what the system's allocator does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = layout.size() + OVERHEAD;
        let now = NOW.fetch_add(bytes, Ordering::SeqCst) + bytes;
        MOST.fetch_max(now, Ordering::SeqCst);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size() + OVERHEAD, Ordering::SeqCst);
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A world in which nothing happens.
struct Nowhere;

impl World for Nowhere {
    fn ring_server(&self) {}
    fn ring_port(&self, _: usize, _: usize) {}
    fn wake_vcore(&self, _: usize) {}
    fn wait(&self, _: usize) {}
    fn ticks(&self) -> u64 {
        0
    }
    fn ticks_per_microsecond(&self) -> u64 {
        1
    }
    fn procinfo(&self) -> ProcInfo {
        ProcInfo::new_zeroed()
    }
    fn exit_without_server(&self, _: usize, _: u64) {}
}

fn endpoint() -> Endpoint {
    let layout = Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).unwrap();
    // SAFETY: the layout has a size.
    let window = unsafe { System.alloc_zeroed(layout) };
    // SAFETY: a zeroed, aligned window that stays for good, attached here only.
    unsafe { Endpoint::attach(window, Side::First) }
}

/// The most bytes that a runtime had at once, which is made as on seL4, and starts all the uthreads that it may have.
fn taken(vcores: usize, services: usize, blocks: u32, uthreads: usize) -> usize {
    let before = NOW.load(Ordering::SeqCst);
    MOST.store(before, Ordering::SeqCst);
    let ports = (0..services).map(|_| PortParts {
        service: Name::new("service").unwrap(),
        kind: Some(ServiceKind::Files),
        route: Route::Local,
        endpoints: (0..vcores).map(|_| endpoint()).collect(),
    });
    let parts = Parts {
        world: &Nowhere,
        endpoints: (0..vcores).map(|_| endpoint()).collect(),
        ports: ports.collect(),
        // SAFETY: no block is ever taken.
        pool: unsafe { PoolMemory::new(std::ptr::null_mut(), blocks) },
        frames: FrameMemory::NONE,
        generation: 1,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    for _ in 0..uthreads {
        runtime.spawn(PAGE_SIZE, || ());
    }
    MOST.load(Ordering::SeqCst) - before
}

#[test]
fn a_runtime_takes_what_the_checker_of_plans_counts_and_not_much_less() {
    for (vcores, services, blocks, uthreads) in [
        (1, 0, 1, 1),
        (1, 1, 4096, 64),
        (2, 1, 64, 1024),
        (4, 2, 64, 64),
        (3, 16, 1, 1),
        (64, 1, 64, 64),
        (64, 8, 4096, 1),
    ] {
        let taken = taken(vcores, services, blocks, uthreads) as u64;
        let counted = least_heap(
            vcores as u64,
            services as u64,
            blocks.into(),
            uthreads as u64,
        ) - PROGRAM_HEAP;
        println!(
            "{vcores} vcores, {services} services, {blocks} blocks, {uthreads} uthreads: {taken} of {counted} bytes"
        );
        assert!(
            taken <= counted,
            "{taken} bytes are taken, {counted} counted"
        );
        assert!(
            counted < 4 * taken,
            "{counted} bytes are counted, {taken} taken"
        );
    }
}

//! The threads of a component.

use atoll_abi::layout::{self, PAGE_SIZE, STACK_SIZE, TLS_PAGES};
use atoll_root_task::image::Tls;
use sel4::init_thread::slot;
use sel4::{CNodeCapData, CPtr, CapRights, ObjectBlueprint, UserContext, VmAttributes, cap};

use super::{Component, Private};
use crate::authority::Authority;

/// How a thread is set up.
pub struct ThreadPlan {
    /// Its number in its component: which stack, IPC buffer and thread-local storage it has.
    pub number: usize,
    /// Core, as an index within the instance.
    pub core: u32,
    /// Priority.
    pub priority: u8,
    /// Slot of its fault endpoint.
    pub fault_slot: u64,
    /// What it is passed in `rdi` and `rsi`.
    pub arguments: [u64; 2],
}

/// A thread, and how it begins.
pub(super) struct Thread {
    tcb: cap::Tcb,
    number: usize,
    pointer: usize,
    pub(super) arguments: [u64; 2],
}

impl Component<'_> {
    /// Makes a thread that begins at the image's entry with two arguments; it does not run yet.
    ///
    /// `fault_slot` is where the component has the endpoint to which its faults go.
    pub fn thread(&mut self, authority: &mut Authority, thread: ThreadPlan) -> cap::Tcb {
        let number = thread.number;
        let tcb: cap::Tcb = authority.make(ObjectBlueprint::Tcb);
        let buffer = self.map_private(authority, layout::ipc_buffer(number), 1)[0];
        self.map_private(
            authority,
            layout::stack_base(number),
            STACK_SIZE / PAGE_SIZE,
        );
        let thread_pointer = self.thread_local_storage(authority, number);
        tcb.tcb_configure(
            CPtr::from_bits(thread.fault_slot),
            self.cspace,
            CNodeCapData::skip_high_bits(self.cspace_bits),
            self.space.vspace(),
            layout::ipc_buffer(number) as u64,
            buffer,
        )
        .unwrap_or_else(|error| panic!("a thread of {}: {error}", self.holder));
        tcb.tcb_set_sched_params(slot::TCB.cap(), 0, thread.priority)
            .expect("the root task may set any priority");
        tcb.tcb_set_affinity(u64::from(thread.core))
            .expect("the plan names cores of this instance");
        let thread = Thread {
            tcb,
            number,
            pointer: thread_pointer,
            arguments: thread.arguments,
        };
        self.set_registers(&thread);
        self.threads.push(thread);
        tcb
    }

    /// Has a thread begin at the image's entry.
    pub(super) fn set_registers(&self, thread: &Thread) {
        let mut context = UserContext::default();
        *context.pc_mut() = self.image.entry as u64;
        *context.sp_mut() = layout::stack_top(thread.number) as u64;
        *context.c_param_mut(0) = thread.arguments[0];
        *context.c_param_mut(1) = thread.arguments[1];
        *context.tls_base_mut() = thread.pointer as u64;
        thread
            .tcb
            .tcb_write_all_registers(false, &context)
            .expect("the thread does not run");
    }

    /// Stops its threads.
    pub fn suspend(&self) {
        for thread in &self.threads {
            // A thread that does not run can be suspended too.
            let _ = thread.tcb.tcb_suspend();
        }
    }

    /// Lets those of its threads run whose bits are set, also those that run already.
    pub fn resume(&self, threads: u64) {
        for (number, thread) in self.threads.iter().enumerate() {
            if threads & 1 << number != 0 {
                // It was set up when the instance started.
                let _ = thread.tcb.tcb_resume();
            }
        }
    }

    fn thread_local_storage(&mut self, authority: &mut Authority, thread: usize) -> usize {
        let base = layout::tls(thread);
        let (block, pointer) = Tls::block(self.image.tls, base);
        for index in 0..TLS_PAGES {
            let page = authority.page(&self.holder);
            let bytes = part(&block, index);
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| mapped.write(0, bytes));
            self.private.push(Private::ThreadLocal {
                held_by: page,
                thread,
                page: index,
            });
            self.map(
                authority,
                page,
                base + index * PAGE_SIZE,
                CapRights::read_write(),
                VmAttributes::DEFAULT,
            );
        }
        pointer
    }
}

/// What of a block of bytes is in one of its pages.
pub(super) fn part(block: &[u8], page: usize) -> &[u8] {
    let bytes = block.get(page * PAGE_SIZE..).unwrap_or(&[]);
    &bytes[..bytes.len().min(PAGE_SIZE)]
}

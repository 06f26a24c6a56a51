//! A child: an address space, a capability space, threads.

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::layout::{self, PAGE_SIZE, STACK_SIZE, TLS_PAGES, slot as child_slot};
use atoll_root_task::image::{Image, Tls};
use sel4::init_thread::slot;
use sel4::{
    CNodeCapData, CPtr, CapRights, CapRightsBuilder, ObjectBlueprint, UserContext, VmAttributes,
    cap, cap_type,
};

use crate::address_space::AddressSpace;
use crate::authority::Authority;

/// Priorities, above which the root task runs: a driver answers before a server, a server before a service, and a service
/// before a process.
pub mod priority {
    /// Of drivers.
    pub const DRIVER: u8 = 200;
    /// Of servers: one passes wake-ups on to the services of its core.
    pub const SERVER: u8 = 190;
    /// Of services.
    pub const SERVICE: u8 = 180;
    /// Of vcores.
    pub const VCORE: u8 = 100;
}

/// A child of the root task.
pub struct Component<'a> {
    /// Its name in the audit.
    pub holder: String,
    image: Image<'a>,
    space: AddressSpace,
    cspace: cap::CNode,
    cspace_bits: usize,
    /// Its writable pages that it shares with no other component, and what they hold when it starts.
    private: Vec<Private<'a>>,
    threads: Vec<Thread>,
}

/// Private pages, and what they hold when their component starts; the rest of them is zero.
enum Private<'a> {
    /// Pages in consecutive slots, from a first one on: what is kept of them does not grow with their number.
    Zero(Page, u64),
    /// These bytes, from an offset on.
    Bytes(Page, usize, &'a [u8]),
    /// This page of a thread's thread-local storage.
    ThreadLocal {
        held_by: Page,
        thread: usize,
        page: usize,
    },
}

/// Adds a page that is zero when its component starts.
fn add_zero(private: &mut Vec<Private<'_>>, page: Page) {
    match private.last_mut() {
        Some(Private::Zero(first, count)) if first.bits() + *count == page.bits() => *count += 1,
        _ => private.push(Private::Zero(page, 1)),
    }
}

/// A thread, and how it begins.
struct Thread {
    tcb: cap::Tcb,
    number: usize,
    pointer: usize,
    arguments: [u64; 2],
}

impl<'a> Component<'a> {
    /// A child with its image mapped and nothing else, and a capability space of so many slots.
    pub fn new(
        authority: &mut Authority,
        holder: String,
        file: &'a [u8],
        slots: u64,
    ) -> Component<'a> {
        let image =
            Image::parse(file).unwrap_or_else(|error| panic!("the image of {holder}: {error:?}"));
        let mut space = AddressSpace::new(authority);
        let mut private = Vec::new();
        for segment in &image.segments {
            let rights = if segment.writable {
                CapRights::read_write()
            } else {
                CapRights::read_only()
            };
            let mapped: Result<(), ()> = segment.for_each_page(|base, offset, bytes| {
                let page = authority.page(&holder);
                if !bytes.is_empty() {
                    authority.with_page(page, VmAttributes::DEFAULT, |mapped| {
                        mapped.write(offset, bytes)
                    });
                }
                space.map(authority, page, base, rights, VmAttributes::DEFAULT);
                match (segment.writable, bytes.is_empty()) {
                    (true, true) => add_zero(&mut private, page),
                    (true, false) => private.push(Private::Bytes(page, offset, bytes)),
                    (false, _) => {}
                }
                Ok(())
            });
            mapped.unwrap_or(());
        }
        let cspace_bits = child_slot::bits(slots);
        let cspace = authority.make(ObjectBlueprint::CNode {
            size_bits: cspace_bits,
        });
        Component {
            holder,
            image,
            space,
            cspace,
            cspace_bits,
            private,
            threads: Vec::new(),
        }
    }

    /// Gives it a capability.
    pub fn give<T: sel4::CapType>(
        &self,
        index: u64,
        capability: sel4::Cap<T>,
        rights: CapRights,
        badge: u64,
    ) {
        let source = slot::CNODE.cap().absolute_cptr(capability);
        let target = self
            .cspace
            .absolute_cptr_from_bits_with_depth(index, self.cspace_bits);
        target
            .mint(&source, rights, badge)
            .unwrap_or_else(|error| panic!("slot {index} of {}: {error}", self.holder));
    }

    /// Gives it the endpoint of the root task, to call it and to have faults sent there. Sending a call or a fault takes the
    /// right to grant; with the right to receive, a child could take what others send.
    pub fn give_endpoint(&self, index: u64, endpoint: cap::Endpoint, sender: u64) {
        let rights = CapRightsBuilder::none().write(true).grant(true).build();
        self.give(index, endpoint, rights, sender);
    }

    /// Gives it the notification that wakes it, to wait on.
    pub fn give_own_notification(&self, notification: cap::Notification) {
        self.give(
            child_slot::OWN_NOTIFICATION,
            notification,
            CapRights::read_only(),
            0,
        );
    }

    /// Gives it a capability as it is; for capabilities that have no rights or badge.
    pub fn give_whole<T: sel4::CapType>(&self, index: u64, capability: sel4::Cap<T>) {
        let source = slot::CNODE.cap().absolute_cptr(capability);
        let target = self
            .cspace
            .absolute_cptr_from_bits_with_depth(index, self.cspace_bits);
        target
            .copy(&source, CapRights::all())
            .unwrap_or_else(|error| panic!("slot {index} of {}: {error}", self.holder));
    }

    /// Maps a page that was made for it.
    pub fn map(
        &mut self,
        authority: &mut Authority,
        page: Page,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) {
        self.space.map(authority, page, address, rights, attributes);
    }

    /// Maps fresh pages that are the component's own: they are zero whenever it starts. Those pages.
    pub fn map_private(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
    ) -> Vec<Page> {
        let pages = self.map_new(authority, address, count);
        for page in &pages {
            add_zero(&mut self.private, *page);
        }
        pages
    }

    /// Maps fresh pages that others will share: they are zero at first, and outlive the component. Those pages.
    pub fn map_new(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
    ) -> Vec<Page> {
        (0..count)
            .map(|index| {
                let page = authority.page(&self.holder);
                self.map(
                    authority,
                    page,
                    address + index * PAGE_SIZE,
                    CapRights::read_write(),
                    VmAttributes::DEFAULT,
                );
                page
            })
            .collect()
    }

    /// Maps memory that belongs to no instance, from a physical address on; its pages.
    pub fn map_outside(
        &mut self,
        authority: &mut Authority,
        physical: u64,
        address: usize,
        count: usize,
        rights: CapRights,
    ) -> Vec<Page> {
        (0..count)
            .map(|index| index * PAGE_SIZE)
            .map(|offset| {
                let page = authority.device_page(physical + offset as u64, &self.holder);
                self.map(
                    authority,
                    page,
                    address + offset,
                    rights,
                    VmAttributes::DEFAULT,
                );
                page
            })
            .collect()
    }

    /// Maps pages that another component or the root task also has.
    pub fn map_shared(
        &mut self,
        authority: &mut Authority,
        pages: &[Page],
        address: usize,
        rights: CapRights,
    ) {
        for (index, page) in pages.iter().enumerate() {
            let page = authority.share(*page, &self.holder);
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                rights,
                VmAttributes::DEFAULT,
            );
        }
    }

    /// Maps fresh pages that hold `bytes` and then zeros, read-only.
    pub fn map_bytes(&mut self, authority: &mut Authority, address: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(PAGE_SIZE).enumerate() {
            let page = authority.page(&self.holder);
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| mapped.write(0, chunk));
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                CapRights::read_only(),
                VmAttributes::DEFAULT,
            );
        }
    }

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
    fn set_registers(&self, thread: &Thread) {
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

    /// Makes it as it was before it first ran, but for what it shares with others: its threads stop and will begin at the
    /// entry, its own memory is as its image says. `first` is the first number with which its thread is entered.
    pub fn reset(&mut self, authority: &mut Authority, first: Option<u64>) {
        self.suspend();
        for private in &self.private {
            match *private {
                Private::Zero(first, count) => {
                    for slot in first.bits()..first.bits() + count {
                        authority.with_copy(Page::from_bits(slot), |mapped| mapped.clear());
                    }
                }
                Private::Bytes(page, offset, bytes) => authority.with_copy(page, |mapped| {
                    mapped.clear();
                    mapped.write(offset, bytes);
                }),
                Private::ThreadLocal {
                    held_by,
                    thread,
                    page,
                } => authority.with_copy(held_by, |mapped| {
                    mapped.clear();
                    let (block, _) = Tls::block(self.image.tls, layout::tls(thread));
                    mapped.write(0, part(&block, page));
                }),
            }
        }
        for thread in &mut self.threads {
            thread.arguments[0] = first.unwrap_or(thread.arguments[0]);
        }
        for thread in &self.threads {
            self.set_registers(thread);
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
fn part(block: &[u8], page: usize) -> &[u8] {
    let bytes = block.get(page * PAGE_SIZE..).unwrap_or(&[]);
    &bytes[..bytes.len().min(PAGE_SIZE)]
}

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

/// The type of the capability to a page.
pub type Page = sel4::Cap<cap_type::Granule>;

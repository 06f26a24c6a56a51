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

/// Priorities, above which the root task runs: a driver answers before a server, a server before a process.
pub mod priority {
    /// Of drivers.
    pub const DRIVER: u8 = 200;
    /// Of servers.
    pub const SERVER: u8 = 190;
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
}

impl<'a> Component<'a> {
    /// A child with its image mapped and nothing else.
    pub fn new(authority: &mut Authority, holder: String, file: &'a [u8]) -> Component<'a> {
        let image =
            Image::parse(file).unwrap_or_else(|error| panic!("the image of {holder}: {error:?}"));
        let mut space = AddressSpace::new(authority);
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
                Ok(())
            });
            mapped.unwrap_or(());
        }
        let cspace = authority.make(ObjectBlueprint::CNode {
            size_bits: child_slot::CSPACE_BITS,
        });
        Component {
            holder,
            image,
            space,
            cspace,
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
            .absolute_cptr_from_bits_with_depth(index, child_slot::CSPACE_BITS);
        target
            .mint(&source, rights, badge)
            .unwrap_or_else(|error| panic!("slot {index} of {}: {error}", self.holder));
    }

    /// Gives it the endpoint of the root task, to call it and to have faults sent there. Sending a call or a fault takes the
    /// right to grant; with the right to receive, a child could take what others send.
    pub fn give_endpoint(&self, index: u64, endpoint: cap::Endpoint, speaker: u64) {
        let rights = CapRightsBuilder::none().write(true).grant(true).build();
        self.give(index, endpoint, rights, speaker);
    }

    /// Gives it a capability as it is; for capabilities that have no rights or badge.
    pub fn give_whole<T: sel4::CapType>(&self, index: u64, capability: sel4::Cap<T>) {
        let source = slot::CNODE.cap().absolute_cptr(capability);
        let target = self
            .cspace
            .absolute_cptr_from_bits_with_depth(index, child_slot::CSPACE_BITS);
        target
            .copy(&source, CapRights::all())
            .unwrap_or_else(|error| panic!("slot {index} of {}: {error}", self.holder));
    }

    /// Maps a page that was made for it.
    pub fn map(
        &mut self,
        authority: &mut Authority,
        page: cap::Granule,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) {
        self.space.map(authority, page, address, rights, attributes);
    }

    /// Maps fresh pages; those pages.
    pub fn map_new(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
    ) -> Vec<cap::Granule> {
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

    /// Maps pages of somebody else, writable.
    pub fn map_shared(
        &mut self,
        authority: &mut Authority,
        pages: &[cap::Granule],
        address: usize,
    ) {
        for (index, page) in pages.iter().enumerate() {
            let page = authority.share(*page, &self.holder);
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                CapRights::read_write(),
                VmAttributes::DEFAULT,
            );
        }
    }

    /// Maps `count` fresh pages that hold `bytes` and then zeros, read-only.
    pub fn map_bytes(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
        bytes: &[u8],
    ) {
        let mut chunks = bytes.chunks(PAGE_SIZE);
        for index in 0..count {
            let page = authority.page(&self.holder);
            let chunk = chunks.next().unwrap_or(&[]);
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| mapped.write(0, chunk));
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                CapRights::read_only(),
                VmAttributes::DEFAULT,
            );
        }
        assert!(chunks.next().is_none(), "{count} pages hold the bytes");
    }

    /// Makes a thread that begins at the image's entry with two arguments; it does not run yet.
    ///
    /// `fault_slot` is where the component has the endpoint to which its faults go.
    pub fn thread(&mut self, authority: &mut Authority, thread: ThreadPlan) -> cap::Tcb {
        let number = thread.number;
        let tcb: cap::Tcb = authority.make(ObjectBlueprint::Tcb);
        let buffer = self.map_new(authority, layout::ipc_buffer(number), 1)[0];
        self.map_new(
            authority,
            layout::stack_base(number),
            STACK_SIZE / PAGE_SIZE,
        );
        let thread_pointer = self.thread_local_storage(authority, number);
        tcb.tcb_configure(
            CPtr::from_bits(thread.fault_slot),
            self.cspace,
            CNodeCapData::skip_high_bits(child_slot::CSPACE_BITS),
            self.space.vspace(),
            layout::ipc_buffer(number) as u64,
            buffer,
        )
        .unwrap_or_else(|error| panic!("a thread of {}: {error}", self.holder));
        tcb.tcb_set_sched_params(slot::TCB.cap(), 0, thread.priority)
            .expect("the root task may set any priority");
        tcb.tcb_set_affinity(u64::from(thread.core))
            .expect("the plan names cores of this instance");
        let mut context = UserContext::default();
        *context.pc_mut() = self.image.entry as u64;
        *context.sp_mut() = layout::stack_top(number) as u64;
        *context.c_param_mut(0) = thread.arguments[0];
        *context.c_param_mut(1) = thread.arguments[1];
        *context.tls_base_mut() = thread_pointer as u64;
        tcb.tcb_write_all_registers(false, &context)
            .expect("the thread does not run");
        tcb
    }

    fn thread_local_storage(&mut self, authority: &mut Authority, thread: usize) -> usize {
        let base = layout::tls(thread);
        let (block, pointer) = Tls::block(self.image.tls, base);
        for index in 0..TLS_PAGES {
            let page = authority.page(&self.holder);
            let bytes = block.get(index * PAGE_SIZE..).unwrap_or(&[]);
            let bytes = &bytes[..bytes.len().min(PAGE_SIZE)];
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| mapped.write(0, bytes));
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

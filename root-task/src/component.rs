//! A child: an address space, a capability space, threads.

mod memory;
mod threads;

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::layout::{self, slot as child_slot};
use atoll_root_task::image::{Image, Tls};
use sel4::init_thread::slot;
use sel4::{CapRights, CapRightsBuilder, ObjectBlueprint, VmAttributes, cap, cap_type};

use crate::address_space::AddressSpace;
use crate::authority::Authority;
use threads::{Thread, part};

pub use threads::ThreadPlan;

/// Priorities, above which the root task runs: a driver answers before a server, a server before a service, and a service
/// before a process. All are below the highest one of a kernel with as few as a plan may ask for.
pub mod priority {
    /// Of drivers.
    pub const DRIVER: u8 = 14;
    /// Of servers: one passes wake-ups on to the services of its core.
    pub const SERVER: u8 = 13;
    /// Of services.
    pub const SERVICE: u8 = 12;
    /// Of vcores.
    pub const VCORE: u8 = 10;
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
}

/// The type of the capability to a page.
pub type Page = sel4::Cap<cap_type::Granule>;

//! What the kernel tells the root task.

use core::fmt;
use core::ops::{Deref, Range};

use crate::capability::{CapType, cap_type};
use crate::init_thread::Slot;
use crate::{Word, sys};

/// The address of the boot info, which the root task receives when it starts.
#[derive(Clone, Copy, Debug)]
pub struct BootInfoPtr(*const BootInfo);

impl BootInfoPtr {
    /// The boot info at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` must be what the kernel passed to the root task. The boot info and what follows it must stay mapped and must
    /// not be written.
    pub const unsafe fn new(ptr: *const BootInfo) -> Self {
        Self(ptr)
    }

    /// The address.
    pub const fn ptr(self) -> *const BootInfo {
        self.0
    }

    /// The additional chunks, for example about the graphics mode.
    pub fn extra(&self) -> impl Iterator<Item = BootInfoExtra<'_>> {
        let start = self.0.cast::<u8>().wrapping_add(crate::GRANULE_SIZE);
        // SAFETY: as `new` demands; the kernel puts the chunks in the page after the boot info.
        let mut rest = unsafe { core::slice::from_raw_parts(start, self.extra_len()) };
        core::iter::from_fn(move || {
            let (header, _) = rest.split_at_checked(size_of::<sys::seL4_BootInfoHeader>())?;
            let word = |at: usize| {
                let bytes = header.get(at..at + size_of::<Word>())?;
                Some(Word::from_le_bytes(bytes.try_into().ok()?))
            };
            let id = word(core::mem::offset_of!(sys::seL4_BootInfoHeader, id))?;
            let len = word(core::mem::offset_of!(sys::seL4_BootInfoHeader, len))?;
            let (chunk, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            let content = chunk.get(header.len()..)?;
            rest = after;
            Some(BootInfoExtra { id, content })
        })
    }
}

impl Deref for BootInfoPtr {
    type Target = BootInfo;

    fn deref(&self) -> &BootInfo {
        // SAFETY: as `new` demands.
        unsafe { &*self.0 }
    }
}

/// A chunk of additional information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootInfoExtra<'a> {
    /// What it is about.
    pub id: Word,
    /// The content, without the header.
    pub content: &'a [u8],
}

/// A range of slots of the root CNode.
pub type SlotRegion = Range<usize>;

/// What the kernel tells the root task.
#[repr(transparent)]
pub struct BootInfo(sys::seL4_BootInfo);

fn region(region: sys::seL4_SlotRegion) -> SlotRegion {
    region.start as usize..region.end as usize
}

impl BootInfo {
    /// The structure of the kernel's interface.
    pub const fn inner(&self) -> &sys::seL4_BootInfo {
        &self.0
    }

    /// The number of bytes of additional information.
    pub const fn extra_len(&self) -> usize {
        self.0.extraLen as usize
    }

    /// The node on which the root task runs.
    pub const fn node_id(&self) -> usize {
        self.0.nodeID as usize
    }

    /// The number of nodes that this kernel has started.
    pub const fn num_nodes(&self) -> usize {
        self.0.numNodes as usize
    }

    /// The number of levels of I/O page tables; 0 without an IOMMU.
    pub const fn num_io_pt_levels(&self) -> usize {
        self.0.numIOPTLevels as usize
    }

    /// The IPC buffer of the root task.
    pub const fn ipc_buffer(&self) -> *mut sys::seL4_IPCBuffer {
        self.0.ipcBuffer
    }

    /// Slots that hold nothing.
    pub fn empty(&self) -> SlotRegion {
        region(self.0.empty)
    }

    /// Frames that nodes share.
    pub fn shared_frames(&self) -> SlotRegion {
        region(self.0.sharedFrames)
    }

    /// Frames of the root task's image, from its lowest page on.
    pub fn user_image_frames(&self) -> SlotRegion {
        region(self.0.userImageFrames)
    }

    /// Paging structures of the root task's image.
    pub fn user_image_paging(&self) -> SlotRegion {
        region(self.0.userImagePaging)
    }

    /// Frames of the additional information.
    pub fn extra_bi_pages(&self) -> SlotRegion {
        region(self.0.extraBIPages)
    }

    /// The binary logarithm of the number of slots of the root CNode.
    pub const fn init_thread_cnode_size_bits(&self) -> usize {
        self.0.initThreadCNodeSizeBits as usize
    }

    /// The domain of the root task.
    pub const fn init_thread_domain(&self) -> Word {
        self.0.initThreadDomain
    }

    /// Slots of the untypeds.
    pub fn untyped(&self) -> SlotRegion {
        region(self.0.untyped)
    }

    /// The untypeds, in the order of [`Self::untyped`].
    pub fn untyped_list(&self) -> &[UntypedDesc] {
        let list = &raw const self.0.untypedList;
        let capacity = size_of_val(&{ self.0.untypedList }) / size_of::<UntypedDesc>();
        let length = self.untyped().len().min(capacity);
        // SAFETY: the elements lie within the list, and `UntypedDesc` has the layout and alignment of its elements.
        unsafe { core::slice::from_raw_parts(list.cast::<UntypedDesc>(), length) }
    }

    /// The untypeds with their slots.
    pub fn untypeds(&self) -> impl Iterator<Item = (Slot<cap_type::Untyped>, &UntypedDesc)> {
        self.slots(self.untyped()).zip(self.untyped_list())
    }

    /// The slots of a region, whose capabilities are taken to be of type `T`.
    pub fn slots<T: CapType>(&self, region: SlotRegion) -> impl Iterator<Item = Slot<T>> {
        region.map(Slot::from_index)
    }
}

/// A piece of untyped memory.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct UntypedDesc(sys::seL4_UntypedDesc);

impl UntypedDesc {
    /// The physical address.
    pub const fn paddr(&self) -> usize {
        self.0.paddr as usize
    }

    /// The binary logarithm of the size in bytes.
    pub const fn size_bits(&self) -> usize {
        self.0.sizeBits as usize
    }

    /// Whether it is not ordinary memory: the kernel does not clear it, and only frames and untypeds can be made of it.
    pub const fn is_device(&self) -> bool {
        self.0.isDevice != 0
    }

    /// The physical addresses.
    pub const fn range(&self) -> Range<usize> {
        self.paddr()..self.paddr() + (1 << self.size_bits())
    }
}

impl fmt::Debug for UntypedDesc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntypedDesc")
            .field("paddr", &self.paddr())
            .field("size_bits", &self.size_bits())
            .field("is_device", &self.is_device())
            .finish()
    }
}

//! The archive of images that is linked into a root task: the encoded plan and the programs that it starts.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::name::Name;

/// First word of an archive: "ATOLLARC" in little-endian order.
pub const ARCHIVE_MAGIC: u64 = u64::from_le_bytes(*b"ATOLLARC");

/// Name of the entry that holds the encoded [`crate::plan::Plan`].
pub const PLAN_ENTRY: &str = "plan";

/// Every entry begins at a multiple of this many bytes from the start of the archive.
pub const ENTRY_ALIGN: usize = 4096;

/// The start of an archive; `count` entries follow it at once.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ArchiveHeader {
    /// [`ARCHIVE_MAGIC`].
    pub magic: u64,
    /// How many entries follow.
    pub count: u64,
}

/// One entry of an archive.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ArchiveEntry {
    /// The image's name.
    pub name: Name,
    /// Where it begins, in bytes from the start of the archive.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Finds an image in an archive; `None` where there is none of that name or the archive is not one.
pub fn find<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (header, rest) = ArchiveHeader::ref_from_prefix(archive).ok()?;
    if header.magic != ARCHIVE_MAGIC {
        return None;
    }
    let (entries, _) =
        <[ArchiveEntry]>::ref_from_prefix_with_elems(rest, header.count as usize).ok()?;
    let entry = entries.iter().find(|entry| entry.name.as_str() == name)?;
    let start = entry.offset as usize;
    archive.get(start..start.checked_add(entry.length as usize)?)
}

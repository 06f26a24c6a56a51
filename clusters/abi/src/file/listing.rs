//! Listings of folders, as they lie in the blocks of a call.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::LONGEST_NAME;

/// Entries begin at multiples of so many bytes.
pub const ENTRY_ALIGNMENT: usize = 4;

/// Bytes that hold any entry.
pub const SMALLEST_LIST: u32 =
    (size_of::<ListHeader>() + size_of::<EntryHeader>() + LONGEST_NAME + 1) as u32;

/// What a listing begins with. The entries follow: each an inode number, its kind, the length of its name, and the name, with
/// zeroes up to a multiple of [`ENTRY_ALIGNMENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListHeader {
    /// Where to go on.
    pub next: [u64; 2],
    /// How many entries follow.
    pub entries: u32,
    /// Bytes of them.
    pub bytes: u32,
}

/// What an entry begins with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EntryHeader {
    inode: u32,
    kind: u8,
    length: u8,
    reserved: [u8; 2],
}

/// An entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The number of its inode.
    pub inode: u32,
    /// A [`Kind`](super::Kind).
    pub kind: u8,
    /// Its name: at most [`LONGEST_NAME`] bytes.
    pub name: &'a [u8],
}

/// The entries behind a [`ListHeader`], up to the first one that is none.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (header, behind) = EntryHeader::read_from_prefix(rest).ok()?;
        let (name, _) = behind.split_at_checked(usize::from(header.length))?;
        let padded = name.len().next_multiple_of(ENTRY_ALIGNMENT);
        rest = behind.get(padded..).unwrap_or_default();
        Some(Entry {
            inode: header.inode,
            kind: header.kind,
            name,
        })
    })
}

/// The pieces of an entry, one behind the other as it lies in a listing: what it begins with, its name, and zeroes.
pub fn pack_entry<'a>(entry: &Entry<'a>) -> ([u8; 8], &'a [u8], &'static [u8]) {
    let header = EntryHeader {
        inode: entry.inode,
        kind: entry.kind,
        length: entry.name.len().min(LONGEST_NAME) as u8,
        reserved: [0; 2],
    };
    let name = &entry.name[..usize::from(header.length)];
    let padding = name.len().next_multiple_of(ENTRY_ALIGNMENT) - name.len();
    let bytes = header.as_bytes().try_into().unwrap_or([0; 8]);
    (bytes, name, &[0; ENTRY_ALIGNMENT][..padding])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn entries_survive_a_listing() {
        let names: [&[u8]; 4] = [b"a", b"four", b"twelve bytes", &[7; LONGEST_NAME]];
        let mut listing = Vec::new();
        for (inode, name) in (11..).zip(names) {
            let (header, name, padding) = pack_entry(&Entry {
                inode,
                kind: 1,
                name,
            });
            listing.extend([&header[..], name, padding].concat());
            assert!(listing.len().is_multiple_of(ENTRY_ALIGNMENT));
        }
        let found: Vec<_> = entries(&listing).map(|it| (it.inode, it.name)).collect();
        assert_eq!(found, (11..).zip(names).collect::<Vec<_>>());
    }

    #[test]
    fn a_listing_ends_where_it_is_none() {
        assert_eq!(entries(&[0; 7]).count(), 0);
        let long = [0, 0, 0, 0, 1, 200, 0, 0, b'x'];
        assert_eq!(entries(&long).count(), 0, "a name beyond the end");
    }
}

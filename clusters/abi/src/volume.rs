//! The format of the disk: one header block with a table of files, then each file's blocks in one run.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::block::BLOCK_SIZE;
use crate::name::Name;

/// First word of a volume: "ATOLLVOL" in little-endian order.
pub const VOLUME_MAGIC: u64 = u64::from_le_bytes(*b"ATOLLVOL");

/// Version of the format.
pub const VOLUME_VERSION: u32 = 1;

/// Files that a volume's table holds.
pub const VOLUME_FILES: usize = 64;

/// One file of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VolumeFile {
    /// The file's name.
    pub name: Name,
    /// Its first block on the device, in blocks; the header is block 0.
    pub first_block: u64,
    /// Its length in bytes.
    pub length: u64,
}

impl VolumeFile {
    /// An unused entry.
    pub const EMPTY: VolumeFile = VolumeFile {
        name: Name::EMPTY,
        first_block: 0,
        length: 0,
    };
}

/// Block 0 of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VolumeHeader {
    /// [`VOLUME_MAGIC`].
    pub magic: u64,
    /// [`VOLUME_VERSION`].
    pub version: u32,
    /// Entries of `files` in use.
    pub count: u32,
    /// Blocks of the volume, header included.
    pub blocks: u64,
    /// Zero.
    pub reserved: [u64; 5],
    /// The table of files.
    pub files: [VolumeFile; VOLUME_FILES],
}

const _: () = assert!(size_of::<VolumeHeader>() <= BLOCK_SIZE);

/// Why a volume is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeError {
    /// Block 0 does not begin with the magic word of this version.
    NotAVolume,
    /// The table counts more files than it holds.
    TooManyFiles(u32),
    /// A file's blocks lie outside the volume, or the volume outside the device.
    OutOfRange(u32),
}

impl VolumeHeader {
    /// Reads and checks block 0 of a device of `device_blocks` blocks.
    ///
    /// # Errors
    /// Says which entry is wrong; a header that passes names only blocks that exist.
    pub fn parse(block: &[u8], device_blocks: u64) -> Result<VolumeHeader, VolumeError> {
        let (header, _) =
            VolumeHeader::read_from_prefix(block).map_err(|_| VolumeError::NotAVolume)?;
        if header.magic != VOLUME_MAGIC || header.version != VOLUME_VERSION {
            return Err(VolumeError::NotAVolume);
        }
        if header.count as usize > VOLUME_FILES {
            return Err(VolumeError::TooManyFiles(header.count));
        }
        if header.blocks > device_blocks {
            return Err(VolumeError::OutOfRange(0));
        }
        for (file, index) in header.files.iter().zip(0..header.count) {
            let blocks = file.length.div_ceil(BLOCK_SIZE as u64);
            let inside = file
                .first_block
                .checked_add(blocks)
                .is_some_and(|end| end <= header.blocks);
            if !inside || file.first_block == 0 {
                return Err(VolumeError::OutOfRange(index));
            }
        }
        Ok(header)
    }

    /// The files in use.
    pub fn files(&self) -> &[VolumeFile] {
        &self.files[..(self.count as usize).min(VOLUME_FILES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> VolumeHeader {
        let mut files = [VolumeFile::EMPTY; VOLUME_FILES];
        files[0] = VolumeFile {
            name: Name::new("input").unwrap(),
            first_block: 1,
            length: 4097,
        };
        VolumeHeader {
            magic: VOLUME_MAGIC,
            version: VOLUME_VERSION,
            count: 1,
            blocks: 3,
            reserved: [0; 5],
            files,
        }
    }

    #[test]
    fn a_good_header_is_read() {
        assert_eq!(VolumeHeader::parse(header().as_bytes(), 3), Ok(header()));
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        assert_eq!(
            VolumeHeader::parse(&[0; BLOCK_SIZE], 3),
            Err(VolumeError::NotAVolume)
        );
        assert_eq!(
            VolumeHeader::parse(header().as_bytes(), 2),
            Err(VolumeError::OutOfRange(0))
        );
        let mut lie = header();
        lie.count = 65;
        assert_eq!(
            VolumeHeader::parse(lie.as_bytes(), 3),
            Err(VolumeError::TooManyFiles(65))
        );
        let mut lie = header();
        lie.files[0].length = 8193;
        assert_eq!(
            VolumeHeader::parse(lie.as_bytes(), 3),
            Err(VolumeError::OutOfRange(0))
        );
        let mut lie = header();
        lie.files[0].first_block = u64::MAX;
        assert_eq!(
            VolumeHeader::parse(lie.as_bytes(), 3),
            Err(VolumeError::OutOfRange(0))
        );
    }
}

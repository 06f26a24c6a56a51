//! Volumes for tests.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::name::Name;
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use zerocopy::IntoBytes;

/// The header of a volume of so many blocks, with files of a name, first block and length in bytes.
///
/// # Panics
/// Where a name is none, or there are too many files.
pub fn header(blocks: u64, files: &[(&str, u64, u64)]) -> VolumeHeader {
    let mut table = [VolumeFile::EMPTY; VOLUME_FILES];
    for (entry, &(name, first_block, length)) in table.iter_mut().zip(files) {
        *entry = VolumeFile {
            name: Name::new(name).expect("a file's name"),
            first_block,
            length,
        };
    }
    assert!(files.len() <= VOLUME_FILES);
    VolumeHeader {
        magic: VOLUME_MAGIC,
        version: VOLUME_VERSION,
        count: files.len() as u32,
        blocks,
        reserved: [0; 5],
        files: table,
    }
}

/// [`header`] as block 0 of a device.
pub fn header_block(blocks: u64, files: &[(&str, u64, u64)]) -> [u8; BLOCK_SIZE] {
    let mut block = [0; BLOCK_SIZE];
    let header = header(blocks, files);
    block[..size_of::<VolumeHeader>()].copy_from_slice(header.as_bytes());
    block
}

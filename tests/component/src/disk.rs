//! What is on the machine's disk: an ext4 volume with files whose words tell where they are.

use atoll_abi::block::BLOCK_SIZE;
use atoll_test_support::disk::Disk;
use atoll_test_support::volume::{content, volume};

/// Words of a block.
pub const WORDS: usize = BLOCK_SIZE / size_of::<u64>();

/// Mebibytes of the volume: the least in which there is a journal.
const MEBIBYTES: usize = 10;

/// A disk with these files, each with its length in bytes. What each holds is its [`content`], by its index.
pub fn disk_of(files: &[(&str, u64)]) -> Disk {
    let contents: Vec<Vec<u8>> = files
        .iter()
        .enumerate()
        .map(|(file, (_, length))| content(file, *length))
        .collect();
    let names = files.iter().map(|(name, _)| *name);
    let files: Vec<(&str, &[u8])> = names.zip(contents.iter().map(Vec::as_slice)).collect();
    Disk::new(volume(MEBIBYTES, &files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_test_support::volume::Mounted;

    #[test]
    fn the_volume_has_the_files() {
        let disk = disk_of(&[("a", 5000), ("b", 0)]);
        let mut mounted = Mounted::new(disk.bytes());
        assert!(mounted.read("a").unwrap() == content(0, 5000));
        assert_eq!(mounted.read("b"), Ok(vec![]));
    }
}

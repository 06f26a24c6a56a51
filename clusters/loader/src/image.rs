//! A kernel's ELF image: where its segments go.

use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;

use crate::extent::{Extent, OutOfExtent};

/// Where a root task's image is put within its instance's memory: beyond the kernel, which wants it there before it
/// loads it to its final place.
const ROOT_TASK_OFFSET: u64 = 16 << 20;

/// One loadable segment of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Physical address of its first byte.
    pub address: u64,
    /// Its bytes as the file has them.
    pub bytes: &'a [u8],
    /// Bytes in memory; those beyond the file's are zero.
    pub memory_size: u64,
}

/// Why a kernel image is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The file is no ELF image, or is cut short.
    NotElf,
    /// A segment lies outside the instance's memory.
    OutOfRange {
        /// Physical address of the segment.
        address: u64,
    },
    /// The entry point lies outside the instance's memory or does not fit 32 bits.
    Entry,
}

/// The entry point of a kernel image; its segments go through `place`, each within `memory`.
///
/// # Errors
/// Says what is wrong with the image, or that `place` had no place for a segment; `place` may have been called for the
/// segments before the wrong one.
pub fn load<'a>(
    file: &'a [u8],
    memory: Extent,
    mut place: impl FnMut(Segment<'a>) -> Result<(), OutOfExtent>,
) -> Result<u32, ImageError> {
    let image = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ImageError::NotElf)?;
    let segments = image.segments().ok_or(ImageError::NotElf)?;
    for header in segments.iter().filter(|header| header.p_type == PT_LOAD) {
        let bytes = image
            .segment_data(&header)
            .map_err(|_| ImageError::NotElf)?;
        let (address, memory_size) = (header.p_paddr, header.p_memsz);
        let out_of_range = ImageError::OutOfRange { address };
        let part = memory.part(address, memory_size);
        if part.is_err() || memory_size < bytes.len() as u64 {
            return Err(out_of_range);
        }
        place(Segment {
            address,
            bytes,
            memory_size,
        })
        .map_err(|_| out_of_range)?;
    }
    match memory.part(image.ehdr.e_entry, 1) {
        Ok(_) => u32::try_from(image.ehdr.e_entry).map_err(|_| ImageError::Entry),
        Err(OutOfExtent) => Err(ImageError::Entry),
    }
}

/// Where a root task's file of `size` bytes is put in its instance's memory; `None` where there is too little. The kernel
/// ends at `kernel_end`; it loads the image behind the file and needs as much again.
pub fn root_task_extent(memory: Extent, kernel_end: u64, size: u64) -> Option<Extent> {
    let start = memory.start().checked_add(ROOT_TASK_OFFSET)?;
    let with_image = Extent::new(start, size.checked_mul(3)?)?;
    let fits = kernel_end <= start && memory.contains(with_image);
    Extent::new(start, size).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 64-bit little-endian ELF file with one loadable segment of four bytes.
    fn file(address: u64, entry: u64) -> [u8; 124] {
        let mut file = [0; 124];
        file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        file[16..20].copy_from_slice(&[2, 0, 62, 0]);
        file[20..24].copy_from_slice(&1u32.to_le_bytes());
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[52..58].copy_from_slice(&[64, 0, 56, 0, 1, 0]);
        file[64..68].copy_from_slice(&PT_LOAD.to_le_bytes());
        file[72..80].copy_from_slice(&120u64.to_le_bytes());
        file[88..96].copy_from_slice(&address.to_le_bytes());
        file[96..104].copy_from_slice(&4u64.to_le_bytes());
        file[104..112].copy_from_slice(&4096u64.to_le_bytes());
        file[120..].copy_from_slice(&[1, 2, 3, 4]);
        file
    }

    fn memory(start: u64, size: u64) -> Extent {
        Extent::new(start, size).unwrap()
    }

    #[test]
    fn a_segment_goes_where_it_was_linked() {
        let file = file(0x20_1000, 0x20_1010);
        let mut seen = None;
        let loaded = load(&file, memory(0x20_0000, 0x10_0000), |segment| {
            seen = Some(segment);
            Ok(())
        });
        assert_eq!(loaded, Ok(0x20_1010));
        let segment = seen.unwrap();
        assert_eq!(
            (segment.address, segment.bytes, segment.memory_size),
            (0x20_1000, &[1, 2, 3, 4][..], 4096)
        );
    }

    #[test]
    fn an_image_for_another_place_is_refused() {
        let here = memory(0x20_0000, 0x10_0000);
        let everywhere = memory(0, u64::MAX);
        let place = |_: Segment<'_>| Ok(());
        let low = file(0x10_0000, 0x20_0000);
        assert_eq!(
            load(&low, here, place),
            Err(ImageError::OutOfRange { address: 0x10_0000 })
        );
        let high = file(0x2f_f001, 0x20_0000);
        assert_eq!(
            load(&high, here, place),
            Err(ImageError::OutOfRange { address: 0x2f_f001 })
        );
        let wraps = file(u64::MAX - 4094, 0x20_0000);
        assert!(load(&wraps, everywhere, place).is_err());
        assert_eq!(
            load(&low[..100], everywhere, place),
            Err(ImageError::NotElf)
        );
        assert_eq!(load(b"", everywhere, place), Err(ImageError::NotElf));
        for entry in [0x1f_ffff, 0x30_0000, u64::MAX] {
            let outside = file(0x20_1000, entry);
            assert_eq!(load(&outside, here, place), Err(ImageError::Entry));
        }
        assert_eq!(
            load(&file(0, 1 << 40), everywhere, place),
            Err(ImageError::Entry)
        );
    }

    #[test]
    fn a_segment_without_a_place_ends_the_load() {
        let file = file(0x20_1000, 0x20_1010);
        assert_eq!(
            load(&file, memory(0x20_0000, 0x10_0000), |_| Err(OutOfExtent)),
            Err(ImageError::OutOfRange { address: 0x20_1000 })
        );
    }

    #[test]
    fn a_root_task_lies_beyond_its_kernel_with_room_for_its_image() {
        let here = memory(0x200_0000, 0x300_0000);
        let start = 0x200_0000 + ROOT_TASK_OFFSET;
        let most = (here.end() - start) / 3;
        assert_eq!(
            root_task_extent(here, start, most),
            Extent::new(start, most)
        );
        assert_eq!(root_task_extent(here, start, most + 1), None);
        assert_eq!(root_task_extent(here, start + 1, most), None);
        assert_eq!(root_task_extent(here, start, u64::MAX), None);
    }
}

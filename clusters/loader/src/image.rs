//! A kernel's ELF image: where its segments go.

use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;

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
    /// The entry point does not fit 32 bits.
    Entry,
}

/// The entry point of a kernel image; its segments go through `place`, each within `[base, base + size)`.
///
/// # Errors
/// Says what is wrong with the image; `place` may have been called for the segments before the wrong one.
pub fn load<'a>(
    file: &'a [u8],
    base: u64,
    size: u64,
    mut place: impl FnMut(Segment<'a>),
) -> Result<u32, ImageError> {
    let image = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ImageError::NotElf)?;
    let segments = image.segments().ok_or(ImageError::NotElf)?;
    for header in segments.iter().filter(|header| header.p_type == PT_LOAD) {
        let bytes = image
            .segment_data(&header)
            .map_err(|_| ImageError::NotElf)?;
        let address = header.p_paddr;
        let inside = address >= base
            && header.p_memsz >= bytes.len() as u64
            && address
                .checked_add(header.p_memsz)
                .is_some_and(|end| end <= base + size);
        if !inside {
            return Err(ImageError::OutOfRange { address });
        }
        place(Segment {
            address,
            bytes,
            memory_size: header.p_memsz,
        });
    }
    u32::try_from(image.ehdr.e_entry).map_err(|_| ImageError::Entry)
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

    #[test]
    fn a_segment_goes_where_it_was_linked() {
        let file = file(0x20_1000, 0x20_1010);
        let mut seen = None;
        assert_eq!(
            load(&file, 0x20_0000, 0x10_0000, |segment| seen = Some(segment)),
            Ok(0x20_1010)
        );
        let segment = seen.unwrap();
        assert_eq!(
            (segment.address, segment.bytes, segment.memory_size),
            (0x20_1000, &[1, 2, 3, 4][..], 4096)
        );
    }

    #[test]
    fn an_image_for_another_place_is_refused() {
        let wrong = file(0x10_0000, 0);
        assert_eq!(
            load(&wrong, 0x20_0000, 0x10_0000, |_| ()),
            Err(ImageError::OutOfRange { address: 0x10_0000 })
        );
        let high = file(0x2f_f001, 0);
        assert!(load(&high, 0x20_0000, 0x10_0000, |_| ()).is_err());
        assert_eq!(
            load(&wrong[..100], 0, u64::MAX, |_| ()),
            Err(ImageError::NotElf)
        );
        assert_eq!(load(b"", 0, 1, |_| ()), Err(ImageError::NotElf));
        assert_eq!(
            load(&file(0, 1 << 40), 0, 1 << 20, |_| ()),
            Err(ImageError::Entry)
        );
    }
}

//! A program's ELF image, as pages and as thread-local storage.

use alloc::vec::Vec;

use atoll_abi::layout::{AREA_BASE, PAGE_SIZE, TLS_PAGES};
use elf::ElfBytes;
use elf::abi::{PF_W, PF_X, PT_LOAD, PT_TLS};
use elf::endian::LittleEndian;

/// Room that a thread control block takes above the thread-local variables.
const CONTROL_BLOCK: usize = 64;

/// A program.
#[derive(Debug)]
pub struct Image<'a> {
    /// Where it begins.
    pub entry: usize,
    /// Its segments.
    pub segments: Vec<Segment<'a>>,
    /// Its thread-local variables, where it has any.
    pub tls: Option<Tls<'a>>,
}

/// A part of a program that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// First address.
    pub address: usize,
    /// Bytes from the file; the rest is zero.
    pub bytes: &'a [u8],
    /// Bytes in memory.
    pub size: usize,
    /// Whether the program may write to it.
    pub writable: bool,
    /// Whether the program may run it.
    pub executable: bool,
}

/// The initial values of a program's thread-local variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls<'a> {
    /// Bytes from the file; the rest is zero.
    pub bytes: &'a [u8],
    /// Bytes in memory.
    pub size: usize,
    /// Their alignment.
    pub align: usize,
}

/// Why an image is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It is no ELF image, or is cut short.
    NotElf,
    /// A segment reaches into the area where the root task puts its own pages, or two segments share a page.
    Overlap(usize),
    /// The thread-local variables do not fit [`TLS_PAGES`] pages.
    TlsTooLarge(usize),
}

impl<'a> Image<'a> {
    /// Reads an image.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(file: &'a [u8]) -> Result<Image<'a>, ImageError> {
        let parsed =
            ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ImageError::NotElf)?;
        let mut image = Image {
            entry: parsed.ehdr.e_entry as usize,
            segments: Vec::new(),
            tls: None,
        };
        for header in parsed.segments().ok_or(ImageError::NotElf)?.iter() {
            if header.p_type != PT_LOAD && header.p_type != PT_TLS {
                continue;
            }
            let bytes = parsed
                .segment_data(&header)
                .map_err(|_| ImageError::NotElf)?;
            let size = header.p_memsz as usize;
            if size < bytes.len() {
                return Err(ImageError::NotElf);
            }
            if header.p_type == PT_TLS {
                let align = (header.p_align as usize).max(1);
                if size.next_multiple_of(align) + CONTROL_BLOCK > TLS_PAGES * PAGE_SIZE
                    || align > PAGE_SIZE
                {
                    return Err(ImageError::TlsTooLarge(size));
                }
                image.tls = Some(Tls { bytes, size, align });
            } else if size > 0 {
                image.segments.push(Segment {
                    address: header.p_vaddr as usize,
                    bytes,
                    size,
                    writable: header.p_flags & PF_W != 0,
                    executable: header.p_flags & PF_X != 0,
                });
            }
        }
        image.segments.sort_by_key(|segment| segment.address);
        let mut free = PAGE_SIZE;
        for segment in &image.segments {
            let end = segment
                .address
                .checked_add(segment.size)
                .filter(|end| *end <= AREA_BASE);
            let end = end.ok_or(ImageError::Overlap(segment.address))?;
            if segment.address / PAGE_SIZE * PAGE_SIZE < free {
                return Err(ImageError::Overlap(segment.address));
            }
            free = end.next_multiple_of(PAGE_SIZE);
        }
        Ok(image)
    }
}

impl<'a> Segment<'a> {
    /// Calls `page` with each page's address, the offset of the file's bytes in it, and those bytes.
    pub fn for_each_page<E>(
        &self,
        mut page: impl FnMut(usize, usize, &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let first = self.address / PAGE_SIZE * PAGE_SIZE;
        for base in (first..self.address + self.size).step_by(PAGE_SIZE) {
            let offset = self.address.saturating_sub(base);
            let from = (base + offset - self.address).min(self.bytes.len());
            let to = (base + PAGE_SIZE - self.address).min(self.bytes.len());
            page(base, offset, &self.bytes[from..to])?;
        }
        Ok(())
    }
}

impl Tls<'_> {
    /// The thread-local storage of one thread that begins at `base`, and the thread pointer into it: variables end at
    /// the pointer, which points at itself (System V ABI for AMD64, variant II).
    pub fn block(tls: Option<Tls<'_>>, base: usize) -> (Vec<u8>, usize) {
        let tls = tls.unwrap_or(Tls {
            bytes: &[],
            size: 0,
            align: 1,
        });
        let size = tls.size.next_multiple_of(tls.align);
        let pointer = size.next_multiple_of(CONTROL_BLOCK.max(tls.align));
        let mut block = alloc::vec![0; pointer + CONTROL_BLOCK];
        block[pointer - size..pointer - size + tls.bytes.len()].copy_from_slice(tls.bytes);
        block[pointer..pointer + 8].copy_from_slice(&((base + pointer) as u64).to_le_bytes());
        (block, base + pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_cut_into_pages() {
        let bytes: Vec<u8> = (0..5000).map(|byte| byte as u8).collect();
        let segment = Segment {
            address: 0x40_0ff0,
            bytes: &bytes,
            size: 0x3000,
            writable: true,
            executable: false,
        };
        let mut pages = Vec::new();
        let collected: Result<(), ()> = segment.for_each_page(|base, offset, bytes| {
            pages.push((base, offset, bytes.len()));
            Ok(())
        });
        assert_eq!(collected, Ok(()));
        assert_eq!(
            pages,
            [
                (0x40_0000, 0xff0, 16),
                (0x40_1000, 0, 4096),
                (0x40_2000, 0, 888),
                (0x40_3000, 0, 0)
            ]
        );
    }

    #[test]
    fn thread_local_variables_end_at_the_thread_pointer() {
        let tls = Tls {
            bytes: &[1, 2, 3, 4],
            size: 12,
            align: 8,
        };
        let (block, pointer) = Tls::block(Some(tls), 0x1000);
        assert_eq!(pointer % 64, 0);
        let at = pointer - 0x1000;
        assert_eq!(block[at - 16..at - 12], [1, 2, 3, 4]);
        assert_eq!(block[at - 12..at], [0; 12]);
        assert_eq!(block[at..at + 8], (pointer as u64).to_le_bytes());
        let (block, pointer) = Tls::block(None, 0x1000);
        assert_eq!((block.len(), pointer), (64, 0x1000));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert_eq!(Image::parse(b"#!/bin/sh\n").err(), Some(ImageError::NotElf));
        assert_eq!(Image::parse(&[]).err(), Some(ImageError::NotElf));
    }
}

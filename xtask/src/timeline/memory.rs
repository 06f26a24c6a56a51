//! The memory of a machine, as a file that outlives it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use atoll_abi::boot::{CALENDAR, Calendar, READY_PAGE};
use zerocopy::{FromZeros, IntoBytes};

use crate::locate;

/// The file. The offset of a byte is its physical address: a plan's memory lies below the hole for PCI, in one piece.
pub struct Memory {
    path: PathBuf,
}

impl Memory {
    /// One in a folder, which QEMU makes.
    pub fn in_folder(folder: &Path) -> Memory {
        Memory {
            path: folder.join("memory"),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads so many bytes from a physical address on.
    ///
    /// # Errors
    /// Where the file has no such bytes.
    pub fn bytes(&self, address: u64, count: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count as usize];
        let read = File::open(&self.path).and_then(|file| file.read_exact_at(&mut bytes, address));
        let shown = locate::shown(&self.path);
        read.with_context(|| {
            format!("cannot read the machine's memory, {shown}, at {address:#x}")
        })?;
        Ok(bytes)
    }

    /// Ticks of the time stamp counter in a microsecond, as the loader measured them; `None` where it has not.
    ///
    /// # Errors
    /// As for [`Memory::bytes`].
    pub fn ticks_per_microsecond(&self) -> Result<Option<u64>> {
        let mut calendar = Calendar::new_zeroed();
        let bytes = self.bytes(READY_PAGE + CALENDAR as u64, size_of::<Calendar>() as u64)?;
        calendar.as_mut_bytes().copy_from_slice(&bytes);
        Ok(Some(calendar.ticks_per_microsecond).filter(|&ticks| ticks > 0))
    }
}

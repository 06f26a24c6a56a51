//! Copies a file into another one: what is a hole stays one, and a person sees how far it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail};
use rustix::fs::{SeekFrom, copy_file_range, seek};
use rustix::io::Errno;

use crate::interruption;
use crate::progress::Progress;

/// Bytes between two looks whether the user asked to stop.
const PIECE: u64 = 16 << 20;

/// Bytes that are read and written at once where the system does not copy.
const BUFFER: usize = 1 << 20;

/// A file that is copied.
pub struct Source<'a> {
    /// The file.
    pub file: &'a File,
    /// Its length in bytes.
    pub length: u64,
    /// What a person calls it.
    pub name: &'a str,
}

/// Copies a file to an offset of another one, in which there are zeros.
///
/// # Errors
/// Where the file has another length by now, it cannot be read or the other one written, or the user asked to stop.
pub fn copy(source: &Source<'_>, out: &File, offset: u64, progress: &mut Progress) -> Result<()> {
    let Source { file, length, name } = *source;
    let changed =
        || format!("{name} changed while it was read; try again when nothing writes to it");
    let failed = || format!("cannot copy {name}; is the disk full?");
    let mut done = 0;
    while let Some(data) = next_data(file, done, length) {
        done = data.start;
        while done < data.end {
            if interruption::interrupted() {
                bail!("interrupted");
            }
            let piece = (data.end - done).min(PIECE);
            let copied = copy_piece(file, done, out, offset + done, piece).with_context(failed)?;
            if copied == 0 {
                bail!("{}", changed());
            }
            done += copied;
            let [now, all] = [done, length].map(|bytes| bytes >> 20);
            progress.note(&format!("copying {name}: {now} of {all} MiB"));
        }
    }
    // The length of some files says nothing of their content.
    let beyond = file.read_at(&mut [0], length).with_context(failed)?;
    let now = file
        .metadata()
        .with_context(|| format!("cannot read {name}"))?;
    if now.len() != length || beyond > 0 {
        bail!("{}", changed());
    }
    Ok(())
}

/// The next part of a file that is no hole, from an offset on; none where the rest is one.
pub fn next_data(file: &File, from: u64, length: u64) -> Option<std::ops::Range<u64>> {
    if from >= length {
        return None;
    }
    let start = match seek(file, SeekFrom::Data(from)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return None,
        // What knows no holes has none.
        Err(_) => from,
    };
    let end = seek(file, SeekFrom::Hole(start)).unwrap_or(length);
    (start < length).then(|| start..end.clamp(start + 1, length))
}

/// Copies at most so many bytes; tells how many, none at the end of the file.
fn copy_piece(file: &File, from: u64, out: &File, to: u64, bytes: u64) -> io::Result<u64> {
    let (mut source, mut target) = (from, to);
    // The system may share the blocks of the two files.
    let copied = copy_file_range(
        file,
        Some(&mut source),
        out,
        Some(&mut target),
        bytes as usize,
    );
    match copied {
        Ok(copied) => Ok(copied as u64),
        Err(Errno::NOSPC) => Err(Errno::NOSPC.into()),
        // Two file systems, or one that cannot.
        Err(_) => {
            let mut buffer = vec![0; BUFFER.min(bytes as usize)];
            let count = file.read_at(&mut buffer, from)?;
            out.write_all_at(&buffer[..count], to)?;
            Ok(count as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_is_copied_is_the_same_and_its_holes_are_none_of_the_disk() {
        let (file, mut out) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let length = (3 << 30) + 5;
        file.set_len(length).unwrap();
        file.write_all_at(b"middle", 1 << 30).unwrap();
        file.write_all_at(b"end", length - 3).unwrap();
        let source = Source {
            file: &file,
            length,
            name: "it",
        };
        out.set_len(length + 7).unwrap();
        copy(&source, &out, 7, &mut Progress::new()).unwrap();
        let mut read = |offset: u64, bytes: usize| {
            let mut buffer = vec![1; bytes];
            out.seek(io::SeekFrom::Start(offset)).unwrap();
            out.read_exact(&mut buffer).unwrap();
            buffer
        };
        assert_eq!(read((1 << 30) + 6, 8), b"\0middle\0");
        assert_eq!(read(length + 3, 4), b"\0end");
        assert!(out.metadata().unwrap().blocks() * 512 < 1 << 20);
    }

    #[test]
    fn a_file_that_shrinks_is_no_good_copy() {
        let (file, out) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        file.write_all_at(b"short", 0).unwrap();
        let source = Source {
            file: &file,
            length: 10,
            name: "it",
        };
        let error = copy(&source, &out, 0, &mut Progress::new()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("it changed while it was read")
        );
    }
}

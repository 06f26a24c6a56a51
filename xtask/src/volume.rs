//! Writes the disk that the machine boots with.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::name::Name;
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use zerocopy::IntoBytes;

use crate::copy::{Source, copy};
use crate::input::Input;
use crate::locate;
use crate::progress::Progress;

/// Writes a volume with the given files, each in whole blocks.
///
/// # Errors
/// Where a name or file is not usable, changes while it is read, or the volume cannot be written; or the user asked to stop.
pub fn write(out: &Path, files: &[(String, Input)], progress: &mut Progress) -> Result<()> {
    let mut header = header(files)?;
    let shown = locate::shown(out);
    let out = File::create(out).with_context(|| {
        format!("cannot write the volume {shown}; is its folder there and writable?")
    })?;
    let full = || format!("cannot write the volume {shown}; is the disk full?");
    // A device of one block would hold the header alone; one spare block keeps the smallest volume a usable device.
    header.blocks = header.blocks.max(2);
    out.set_len(header.blocks * BLOCK_SIZE as u64)
        .with_context(full)?;
    for ((_, input), place) in files.iter().zip(header.files) {
        let name = locate::shown(&input.path);
        let source = Source {
            file: &input.file,
            length: input.length,
            name: &name,
        };
        copy(
            &source,
            &out,
            place.first_block * BLOCK_SIZE as u64,
            progress,
        )?;
    }
    let mut block = [0; BLOCK_SIZE];
    block[..size_of::<VolumeHeader>()].copy_from_slice(header.as_bytes());
    out.write_all_at(&block, 0).with_context(full)
}

fn header(files: &[(String, Input)]) -> Result<VolumeHeader> {
    if files.len() > VOLUME_FILES {
        bail!(
            "a volume holds at most {VOLUME_FILES} files, not {}",
            files.len()
        );
    }
    let mut header = VolumeHeader {
        magic: VOLUME_MAGIC,
        version: VOLUME_VERSION,
        count: files.len() as u32,
        blocks: 1,
        reserved: [0; 5],
        files: [VolumeFile::EMPTY; VOLUME_FILES],
    };
    for (index, (text, input)) in files.iter().enumerate() {
        let name = Name::new(text).with_context(|| {
            format!(
                "{text:?} cannot name a file: use 1 to 32 printable ASCII characters, no blanks"
            )
        })?;
        if header.files[..index].iter().any(|file| file.name == name) {
            bail!("two files are named {text}; give one of them another name");
        }
        header.files[index] = VolumeFile {
            name,
            first_block: header.blocks,
            length: input.length,
        };
        header.blocks += input.length.div_ceil(BLOCK_SIZE as u64);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn volume_of(sizes: &[usize]) -> (VolumeHeader, Vec<u8>, Vec<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = Vec::new();
        let mut files = Vec::new();
        for (index, &size) in sizes.iter().enumerate() {
            let content: Vec<u8> = (0..size).map(|byte| (byte * 31 + index) as u8).collect();
            let path = folder.path().join(index.to_string());
            fs::write(&path, &content).unwrap();
            contents.push(content);
            files.push((format!("file{index}"), Input::open(Some(&path)).unwrap()));
        }
        let out = folder.path().join("volume");
        write(&out, &files, &mut Progress::new()).unwrap();
        let bytes = fs::read(out).unwrap();
        let blocks = (bytes.len() / BLOCK_SIZE) as u64;
        assert_eq!(bytes.len() % BLOCK_SIZE, 0);
        let header = VolumeHeader::parse(&bytes, blocks).unwrap();
        assert_eq!(header.blocks, blocks);
        (header, bytes, contents)
    }

    #[test]
    fn every_length_is_read_back() {
        let sizes = [0, 1, 4095, 4096, 4097, 1 << 20];
        let (header, bytes, contents) = volume_of(&sizes);
        assert_eq!(header.files().len(), sizes.len());
        for (index, (file, content)) in header.files().iter().zip(contents).enumerate() {
            assert_eq!(file.name.as_str(), format!("file{index}"));
            let start = file.first_block as usize * BLOCK_SIZE;
            assert_eq!(bytes[start..start + file.length as usize], content);
        }
    }

    #[test]
    fn an_empty_file_makes_a_device_that_is_not_empty() {
        let (header, bytes, _) = volume_of(&[0]);
        assert_eq!(header.files()[0].length, 0);
        assert_eq!(bytes.len(), 2 * BLOCK_SIZE);
    }

    #[test]
    fn bad_names_are_refused() {
        let open = || Input::open(Some(Path::new("/proc/self/status"))).unwrap();
        let text = |files: &[(String, Input)]| format!("{:#}", header(files).unwrap_err());
        let bad = [("a b".to_owned(), open())];
        assert!(text(&bad).contains("no blanks"));
        let twice = [("a".to_owned(), open()), ("a".to_owned(), open())];
        assert!(text(&twice).contains("two files are named a"));
    }
}

//! Writes the archive of images that is linked into a root task.

use std::fs;
use std::path::{Path, PathBuf};

use crate::locate;

use anyhow::{Context, Result, bail};
use atoll_abi::archive::{ARCHIVE_MAGIC, ArchiveEntry, ArchiveHeader, ENTRY_ALIGN};
use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::name::Name;
use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;
use zerocopy::IntoBytes;

/// Writes an archive with the given images.
///
/// # Errors
/// Where a name or image is not usable, or the archive cannot be written.
pub fn write(out: &Path, images: &[(String, PathBuf)]) -> Result<()> {
    let bytes = encode(images)?;
    fs::write(out, bytes).with_context(|| {
        format!(
            "cannot write the archive {}; is its folder there and writable?",
            locate::shown(out)
        )
    })
}

fn encode(images: &[(String, PathBuf)]) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    let mut entries: Vec<ArchiveEntry> = Vec::new();
    let table = size_of::<ArchiveHeader>() + images.len() * size_of::<ArchiveEntry>();
    let mut offset = table.next_multiple_of(ENTRY_ALIGN);
    for (text, path) in images {
        let name = Name::new(text).with_context(|| {
            format!(
                "{text:?} cannot name an image: use 1 to 32 printable ASCII characters, no blanks"
            )
        })?;
        if entries.iter().any(|entry| entry.name == name) {
            bail!("two images are named {text}; give one of them another name");
        }
        let content = fs::read(path)
            .with_context(|| format!("cannot read the image {}", locate::shown(path)))?;
        check_size(text, &content)?;
        entries.push(ArchiveEntry {
            name,
            offset: offset as u64,
            length: content.len() as u64,
        });
        offset = (offset + content.len()).next_multiple_of(ENTRY_ALIGN);
        contents.push(content);
    }
    let header = ArchiveHeader {
        magic: ARCHIVE_MAGIC,
        count: entries.len() as u64,
    };
    let mut bytes = vec![0; offset];
    bytes[..size_of::<ArchiveHeader>()].copy_from_slice(header.as_bytes());
    bytes[size_of::<ArchiveHeader>()..table].copy_from_slice(entries.as_bytes());
    for (entry, content) in entries.iter().zip(contents) {
        let start = entry.offset as usize;
        bytes[start..start + content.len()].copy_from_slice(&content);
    }
    Ok(bytes)
}

/// Refuses a program that takes more memory than a plan was checked for; what is no program has any size.
fn check_size(name: &str, content: &[u8]) -> Result<()> {
    let segments = match ElfBytes::<LittleEndian>::minimal_parse(content) {
        Ok(program) => program.segments(),
        Err(_) => None,
    };
    let pages: u64 = segments
        .into_iter()
        .flat_map(|segments| segments.iter())
        .filter(|segment| segment.p_type == PT_LOAD)
        .map(|segment| {
            let page = PAGE_SIZE as u64;
            let end = segment.p_vaddr.saturating_add(segment.p_memsz);
            end.div_ceil(page) - segment.p_vaddr / page
        })
        .sum();
    let most = atoll_plan::image_pages(name);
    if pages > most {
        bail!(
            "the program {name} takes {pages} pages, but plans are checked for at most {most}; make it smaller, or raise `image_pages` in clusters/plan"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use atoll_abi::archive::find;

    use super::*;

    /// Bytes at an address that the readers of an archive may rely on.
    #[repr(align(8))]
    struct Aligned([u8; 16 * ENTRY_ALIGN]);

    #[test]
    fn an_archive_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let images: Vec<_> = [
            ("plan", 5000),
            ("server", 1),
            ("empty", 0),
            ("digest", 4096),
        ]
        .iter()
        .map(|&(name, size)| {
            let path = folder.path().join(name);
            fs::write(&path, vec![name.as_bytes()[0]; size]).unwrap();
            (name.to_owned(), path)
        })
        .collect();
        let out = folder.path().join("archive");
        write(&out, &images).unwrap();
        let bytes = fs::read(out).unwrap();
        let mut aligned = Aligned([0; 16 * ENTRY_ALIGN]);
        aligned.0[..bytes.len()].copy_from_slice(&bytes);
        for (name, path) in &images {
            assert_eq!(find(&aligned.0, name).unwrap(), fs::read(path).unwrap());
        }
        assert_eq!(find(&aligned.0, "other"), None);
    }

    #[test]
    fn a_program_that_plans_were_not_checked_for_is_refused() {
        // This test is a program of some megabytes.
        let own = fs::read("/proc/self/exe").unwrap();
        let text = format!("{:#}", check_size("digest", &own).unwrap_err());
        assert!(text.contains("the program digest takes"), "{text}");
        assert!(text.contains("at most 128"), "{text}");
        check_size("plan", b"no program").unwrap();
    }

    #[test]
    fn bad_images_are_refused() {
        let text = |images: &[(&str, &str)]| {
            let images: Vec<_> = images
                .iter()
                .map(|&(name, path)| (name.to_owned(), PathBuf::from(path)))
                .collect();
            format!("{:#}", encode(&images).unwrap_err())
        };
        assert!(text(&[("a b", "/proc/self/status")]).contains("no blanks"));
        assert!(text(&[("a", "/nowhere")]).contains("cannot read the image /nowhere"));
        let own = "/proc/self/status";
        assert!(text(&[("a", own), ("a", own)]).contains("two images are named a"));
    }
}

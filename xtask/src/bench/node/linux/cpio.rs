//! Writes archives that Linux takes as its first file system: cpio, in the form `newc`. Everything in one belongs to root.

/// Each entry begins at a multiple of so many bytes, and each content.
const ALIGN: usize = 4;

/// Kinds of entries, as the upper bits of a mode.
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTERS: u32 = 0o020_000;

/// The name of the last entry.
const END: &str = "TRAILER!!!";

/// An archive that grows.
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

/// The device that an entry names.
#[derive(Clone, Copy, Default)]
struct Device {
    major: u32,
    minor: u32,
}

impl Archive {
    /// Without any entry.
    pub fn new() -> Archive {
        Archive {
            bytes: Vec::new(),
            entries: 0,
        }
    }

    /// Adds a folder; what is in it comes later. Names have no slash at their beginning.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER | 0o755, Device::default(), &[]);
    }

    /// Adds a file that can be executed.
    pub fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, FILE | 0o755, Device::default(), content);
    }

    /// Adds a device of characters.
    pub fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.entry(name, CHARACTERS | 0o600, Device { major, minor }, &[]);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry(END, 0, Device::default(), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: Device, content: &[u8]) {
        self.entries += 1;
        let fields = [
            self.entries,         // inode
            mode,                 // mode
            0,                    // user
            0,                    // group
            1,                    // links
            0,                    // time
            content.len() as u32, // bytes
            0,                    // major number of the file system's device
            0,                    // and minor
            device.major,         // of the device that this is
            device.minor,
            name.len() as u32 + 1, // bytes of the name, with the zero at its end
            0,                     // checksum, which this form has not
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        let aligned = self.bytes.len().next_multiple_of(ALIGN);
        self.bytes.resize(aligned, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_heads_names_and_contents_each_aligned() {
        let mut archive = Archive::new();
        archive.folder("bin");
        archive.file("bin/a", b"hello");
        archive.device("dev/console", 5, 1);
        let bytes = archive.finish();
        let number = |at: usize, field: usize| {
            let from = at + 6 + 8 * field;
            u32::from_str_radix(str::from_utf8(&bytes[from..from + 8]).unwrap(), 16).unwrap()
        };
        // As a reader goes through it.
        let mut at = 0;
        let mut found = Vec::new();
        loop {
            assert_eq!((at % 4, &bytes[at..at + 6]), (0, &b"070701"[..]));
            let name_end = at + 110 + number(at, 11) as usize;
            assert_eq!(bytes[name_end - 1], 0);
            let name = str::from_utf8(&bytes[at + 110..name_end - 1]).unwrap();
            let content = name_end.next_multiple_of(4);
            let end = content + number(at, 6) as usize;
            found.push((name, number(at, 1), &bytes[content..end]));
            if name == "dev/console" {
                assert_eq!((number(at, 9), number(at, 10)), (5, 1));
            }
            at = end.next_multiple_of(4);
            if name == END {
                break;
            }
        }
        assert_eq!(at, bytes.len());
        let expected: [(_, _, &[u8]); 4] = [
            ("bin", 0o040_755, b""),
            ("bin/a", 0o100_755, b"hello"),
            ("dev/console", 0o020_600, b""),
            (END, 0, b""),
        ];
        assert_eq!(found, expected);
    }
}

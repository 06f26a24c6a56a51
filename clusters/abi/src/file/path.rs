//! Paths as calls carry them.

use zerocopy::IntoBytes;

use super::LONGEST_PATH;
use crate::syscall::Status;

/// Bytes of the longest path that fits a message.
pub const SHORT_PATH: usize = 32;

/// How a call names a path, in the words of its arguments. A short path stands in these words themselves, with zeroes behind it. Any
/// other one lies in a block of the call, and the first word is its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path(pub [u64; 4]);

impl Path {
    /// A path in the message; `None` where it is too long, or has a zero.
    pub fn short(path: &[u8]) -> Option<Path> {
        let mut words = [0; 4];
        words
            .as_mut_bytes()
            .get_mut(..path.len())?
            .copy_from_slice(path);
        (!path.contains(&0)).then_some(Path(words))
    }

    /// A path of so many bytes in a block.
    pub fn in_block(length: usize) -> Path {
        Path([length as u64, 0, 0, 0])
    }

    /// The bytes that the message has of a path that is in no block.
    pub fn bytes(&self) -> &[u8] {
        let bytes = self.0.as_bytes();
        let length = bytes.iter().rposition(|&byte| byte != 0);
        &bytes[..length.map_or(0, |last| last + 1)]
    }

    /// The length of a path that is in a block.
    ///
    /// # Errors
    /// [`Status::NameTooLong`] where no path has it.
    pub fn length(&self) -> Result<usize, Status> {
        let length = usize::try_from(self.0[0]).ok();
        let length = length.filter(|length| *length <= LONGEST_PATH);
        length.ok_or(Status::NameTooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_survives_a_message() {
        for path in [&b""[..], b"a", b"/a/b", &[0xff; SHORT_PATH]] {
            assert_eq!(Path::short(path).unwrap().bytes(), path);
        }
        assert_eq!(Path::short(&[b'a'; SHORT_PATH + 1]), None);
        assert_eq!(Path::short(b"a\0"), None);
    }

    #[test]
    fn the_length_of_a_path_is_bounded() {
        assert_eq!(Path::in_block(LONGEST_PATH).length(), Ok(LONGEST_PATH));
        for long in [LONGEST_PATH + 1, usize::MAX] {
            assert_eq!(Path::in_block(long).length(), Err(Status::NameTooLong));
        }
    }
}

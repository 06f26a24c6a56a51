//! Paths, as Linux reads them: components between slashes, from the volume's root. `..` does not leave the root.

use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::file::{Kind, LONGEST_NAME, LONGEST_PATH};
use atoll_abi::syscall::Status;
use rsext4::{FileName, InodeInfo, InodeNumber};

use crate::operation::kind_of;
use crate::status::status_of;
use crate::volume::Volume;

/// Symbolic links that a path may lead through.
pub const MOST_LINKS: u32 = 40;

/// What becomes of a symbolic link at the end of a path. One in front of a slash is followed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    Keep,
}

/// Where a path leads.
pub(crate) struct Place {
    /// The folder that the last name is in.
    pub(crate) folder: InodeNumber,
    /// The last name; empty where the path ends with the root, `.` or `..`.
    pub(crate) name: Vec<u8>,
    /// What is there.
    pub(crate) found: Option<InodeInfo>,
    /// The path ends with a slash, so only a folder is meant.
    pub(crate) is_folder: bool,
}

impl Place {
    /// The name, for something that is to be made, renamed or removed.
    pub(crate) fn file_name(&self) -> Result<FileName<'_>, Status> {
        if self.name.is_empty() {
            return Err(Status::InvalidArgument);
        }
        FileName::new(&self.name).map_err(status_of)
    }

    /// What is there, where something has to be.
    pub(crate) fn existing(&self) -> Result<&InodeInfo, Status> {
        let found = self.found.as_ref().ok_or(Status::NotFound)?;
        match self.is_folder && !found.is_directory() {
            true => Err(Status::NotAFolder),
            false => Ok(found),
        }
    }
}

/// Splits the first component off; what is behind it begins with a slash or is empty.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().take_while(|&&byte| byte == b'/').count();
    let path = path.get(start..).unwrap_or_default();
    let length = path.iter().take_while(|&&byte| byte != b'/').count();
    path.split_at_checked(length).unwrap_or_default()
}

impl Volume<'_> {
    fn root(&mut self) -> Result<InodeInfo, Status> {
        let root = self.crate_fs.root_inode();
        self.crate_fs.inode(root).map_err(status_of)
    }

    /// Follows a path.
    pub(crate) fn walk(&mut self, path: &[u8], last: Last) -> Result<Place, Status> {
        if path.is_empty() || path.contains(&0) {
            return Err(Status::InvalidArgument);
        }
        if path.len() > LONGEST_PATH {
            return Err(Status::NameTooLong);
        }
        let root = self.root()?;
        let mut here = root;
        let mut rest = path.to_vec();
        let mut links = 0;
        loop {
            let (name, behind) = split(&rest);
            let is_last = split(behind).0.is_empty();
            if !here.is_directory() {
                return Err(Status::NotAFolder);
            }
            if name.len() > LONGEST_NAME {
                return Err(Status::NameTooLong);
            }
            let found = match name {
                b"" | b"." => Some(here),
                b".." if here.number == root.number => Some(here),
                name => self.child(here.number, name)?,
            };
            let is_name = !matches!(name, b"" | b"." | b"..");
            let is_folder = !behind.is_empty();
            if let Some(link) = found
                && kind_of(link.file_type()) == Kind::Link
                && (!is_last || is_folder || last == Last::Follow)
            {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Status::TooManyLinks);
                }
                let mut target = self.target(&link)?;
                if target.first() == Some(&b'/') {
                    here = root;
                }
                target.extend_from_slice(behind);
                rest = target;
                continue;
            }
            if is_last {
                return Ok(Place {
                    folder: here.number,
                    name: if is_name { name.to_vec() } else { Vec::new() },
                    found,
                    is_folder,
                });
            }
            here = found.ok_or(Status::NotFound)?;
            rest = behind.to_vec();
        }
    }

    fn child(&mut self, folder: InodeNumber, name: &[u8]) -> Result<Option<InodeInfo>, Status> {
        let name = FileName::new(name).map_err(status_of)?;
        self.crate_fs.lookup_child(folder, name).map_err(status_of)
    }

    /// Where a symbolic link leads.
    fn target(&mut self, link: &InodeInfo) -> Result<Vec<u8>, Status> {
        // The crate allocates what the inode says.
        let high = self.superblock.size_high(self.disk, link.number.raw())?;
        if link.size == 0 || link.size > LONGEST_PATH as u64 || high != 0 {
            return Err(Status::Corrupt);
        }
        let mut target = vec![0; link.size as usize];
        let read = self.crate_fs.read_inode(link.number, 0, &mut target);
        match read.map_err(status_of)? {
            length if length == target.len() && !target.contains(&0) => Ok(target),
            _ => Err(Status::Corrupt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_at_its_slashes() {
        assert_eq!(split(b"//a//b/"), (&b"a"[..], &b"//b/"[..]));
        assert_eq!(split(b"a"), (&b"a"[..], &b""[..]));
        assert_eq!(split(b"//"), (&b""[..], &b""[..]));
    }
}

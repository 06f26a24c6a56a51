//! What is open. Something open that loses its last name lives on until it is closed: the volume knows it as an orphan, which
//! also the next mount would free.

use alloc::collections::BTreeMap;

use atoll_abi::syscall::Status;

use crate::FileId;

#[derive(Default)]
struct OpenFile {
    /// How often it was opened and not closed.
    count: u32,
    /// It has no name any more.
    is_removed: bool,
}

/// The open files and folders.
pub(crate) struct OpenFiles {
    files: BTreeMap<FileId, OpenFile>,
    most: usize,
}

impl OpenFiles {
    pub(crate) fn new(most: usize) -> OpenFiles {
        OpenFiles {
            files: BTreeMap::new(),
            most,
        }
    }

    /// [`Status::Busy`] where nothing more can be opened.
    pub(crate) fn check_room(&self) -> Result<(), Status> {
        match self.files.len() < self.most {
            true => Ok(()),
            false => Err(Status::Busy),
        }
    }

    pub(crate) fn open(&mut self, file: FileId) -> Result<(), Status> {
        if !self.files.contains_key(&file) {
            self.check_room()?;
        }
        let open = self.files.entry(file).or_default();
        open.count = open.count.checked_add(1).ok_or(Status::Busy)?;
        Ok(())
    }

    pub(crate) fn check(&self, file: FileId) -> Result<(), Status> {
        match self.files.contains_key(&file) {
            true => Ok(()),
            false => Err(Status::BadHandle),
        }
    }

    /// Closes; what is to be freed then.
    pub(crate) fn close(&mut self, file: FileId) -> Result<Option<FileId>, Status> {
        let open = self.files.get_mut(&file).ok_or(Status::BadHandle)?;
        open.count -= 1;
        if open.count > 0 {
            return Ok(None);
        }
        let removed = self.files.remove(&file);
        Ok(removed.filter(|open| open.is_removed).map(|_| file))
    }

    /// Something lost its last name; whether it is open.
    pub(crate) fn remove(&mut self, file: FileId) -> bool {
        match self.files.get_mut(&file) {
            Some(open) => {
                open.is_removed = true;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_goes_with_the_last_close() {
        let mut files = OpenFiles::new(1);
        let (one, other) = (FileId(12), FileId(13));
        assert_eq!(files.open(one), Ok(()));
        assert_eq!(files.open(one), Ok(()));
        assert_eq!(files.open(other), Err(Status::Busy));
        assert!(files.remove(one));
        assert!(!files.remove(other));
        assert_eq!(files.close(one), Ok(None));
        assert_eq!(files.close(one), Ok(Some(one)));
        assert_eq!(files.close(one), Err(Status::BadHandle));
    }
}

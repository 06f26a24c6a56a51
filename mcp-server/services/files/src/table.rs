//! The files and folders that are open, of all clients: one entry for each, however often it is open.

use alloc::vec::Vec;

use atoll_abi::file::Kind;
use atoll_ext4::{Attributes, FileId};

use crate::runs::Runs;

/// An entry of the table, for as long as something uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileKey(u16);

/// What a call does with a file while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It leaves as they are the file's length and where its data is: it reads, or writes over data.
    Keeps,
    /// It may change them.
    Changes,
}

/// A file or folder that is open. The file system has it open once.
pub(crate) struct File {
    pub(crate) id: FileId,
    pub(crate) kind: Kind,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// When it was last modified, in seconds since 1970.
    pub(crate) modified: u32,
    /// Where its data is, as far as that is known.
    pub(crate) runs: Runs,
    /// Transfers of its data that the driver carries out, straight between the disk and blocks of clients.
    pub(crate) transfers: u32,
    /// The file system has written to it since it was opened, and noted then when that was. No component tells a service what
    /// time it is, so further writes need not be noted.
    pub(crate) is_touched: bool,
    /// Handles of clients.
    handles: u32,
    /// Calls under way.
    calls: u32,
    /// Those of them that change it. Until they have ended, where its data is may change.
    changes: u32,
}

impl File {
    /// Takes what the file system says of it.
    pub(crate) fn update(&mut self, attributes: &Attributes) {
        self.length = attributes.size;
        self.modified = attributes.modified;
    }

    /// Whether a call changes it, or waits to.
    #[inline]
    pub(crate) fn is_changing(&self) -> bool {
        self.changes > 0
    }
}

/// What is open.
pub(crate) struct FileTable {
    /// As long as there were ever files open at once.
    files: Vec<Option<File>>,
    most: usize,
}

impl FileTable {
    /// A table for at most so many files.
    pub(crate) fn new(most: usize) -> FileTable {
        FileTable {
            files: Vec::new(),
            most: most.min(usize::from(u16::MAX)),
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: FileKey) -> Option<&File> {
        self.files.get(usize::from(key.0))?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: FileKey) -> Option<&mut File> {
        self.files.get_mut(usize::from(key.0))?.as_mut()
    }

    fn position(&self, wanted: impl Fn(&Option<File>) -> bool) -> Option<FileKey> {
        let place = self.files.iter().position(wanted)?;
        u16::try_from(place).ok().map(FileKey)
    }

    /// The entry of a file that is open already.
    pub(crate) fn find(&self, id: FileId) -> Option<FileKey> {
        self.position(|it| it.as_ref().is_some_and(|file| file.id == id))
    }

    /// A new entry for a file; `None` where the table is full.
    pub(crate) fn insert(&mut self, attributes: &Attributes) -> Option<FileKey> {
        let key = match self.position(Option::is_none) {
            Some(key) => key,
            None if self.files.len() < self.most => {
                self.files.push(None);
                FileKey(u16::try_from(self.files.len() - 1).ok()?)
            }
            None => return None,
        };
        *self.files.get_mut(usize::from(key.0))? = Some(File {
            id: attributes.file,
            kind: attributes.kind,
            length: attributes.size,
            modified: attributes.modified,
            runs: Runs::default(),
            transfers: 0,
            is_touched: false,
            handles: 0,
            calls: 0,
            changes: 0,
        });
        Some(key)
    }

    /// A client has got a handle of it.
    pub(crate) fn add_handle(&mut self, key: FileKey) {
        if let Some(file) = self.get_mut(key) {
            file.handles += 1;
        }
    }

    /// A handle is gone: see [`FileTable::end_call`].
    #[must_use]
    pub(crate) fn remove_handle(&mut self, key: FileKey) -> Option<FileId> {
        let file = self.get_mut(key)?;
        file.handles = file.handles.saturating_sub(1);
        self.remove_unused(key)
    }

    /// A call on it begins.
    pub(crate) fn begin_call(&mut self, key: FileKey, what: Use) {
        if let Some(file) = self.get_mut(key) {
            file.calls += 1;
            file.changes += u32::from(what == Use::Changes);
        }
    }

    /// A call on it has ended. Where nothing uses the file any more its entry is gone, and the caller has to close the file.
    #[must_use]
    pub(crate) fn end_call(&mut self, key: FileKey, what: Use) -> Option<FileId> {
        let file = self.get_mut(key)?;
        file.calls = file.calls.saturating_sub(1);
        if what == Use::Changes {
            file.changes = file.changes.saturating_sub(1);
        }
        self.remove_unused(key)
    }

    fn remove_unused(&mut self, key: FileKey) -> Option<FileId> {
        let place = self.files.get_mut(usize::from(key.0))?;
        let is_unused = |file: &mut File| file.handles == 0 && file.calls == 0;
        place.take_if(is_unused).map(|file| file.id)
    }

    /// How many files and folders are open.
    pub(crate) fn count(&self) -> usize {
        self.files.iter().flatten().count()
    }
}

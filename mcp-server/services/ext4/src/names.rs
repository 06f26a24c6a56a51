//! Opening, making, renaming and removing what has a name.

use atoll_abi::file::{Kind, OpenFlags};
use atoll_abi::syscall::Status;
use rsext4::{FilePermissions, InodeInfo, MutationContext, RenameOptions, UnlinkOutcome};

use crate::operation::kind_of;
use crate::path::{Last, Place};
use crate::status::status_of;
use crate::volume::Volume;
use crate::{Attributes, FileId};

/// Whose everything is that is made: root's.
const OWNER: MutationContext = MutationContext::new(0, 0, 0, 0);

const FILE_MODE: u16 = 0o644;
const FOLDER_MODE: u16 = 0o755;

impl Volume<'_> {
    pub(crate) fn open(&mut self, path: &[u8], flags: OpenFlags) -> Result<Attributes, Status> {
        let creates = flags.contains(OpenFlags::CREATE);
        let changes = flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let wants_folder = flags.contains(OpenFlags::FOLDER);
        let is_exclusive = creates && flags.contains(OpenFlags::EXCLUSIVE);
        if wants_folder && changes {
            return Err(Status::InvalidArgument);
        }
        let last = match is_exclusive {
            true => Last::Keep,
            false => Last::Follow,
        };
        let place = self.walk(path, last)?;
        let inode = match &place.found {
            None if creates => self.make_file(&place)?,
            Some(_) if is_exclusive => return Err(Status::Exists),
            _ => *place.existing()?,
        };
        match kind_of(inode.file_type()) {
            Kind::Folder if changes => return Err(Status::IsAFolder),
            Kind::File if wants_folder => return Err(Status::NotAFolder),
            Kind::File | Kind::Folder => {}
            _ => return Err(Status::Unsupported),
        }
        self.files.open(FileId(inode.number.raw()))?;
        Ok(Attributes::from(&inode))
    }

    fn make_file(&mut self, place: &Place) -> Result<InodeInfo, Status> {
        if place.is_folder {
            return Err(Status::IsAFolder);
        }
        // Nothing is made that cannot be opened then.
        self.files.check_room()?;
        let name = place.file_name()?;
        let mode = FilePermissions::new(FILE_MODE).map_err(status_of)?;
        let made = self
            .crate_fs
            .create_regular_file(OWNER, place.folder, name, mode);
        made.map_err(status_of)
    }

    pub(crate) fn make_folder(&mut self, path: &[u8]) -> Result<(), Status> {
        let place = self.walk(path, Last::Keep)?;
        if place.found.is_some() {
            return Err(Status::Exists);
        }
        let name = place.file_name()?;
        let mode = FilePermissions::new(FOLDER_MODE).map_err(status_of)?;
        let made = self
            .crate_fs
            .create_directory(OWNER, place.folder, name, mode);
        made.map(|_| ()).map_err(status_of)
    }

    pub(crate) fn remove(&mut self, path: &[u8]) -> Result<(), Status> {
        let place = self.walk(path, Last::Keep)?;
        let name = place.file_name()?;
        let removed = match place.existing()?.is_directory() {
            true => self.crate_fs.remove_empty_directory(place.folder, name),
            false => self.crate_fs.unlink(place.folder, name),
        };
        let removed = removed.map_err(status_of)?;
        self.release(removed)
    }

    pub(crate) fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), Status> {
        let from = self.walk(from, Last::Keep)?;
        let to = self.walk(to, Last::Keep)?;
        let source = from.existing()?;
        let (from_name, to_name) = (from.file_name()?, to.file_name()?);
        match (&to.found, source.is_directory()) {
            (None, false) if to.is_folder => return Err(Status::NotAFolder),
            (Some(target), false) if target.is_directory() => return Err(Status::IsAFolder),
            (Some(target), true) if !target.is_directory() => return Err(Status::NotAFolder),
            _ => {}
        }
        let renamed = self.crate_fs.rename(
            from.folder,
            from_name,
            to.folder,
            to_name,
            RenameOptions::REPLACE,
        );
        match renamed.map_err(status_of)?.replaced {
            Some(replaced) => self.release(replaced),
            None => Ok(()),
        }
    }

    /// Something lost a name. With the last one it goes, unless it is open.
    fn release(&mut self, unlinked: UnlinkOutcome) -> Result<(), Status> {
        let file = FileId(unlinked.inode.raw());
        match unlinked.requires_reap() && !self.files.remove(file) {
            true => self.reap(file),
            false => Ok(()),
        }
    }
}

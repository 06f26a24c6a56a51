//! The mounted volume, and which function does which operation.

use alloc::boxed::Box;
use alloc::sync::Arc;

use atoll_abi::disk::Properties;
use atoll_abi::file::Kind;
use atoll_abi::syscall::Status;
use corosensei::Yielder;
use rsext4::{
    Ext4, Ext4Result, Ext4Timestamp, InodeNumber, MountOptions, MountServices, MountedServices,
    NoopObserver,
};

use crate::disk::{Device, Disk};
use crate::open::OpenFiles;
use crate::operation::kind_of;
use crate::status::status_of;
use crate::superblock::Superblock;
use crate::system::{Input, Suspended};
use crate::truncate::MOST_BLOCKS;
use crate::{Attributes, Clock, FileId, Operation, Outcome, Settings, Space, State};

/// The number of the inode that has the journal.
const JOURNAL_INODE: u32 = 8;

/// What time the crate is told: never before the volume was written last, and never 0, which means no time.
struct Time {
    clock: Box<dyn Clock>,
    earliest: i64,
}

impl Time {
    fn now(&self) -> Ext4Timestamp {
        let now = i64::try_from(self.clock.seconds()).unwrap_or(0);
        Ext4Timestamp::new(now.max(self.earliest), 0)
    }
}

/// The crate's own hold on the time.
struct CrateClock(Arc<Time>);

impl rsext4::Clock for CrateClock {
    fn now(&self) -> Ext4Result<Ext4Timestamp> {
        Ok(self.0.now())
    }
}

/// A volume.
pub(crate) struct Volume<'d> {
    pub(crate) crate_fs: Ext4<Device<'d>, MountedServices<(), NoopObserver>>,
    pub(crate) disk: &'d Disk<'d>,
    pub(crate) files: OpenFiles,
    pub(crate) superblock: Superblock,
    pub(crate) block_size: u32,
    /// Blocks were freed since the last commit. Until then they may be a file's again after a power cut, so nothing else is
    /// written to them.
    pub(crate) has_freed: bool,
    read_only: bool,
    time: Arc<Time>,
    /// Operations since the last commit that changed something, and how many there may be.
    uncommitted: u32,
    most_uncommitted: u32,
}

/// What the coroutine does: mounts, then one operation after the other.
pub(crate) fn run(
    yielder: &Yielder<Input, Suspended>,
    sectors: u64,
    properties: Properties,
    clock: Box<dyn Clock>,
    settings: Settings,
) {
    let disk = Disk::new(
        yielder,
        sectors,
        properties,
        settings.cached_blocks,
        settings.recovered_blocks,
    );
    disk.begin();
    let mut volume = Volume::mount(&disk, clock, settings);
    let state = match &volume {
        Ok(volume) => State::Mounted {
            read_only: volume.read_only,
            block_size: volume.block_size,
        },
        Err(status) => State::Failed(*status),
    };
    let mut report = Suspended::Mounted(state);
    while !disk.is_stopped() {
        let Input::Operation(operation) = yielder.suspend(report) else {
            return;
        };
        disk.begin();
        let result = match &mut volume {
            Ok(volume) => volume.execute(operation),
            Err(status) => Err(*status),
        };
        // The device knows better than the crate why it failed.
        let result = result.map_err(|status| disk.failure().unwrap_or(status));
        report = Suspended::Finished(result);
    }
}

impl<'d> Volume<'d> {
    fn mount(
        disk: &'d Disk<'d>,
        clock: Box<dyn Clock>,
        settings: Settings,
    ) -> Result<Volume<'d>, Status> {
        let mounted = Volume::try_mount(disk, clock, settings);
        mounted.map_err(|status| disk.failure().unwrap_or(status))
    }

    fn try_mount(
        disk: &'d Disk<'d>,
        clock: Box<dyn Clock>,
        settings: Settings,
    ) -> Result<Volume<'d>, Status> {
        let superblock = Superblock::read(disk)?;
        let read_only = disk.properties().read_only;
        let options = MountOptions {
            readonly: read_only,
            ..MountOptions::read_write()
        };
        let time = Arc::new(Time {
            clock,
            earliest: i64::from(superblock.written).max(1),
        });
        let services = MountServices::new(CrateClock(time.clone()), (), NoopObserver);
        let crate_fs = Ext4::mount(Device(disk), services, options).map_err(status_of)?;
        let mut volume = Volume {
            crate_fs,
            disk,
            files: OpenFiles::new(settings.open_files),
            superblock,
            block_size: superblock.block_size,
            has_freed: false,
            read_only,
            time,
            uncommitted: 0,
            most_uncommitted: settings.uncommitted,
        };
        volume.check_journal(settings.journal_bytes)?;
        Ok(volume)
    }

    /// The crate keeps what the journal holds in memory, so a large one is refused.
    fn check_journal(&mut self, most: u64) -> Result<(), Status> {
        let number = InodeNumber::new(JOURNAL_INODE).map_err(status_of)?;
        match self.crate_fs.inode(number) {
            Ok(journal) if journal.size > most => Err(Status::Unsupported),
            _ => Ok(()),
        }
    }

    fn execute(&mut self, operation: Operation) -> Result<Outcome, Status> {
        let changes = operation.changes();
        if changes && self.read_only {
            return Err(Status::ReadOnly);
        }
        let result = self.perform(operation);
        self.uncommitted += u32::from(changes);
        if self.uncommitted >= self.most_uncommitted {
            // Where this fails, nothing is written any more, as the next operation tells.
            let _ = self.sync();
        }
        result
    }

    fn perform(&mut self, operation: Operation) -> Result<Outcome, Status> {
        let done = |()| Outcome::Done;
        match operation {
            Operation::Open { path, flags } => self.open(&path, flags).map(Outcome::Opened),
            Operation::Close { file } => self.close(file).map(done),
            Operation::Stat { file } => self.stat(file).map(Outcome::Attributes),
            Operation::List {
                folder,
                cursor,
                bytes,
            } => self.list(folder, cursor, bytes).map(Outcome::Listed),
            Operation::Map {
                file,
                offset,
                bytes,
            } => self.map(file, offset, bytes).map(Outcome::Runs),
            Operation::Write {
                file,
                offset,
                bytes,
            } => self.write(file, offset, bytes).map(done),
            Operation::WriteBytes {
                file,
                offset,
                bytes,
            } => self.write_bytes(file, offset, &bytes).map(done),
            Operation::Truncate { file, size } => self.truncate(file, size).map(done),
            Operation::Rename { from, to } => self.rename(&from, &to).map(done),
            Operation::Remove { path } => self.remove(&path).map(done),
            Operation::MakeFolder { path } => self.make_folder(&path).map(done),
            Operation::Sync => {
                // Where there is nothing to commit, the crate flushes all the same.
                self.disk.note_written();
                self.sync().map(done)
            }
            Operation::Space => Ok(Outcome::Space(self.space())),
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Ext4Timestamp {
        self.time.now()
    }

    pub(crate) fn sync(&mut self) -> Result<(), Status> {
        self.crate_fs.sync().map_err(status_of)?;
        self.has_freed = false;
        self.uncommitted = 0;
        Ok(())
    }

    fn space(&self) -> Space {
        let stats = self.crate_fs.statfs();
        Space {
            block_size: self.block_size,
            blocks: stats.total_blocks,
            free_blocks: stats.free_blocks,
            inodes: stats.total_inodes,
            free_inodes: stats.free_inodes,
        }
    }

    /// The inode of something open.
    pub(crate) fn opened(&mut self, file: FileId) -> Result<rsext4::InodeInfo, Status> {
        self.files.check(file)?;
        let number = InodeNumber::new(file.0).map_err(status_of)?;
        self.crate_fs.inode(number).map_err(status_of)
    }

    /// The inode of an open file, which has data.
    pub(crate) fn opened_file(&mut self, file: FileId) -> Result<rsext4::InodeInfo, Status> {
        let inode = self.opened(file)?;
        match kind_of(inode.file_type()) {
            Kind::File => self.sized(inode),
            Kind::Folder => Err(Status::IsAFolder),
            _ => Err(Status::Unsupported),
        }
    }

    /// An inode whose size a file can have: the volume may say any.
    pub(crate) fn sized(&self, inode: rsext4::InodeInfo) -> Result<rsext4::InodeInfo, Status> {
        match inode.size <= MOST_BLOCKS * u64::from(self.block_size) {
            true => Ok(inode),
            false => Err(Status::Corrupt),
        }
    }

    fn stat(&mut self, file: FileId) -> Result<Attributes, Status> {
        self.opened(file).map(|inode| Attributes::from(&inode))
    }

    fn close(&mut self, file: FileId) -> Result<(), Status> {
        let Some(removed) = self.files.close(file)? else {
            return Ok(());
        };
        self.reap(removed)
    }
}

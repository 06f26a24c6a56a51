//! Files and folders of the volume.

use core::time::Duration;

use atoll_runtime::{Attributes, File, Kind, Listing, Status, Volume, list, sleep, with_timeout};
use atoll_web::conditional::Version;
use atoll_web::connection::{Failure, Found, FoundKind};
use atoll_web::edition::Editions;
use atoll_web::listing::{Entries, EntryKind};

/// How long a call to the file service may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often, and with which pause, something is tried that the file service has no room for, or during which it was started again.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// The files of a connection, one of which may be open.
pub struct Tree {
    volume: Volume,
    open: Option<File>,
}

impl Tree {
    /// That of a volume.
    pub fn new(volume: Volume) -> Tree {
        Tree { volume, open: None }
    }

    /// Closes what is open. Nobody waits for that.
    pub fn close(&mut self) {
        if let Some(file) = self.open.take() {
            drop(file.close());
        }
    }

    /// The open file.
    pub fn file(&self) -> Option<File> {
        self.open
    }

    /// Opens a file or folder. `now` is the time in seconds since 1970, where it is known.
    pub fn open(
        &mut self,
        editions: &Editions,
        path: &str,
        now: Option<u64>,
    ) -> Result<Found, Failure> {
        self.close();
        let before = editions.before(path);
        let (file, attributes) = patiently(|_| {
            let file = self.volume.open(path).wait()?;
            match file.attributes().wait() {
                Ok(attributes) => Ok((file, attributes)),
                Err(status) => {
                    drop(file.close());
                    Err(status)
                }
            }
        })?;
        self.open = Some(file);
        let (edition, may_have_changed) = editions.of(path, before);
        Ok(Found {
            kind: match attributes.kind {
                Kind::File => FoundKind::File,
                Kind::Folder => FoundKind::Folder,
                _ => FoundKind::Other,
            },
            version: version(&attributes, edition, may_have_changed, now),
        })
    }

    /// Lists the open folder, or as much of it as is shown.
    pub fn list(&self) -> Result<Entries, Failure> {
        let folder = self.open.ok_or(Failure::Other)?;
        let mut entries = Entries::default();
        patiently(|_| {
            entries = Entries::default();
            let listed = list(&folder, |part| add(&mut entries, part));
            match listed {
                // There is no room for more.
                Err(Status::Cancelled) => Ok(()),
                // It was changed meanwhile.
                Err(Status::InvalidArgument) => Err(Status::Busy),
                other => other,
            }
        })?;
        Ok(entries)
    }

    /// Removes what is at a path.
    pub fn remove(&self, editions: &Editions, path: &str) -> Result<(), Failure> {
        let remove = |may_be_done| match self.volume.remove(path).wait() {
            Err(Status::NotFound) if may_be_done => Ok(()),
            other => other,
        };
        editions.change(path, || lastingly(self.volume, remove))
    }
}

/// Changes something and has the change on stable storage, in one life of the file service: a next one may not know what was not, and would
/// say all the same that everything is there. The change is told whether it may be done already.
pub fn lastingly(
    volume: Volume,
    mut change: impl FnMut(bool) -> Result<(), Status>,
) -> Result<(), Failure> {
    let mut is_done = false;
    patiently(|was_lost| {
        // Good for as long as the service lives that has opened it.
        let witness = volume.open("/").wait()?;
        let mut try_once = || {
            change(was_lost || is_done)?;
            is_done = true;
            volume.sync().wait()?;
            witness.attributes().wait().map(drop)
        };
        let done = try_once();
        drop(witness.close());
        done.map_err(|status| match status {
            Status::BadHandle => Status::PeerLost,
            other => other,
        })
    })
}

/// What is known of a file. Its time is one of whole seconds: where this program may have changed it, another version may have the same time,
/// unless that second is over.
fn version(
    attributes: &Attributes,
    edition: u64,
    may_have_changed: bool,
    now: Option<u64>,
) -> Version {
    let modified = u64::from(attributes.modified);
    let is_over = now.is_some_and(|now| now > modified + 1);
    let is_known = modified > 0 && (!may_have_changed || is_over);
    Version {
        length: attributes.length,
        modified: is_known.then_some(modified),
        edition,
    }
}

/// Adds a part of a listing; [`Status::Cancelled`] where there is no room for more.
fn add(entries: &mut Entries, part: &Listing) -> Result<(), Status> {
    for (name, kind) in part.entries() {
        let kind = match kind {
            Kind::Folder => EntryKind::Folder,
            Kind::File => EntryKind::File,
            _ => EntryKind::Other,
        };
        if !entries.push(kind, name) {
            return Err(Status::Cancelled);
        }
    }
    Ok(())
}

/// Does something with the file service, and again where that has no room or is being started again. What is done is told whether the
/// service was lost during a try before, which may have been done.
pub fn patiently<T>(mut work: impl FnMut(bool) -> Result<T, Status>) -> Result<T, Failure> {
    let mut was_lost = false;
    let mut tries = 0;
    loop {
        let status = match with_timeout(PATIENCE, || work(was_lost)) {
            Ok(done) => return Ok(done),
            Err(status) => status,
        };
        was_lost |= status == Status::PeerLost;
        tries += 1;
        if !matches!(status, Status::Busy | Status::PeerLost) || tries == TRIES {
            return Err(failure(status));
        }
        let _ = sleep(PAUSE).wait();
    }
}

/// How a status of the file service is told.
pub fn failure(status: Status) -> Failure {
    match status {
        Status::NotFound | Status::TooManyLinks | Status::NameTooLong => Failure::NotFound,
        Status::NotAFolder => Failure::NotAFolder,
        Status::IsAFolder => Failure::IsAFolder,
        Status::NotEmpty | Status::Exists => Failure::NotEmpty,
        Status::ReadOnly | Status::NotAllowed => Failure::ReadOnly,
        Status::NoSpace => Failure::Full,
        Status::Busy | Status::PeerLost | Status::TimedOut | Status::BadHandle => Failure::Busy,
        _ => Failure::Other,
    }
}

//! What a connection wants done, and what it is told.

use alloc::string::String;
use alloc::vec::Vec;

use crate::conditional::Version;
use crate::listing::Entries;
use crate::metrics::Node;

/// What holds for the connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most bytes of a file that is uploaded.
    pub most_upload: u64,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// To begin a request.
    Idle,
    /// To complete a head that has begun.
    Head,
    /// To go on with a body.
    Body,
}

/// What is to be done next. What an `Open` has opened is closed by the next `Open`, `Look`, `Receive` or `End`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To receive, then [`Event::Received`], [`Event::Ended`] or [`Event::Late`].
    Receive(Patience),
    /// To send these bytes, then [`Event::Done`] or [`Event::Failed`].
    Send(Vec<u8>),
    /// To open a file or folder, then [`Event::Found`] or [`Event::Failed`].
    Open(String),
    /// To find out what is at a path, then as `Open`.
    Look(String),
    /// To send a part of the open file, then [`Event::Done`], or [`Event::Failed`] where not all of it could be sent.
    SendFile {
        /// Where it begins.
        offset: u64,
        /// Its bytes, at least one.
        length: u64,
    },
    /// To list the open folder, then [`Event::Listed`] or [`Event::Failed`].
    List,
    /// To find out what is known of the node, then [`Event::Measured`].
    Measure,
    /// To begin a file that has no name yet where a client could ask for it, then [`Event::Done`] or [`Event::Failed`].
    Create,
    /// To write these bytes behind the ones before in that file, then [`Event::Done`] or [`Event::Failed`].
    Write(Vec<u8>),
    /// To put the file on stable storage and give it this path, in place of what was there, then [`Event::Done`], or [`Event::Failed`]
    /// where that is not so; then the file is gone.
    Commit(String),
    /// To have the file gone, then [`Event::Done`].
    Discard,
    /// To remove the file or empty folder at a path, then [`Event::Done`] or [`Event::Failed`].
    Remove(String),
    /// To close the connection: what was sent is still delivered, and what comes in is dropped. A file that was created and not
    /// committed is gone. No event follows.
    End,
}

/// How an action ended.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// These bytes came.
    Received(&'e [u8]),
    /// The client sends nothing more.
    Ended,
    /// Nothing came in time.
    Late,
    /// It was done.
    Done,
    /// It was not done.
    Failed(Failure),
    /// This is at the path.
    Found(Found),
    /// These are the entries.
    Listed(&'e Entries),
    /// This is the node.
    Measured(&'e Node),
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: FoundKind,
    /// Which version of it.
    pub version: Version,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Something that has no content.
    Other,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// There is nothing of that name.
    NotFound,
    /// A file stands where a folder has to be.
    NotAFolder,
    /// A folder stands where a file has to be.
    IsAFolder,
    /// The folder is not empty.
    NotEmpty,
    /// The volume can only be read.
    ReadOnly,
    /// The volume is full.
    Full,
    /// It may be possible later: others use what it takes, or who does it is being started again.
    Busy,
    /// Something else.
    Other,
}

//! A tree of files in memory, which fails when it is told to.

use std::collections::BTreeMap;

use atoll_web::conditional::Version;
use atoll_web::connection::{Action, Event, Failure, Found, FoundKind};
use atoll_web::listing::{Entries, EntryKind};

/// What time it is.
pub const NOW: u64 = 784_111_777;

/// When all files were modified.
pub const MODIFIED: u64 = NOW - 1000;

/// Files and folders by their paths.
#[derive(Clone, Default)]
pub struct Tree {
    /// Content of files; folders have none.
    pub nodes: BTreeMap<String, Option<Vec<u8>>>,
    /// How the next actions of a name end: `Create`, `Write`, `Commit` and others.
    pub fails: Option<(&'static str, Failure)>,
    /// A file gives so many bytes less than it says.
    pub shrinks: u64,
    open: Option<String>,
    upload: Option<Vec<u8>>,
    changes: u64,
}

impl Tree {
    /// A small tree.
    pub fn new() -> Tree {
        let mut tree = Tree::default();
        for folder in ["/", "/folder", "/folder/empty"] {
            tree.nodes.insert(folder.into(), None);
        }
        for (path, content) in [
            ("/hello.txt", &b"Hello, Atoll."[..]),
            ("/empty", b""),
            ("/folder/a b.html", b"<p>a</p>"),
        ] {
            tree.nodes.insert(path.into(), Some(content.into()));
        }
        let large = (0..100_000u32).map(|place| (place % 251) as u8);
        tree.nodes.insert("/large".into(), Some(large.collect()));
        tree
    }

    /// The content of a file.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.nodes.get(path)?.as_deref()
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    /// The connection has ended.
    pub fn end(&mut self) {
        self.close();
        self.upload = None;
    }

    /// Whether something that is being uploaded is left.
    pub fn has_upload(&self) -> bool {
        self.upload.is_some()
    }

    pub fn read(&self, offset: u64, length: u64) -> (Vec<u8>, Event<'static>) {
        let path = self.open.as_ref().expect("a file is open");
        let content = self.content(path).expect("it is a file");
        let (first, end) = (offset as usize, (offset + length) as usize);
        assert!(
            length > 0 && end <= content.len(),
            "the file has what is to be sent"
        );
        match self.shrinks {
            0 => (content[first..end].into(), Event::Done),
            less => (
                content[first..end - less as usize].into(),
                Event::Failed(Failure::Other),
            ),
        }
    }

    pub fn list(&self) -> Entries {
        let folder = self.open.as_ref().expect("a folder is open");
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut entries = Entries::default();
        for (path, content) in &self.nodes {
            if let Some(name) = path.strip_prefix(&prefix)
                && !name.is_empty()
                && !name.contains('/')
            {
                let kind = match content {
                    Some(_) => EntryKind::File,
                    None => EntryKind::Folder,
                };
                entries.push(kind, name.as_bytes());
            }
        }
        entries
    }

    fn find(&self, path: &str) -> Result<Found, Failure> {
        let mut parents = path.match_indices('/').map(|(at, _)| &path[..at.max(1)]);
        if parents.any(|parent| parent != path && matches!(self.nodes.get(parent), Some(Some(_)))) {
            return Err(Failure::NotAFolder);
        }
        let content = self.nodes.get(path).ok_or(Failure::NotFound)?;
        Ok(Found {
            kind: match content {
                Some(_) => FoundKind::File,
                None => FoundKind::Folder,
            },
            version: Version {
                length: content.as_ref().map_or(0, |content| content.len() as u64),
                modified: Some(MODIFIED),
                edition: self.changes,
            },
        })
    }

    /// Carries an action out that has to do with files.
    pub fn change(&mut self, action: Action) -> Event<'static> {
        let name = format!("{action:?}");
        if let Some((failing, failure)) = self.fails
            && name.starts_with(failing)
        {
            if failing == "Commit" {
                self.upload = None;
            }
            return Event::Failed(failure);
        }
        match self.try_change(action) {
            Ok(event) => event,
            Err(failure) => Event::Failed(failure),
        }
    }

    fn try_change(&mut self, action: Action) -> Result<Event<'static>, Failure> {
        match action {
            Action::Open(path) => {
                let found = self.find(&path)?;
                self.open = Some(path);
                return Ok(Event::Found(found));
            }
            Action::Look(path) => return Ok(Event::Found(self.find(&path)?)),
            Action::Create => {
                assert!(self.upload.is_none(), "one file is stored at a time");
                self.upload = Some(Vec::new());
            }
            Action::Write(bytes) => {
                assert!(!bytes.is_empty());
                self.upload.as_mut().expect("it was created").extend(bytes);
            }
            Action::Commit(path) => {
                let content = self.upload.take().expect("it was created");
                let parent = path.rsplit_once('/').unwrap().0;
                let parent = if parent.is_empty() { "/" } else { parent };
                match self.nodes.get(parent) {
                    None => return Err(Failure::NotFound),
                    Some(Some(_)) => return Err(Failure::NotAFolder),
                    Some(None) => {}
                }
                self.changes += 1;
                self.nodes.insert(path, Some(content));
            }
            Action::Discard => drop(self.upload.take().expect("it was created")),
            Action::Remove(path) => {
                let prefix = format!("{path}/");
                if self.nodes.keys().any(|it| it.starts_with(&prefix)) {
                    return Err(Failure::NotEmpty);
                }
                self.changes += 1;
                self.nodes.remove(&path).ok_or(Failure::NotFound)?;
            }
            other => panic!("{other:?} has nothing to do with files"),
        }
        Ok(Event::Done)
    }
}

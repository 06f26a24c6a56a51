//! What is done to a volume until the power goes, and what has to be there then.

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::file::Kind;
use atoll_ext4::FileId;

use crate::common::{Host, Random};

/// What no file holds: every free block is full of it in the beginning.
const STALE: u8 = 0x7F;

/// A file's bytes are its tag, with any highest bit, so that it shows where they are from.
fn content(random: &mut Random, tag: u8, length: usize) -> Vec<u8> {
    let mut bytes = random.bytes(length);
    bytes.iter_mut().for_each(|byte| *byte = *byte & 0x80 | tag);
    bytes
}

/// What is at each path.
type Model = BTreeMap<String, Vec<u8>>;

/// An operation, when it was done, and what it may have changed.
struct Done {
    start: usize,
    paths: Vec<String>,
}

/// What was there when everything was synced.
struct Synced {
    end: usize,
    operations: usize,
    model: Model,
}

pub struct Workload {
    pub host: Host,
    random: Random,
    model: Model,
    /// The tags that a path may have had.
    tags: BTreeMap<String, BTreeSet<u8>>,
    next_tag: u8,
    done: Vec<Done>,
    synced: Vec<Synced>,
    folders: Vec<String>,
}

impl Workload {
    pub fn new(image: Vec<u8>, seed: u64) -> Workload {
        let mut host = Host::mount(image);
        // All that is free has held something.
        let file = host.create(b"/stale").unwrap().file;
        let mut offset = 0;
        while host.write(file, offset, &[STALE; 32 << 10]).is_ok() {
            offset += 32 << 10;
        }
        host.close(file);
        host.remove(b"/stale").unwrap();
        host.sync();
        let mut host = Host::mount(host.disk);
        host.events = Some(Vec::new());
        Workload {
            host,
            random: Random::new(seed),
            model: Model::new(),
            tags: BTreeMap::new(),
            next_tag: 1,
            done: Vec::new(),
            synced: Vec::new(),
            folders: vec![String::new()],
        }
    }

    fn now(&self) -> usize {
        self.host.events.as_ref().unwrap().len()
    }

    pub fn begin(&mut self, paths: &[&str]) {
        let start = self.now();
        let paths = paths.iter().map(|path| path.to_string()).collect();
        self.done.push(Done { start, paths });
    }

    fn sync(&mut self) {
        self.begin(&[]);
        self.host.sync();
        self.synced.push(Synced {
            end: self.now(),
            operations: self.done.len(),
            model: self.model.clone(),
        });
    }

    fn any_path(&mut self) -> Option<String> {
        let index = self.random.below(self.model.len());
        self.model.keys().nth(index).cloned()
    }

    fn new_path(&mut self, name: usize) -> String {
        let folder = self.random.below(self.folders.len());
        format!("{}/f-{name}", self.folders[folder])
    }

    fn tag_of(&self, path: &str) -> u8 {
        let byte = self.model[path].iter().find(|&&byte| byte != 0);
        byte.map_or(0, |byte| byte & 0x7F)
    }

    fn open(&mut self, path: &str) -> FileId {
        self.host.open(path.as_bytes()).unwrap().file
    }

    pub fn step(&mut self, number: usize) {
        match self.random.below(12) {
            0..=3 if self.next_tag < STALE => self.create(number),
            4 => self.make_folder(number),
            5 | 6 => self.overwrite(),
            7 => self.truncate(),
            8 => self.rename(number),
            9 => self.replace(),
            10 => self.remove(),
            _ if self.random.below(3) == 0 => self.sync(),
            _ => {}
        }
    }

    fn create(&mut self, number: usize) {
        let path = self.new_path(number);
        self.begin(&[&path]);
        let tag = self.next_tag;
        self.next_tag += 1;
        self.tags.entry(path.clone()).or_default().insert(tag);
        let length = self.random.below(120_000) + 1;
        let bytes = content(&mut self.random, tag, length);
        let file = self.host.create(path.as_bytes()).unwrap().file;
        match self.random.below(2) {
            0 => self.host.write(file, 0, &bytes).unwrap(),
            _ => self.host.write_bytes(file, 0, &bytes).unwrap(),
        }
        self.host.close(file);
        self.model.insert(path, bytes);
    }

    fn make_folder(&mut self, number: usize) {
        let folder = format!("/d-{number}");
        self.begin(&[]);
        self.host.make_folder(folder.as_bytes()).unwrap();
        self.folders.push(folder);
    }

    fn overwrite(&mut self) {
        let Some(path) = self.any_path() else { return };
        let tag = self.tag_of(&path);
        if tag == 0 {
            return;
        }
        self.begin(&[&path]);
        let size = self.model[&path].len();
        let file = self.open(&path);
        let length = self.random.below(30_000) + 1;
        let mut bytes = content(&mut self.random, tag, length);
        let mut offset = self.random.below(size + 10_000);
        if self.random.below(2) == 0 {
            offset -= offset % 4096;
            if offset + length < size {
                bytes = content(&mut self.random, tag, length.next_multiple_of(4096));
            }
            self.host.write(file, offset as u64, &bytes).unwrap();
        } else {
            self.host.write_bytes(file, offset as u64, &bytes).unwrap();
        }
        self.host.close(file);
        let model = self.model.get_mut(&path).unwrap();
        model.resize(model.len().max(offset + bytes.len()), 0);
        model[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }

    fn truncate(&mut self) {
        let Some(path) = self.any_path() else { return };
        self.begin(&[&path]);
        let size = self.random.below(self.model[&path].len() * 3 / 2 + 1);
        let file = self.open(&path);
        self.host.truncate(file, size as u64).unwrap();
        self.host.close(file);
        self.model.get_mut(&path).unwrap().resize(size, 0);
    }

    fn rename(&mut self, number: usize) {
        let Some(from) = self.any_path() else { return };
        let to = self.new_path(number);
        self.rename_to(from, to);
    }

    fn replace(&mut self) {
        let (Some(from), Some(to)) = (self.any_path(), self.any_path()) else {
            return;
        };
        if from != to {
            self.rename_to(from, to);
        }
    }

    fn rename_to(&mut self, from: String, to: String) {
        self.begin(&[&from, &to]);
        self.host.rename(from.as_bytes(), to.as_bytes()).unwrap();
        let tags = self.tags.get(&from).cloned().unwrap_or_default();
        self.tags.entry(to.clone()).or_default().extend(tags);
        let bytes = self.model.remove(&from).unwrap();
        self.model.insert(to, bytes);
    }

    fn remove(&mut self) {
        let Some(path) = self.any_path() else { return };
        self.begin(&[&path]);
        // Half of them are open, and freed later.
        let open = (self.random.below(2) == 0).then(|| self.open(&path));
        self.host.remove(path.as_bytes()).unwrap();
        if let Some(file) = open {
            self.begin(&[]);
            self.host.close(file);
        }
        self.model.remove(&path);
    }

    /// Checks what a recovered volume holds after a cut.
    pub fn examine(&self, host: &mut Host, cut: usize) {
        let found = tree(host, "");
        for (path, bytes) in &found {
            let mut tags: BTreeSet<u8> = bytes.iter().map(|byte| byte & 0x7F).collect();
            tags.remove(&0);
            let allowed = self.tags.get(path);
            let is_own = |tag: &u8| allowed.is_some_and(|allowed| allowed.contains(tag));
            assert!(tags.len() <= 1, "{path} holds {tags:?}");
            assert!(
                tags.iter().all(is_own),
                "{path} holds {tags:?}, not {allowed:?}"
            );
        }
        let Some(synced) = self.synced.iter().rfind(|synced| synced.end <= cut) else {
            return;
        };
        let since = self.done[synced.operations..].iter();
        let touched: BTreeSet<&String> = since
            .take_while(|done| done.start <= cut)
            .flat_map(|done| &done.paths)
            .collect();
        for (path, bytes) in &synced.model {
            if !touched.contains(path) {
                assert!(
                    found.get(path) == Some(bytes),
                    "{path} is not what was synced"
                );
            }
        }
    }
}

/// Every file below a folder, and what it holds.
fn tree(host: &mut Host, folder: &str) -> Model {
    let mut found = Model::new();
    let path = if folder.is_empty() { "/" } else { folder };
    for (name, kind) in host.list(path.as_bytes(), 4096) {
        let path = format!("{folder}/{}", String::from_utf8(name).unwrap());
        match kind == Kind::Folder as u8 {
            true => found.extend(tree(host, &path)),
            false => {
                let bytes = host.read(path.as_bytes()).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

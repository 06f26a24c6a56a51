//! The table of outstanding calls.

use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Route, Status, Syscall};

/// Calls that one server can have outstanding.
pub const CALLS: usize = 1024;

/// Who gets a call's completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A vcore of a process of this cluster.
    Vcore { process: u8, vcore: u8 },
    /// The peer of a channel.
    Channel(u8),
    /// This server, which closes a file that a dying process left open in another cluster.
    Closing { process: u8 },
    /// This server, which reads the header of its volume.
    Volume,
    /// Nobody any more: it came from a peer that died while the block driver had it.
    Nobody,
}

/// Where a call is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The entry is free.
    Free,
    /// In a list, or being served right now.
    Held,
    /// Waits for its deadline and nothing else.
    Asleep,
    /// With the block driver.
    Device,
    /// With the peer of a channel.
    Remote { channel: u8 },
    /// Answered; its completion is on the way back.
    Finished,
}

/// Whether the caller of a call that is with the driver or a peer was answered before them: because it took the call
/// back, or because its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// No: it waits for the answer.
    No,
    /// Its completion is in line.
    InLine,
    /// It has its completion.
    Told,
}

/// Never, as a deadline.
pub(crate) const NEVER: u64 = u64::MAX;

/// One outstanding call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// What the caller sent. Its words are the caller's: read here only what was checked.
    pub syscall: Syscall,
    /// The call, or `None` where the caller named none.
    pub call: Option<Call>,
    pub origin: Origin,
    pub stage: Stage,
    pub route: Route,
    pub status: Status,
    pub result: [u64; 2],
    /// First sector to read.
    pub sector: u64,
    /// Bytes to read.
    pub bytes: u32,
    /// Pool of the block.
    pub pool: u32,
    /// Whether the block is marked as in use.
    pub holds_block: bool,
    /// The peer's handle of the file.
    pub remote_handle: u32,
    pub early: Early,
    /// When the caller's time is up, on the environment's clock, or [`NEVER`].
    pub deadline: u64,
    /// The peer's handle of a file that has to be closed when the caller has its completion: nobody else knows of it.
    pub orphan: Option<u32>,
    generation: u32,
    next: Link,
}

impl Entry {
    const FREE: Entry = Entry {
        syscall: Syscall {
            tag: 0,
            call: 0,
            pool: 0,
            handle: 0,
            arguments: [0; 4],
            block: 0,
            generation: 0,
        },
        call: None,
        origin: Origin::Volume,
        stage: Stage::Free,
        route: Route::Server,
        status: Status::Done,
        result: [0; 2],
        sector: 0,
        bytes: 0,
        pool: 0,
        holds_block: false,
        remote_handle: 0,
        early: Early::No,
        deadline: NEVER,
        orphan: None,
        generation: 0,
        next: Link(0),
    };

    /// Whether the call is with the driver or a peer.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.stage, Stage::Device | Stage::Remote { .. })
    }

    /// Whether its caller waits for an answer.
    fn waits(&self) -> bool {
        self.early == Early::No && !matches!(self.stage, Stage::Free | Stage::Finished)
    }

    /// The completion of a finished call, or of one that ended early; the block of the latter is still away.
    pub(crate) fn completion(&self, generation: u32, returned: u32) -> Completion {
        let gives_block =
            self.call == Some(Call::Read) && self.status != Status::BadBlock && !self.is_away();
        Completion {
            tag: self.syscall.tag,
            status: self.status as u32,
            generation,
            result: self.result,
            route: self.route as u32,
            block: if gives_block {
                self.syscall.block
            } else {
                NO_BLOCK
            },
            returned,
            padding: 0,
            reserved: 0,
        }
    }
}

/// Names an entry of the table while the call is outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(u16);

/// An entry's index plus one, or zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link(u16);

impl Link {
    fn to(id: CallId) -> Link {
        Link(id.0 + 1)
    }

    fn id(self) -> Option<CallId> {
        self.0.checked_sub(1).map(CallId)
    }
}

/// A first-in, first-out list of calls, threaded through the table: a call is in one list at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    head: Link,
    tail: Link,
    length: u16,
}

impl List {
    pub(crate) const EMPTY: List = List {
        head: Link(0),
        tail: Link(0),
        length: 0,
    };

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn first(&self) -> Option<CallId> {
        self.head.id()
    }
}

/// The table of outstanding calls.
///
/// A call's tag is its entry's index and generation, so that a late or invented answer never meets another call.
pub(crate) struct CallTable {
    entries: [Entry; CALLS],
    free: List,
    /// Entries from here on were never used.
    unused: u16,
    live: u16,
}

impl CallTable {
    pub(crate) const fn new() -> CallTable {
        const { assert!(CALLS < u16::MAX as usize) };
        CallTable {
            entries: [Entry::FREE; CALLS],
            free: List::EMPTY,
            unused: 0,
            live: 0,
        }
    }

    /// How many calls are outstanding.
    pub(crate) fn live(&self) -> usize {
        usize::from(self.live)
    }

    /// Enters a call; `None` where the table is full.
    pub(crate) fn insert(&mut self, syscall: Syscall, origin: Origin) -> Option<CallId> {
        let mut free = self.free;
        let recycled = self.pop(&mut free);
        self.free = free;
        let id = match recycled {
            Some(id) => id,
            None => {
                let id = CallId(self.unused);
                self.get(id)?;
                self.unused += 1;
                id
            }
        };
        let entry = self.get_mut(id)?;
        // Bit 31 stays clear: it would be the answer bit of the tag.
        let generation = (entry.generation % 0x7fff_ffff) + 1;
        *entry = Entry {
            syscall,
            call: Call::from_raw(syscall.call),
            origin,
            stage: Stage::Held,
            generation,
            ..Entry::FREE
        };
        self.live += 1;
        Some(id)
    }

    /// Removes a call that is in no list.
    pub(crate) fn remove(&mut self, id: CallId) {
        if let Some(entry) = self.get_mut(id)
            && entry.stage != Stage::Free
        {
            entry.stage = Stage::Free;
            self.live -= 1;
            let mut free = self.free;
            self.push(&mut free, id);
            self.free = free;
        }
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Entry> {
        self.entries.get(usize::from(id.0))
    }

    pub(crate) fn get_mut(&mut self, id: CallId) -> Option<&mut Entry> {
        self.entries.get_mut(usize::from(id.0))
    }

    /// The tag by which a driver or peer answers this call.
    pub(crate) fn tag(&self, id: CallId) -> u64 {
        let generation = self.get(id).map_or(0, |entry| entry.generation);
        u64::from(generation) << 32 | u64::from(id.0)
    }

    /// The outstanding call that an answer's tag names.
    pub(crate) fn lookup(&self, tag: u64) -> Option<CallId> {
        let id = CallId(u16::try_from(tag & 0xffff_ffff).ok()?);
        let entry = self.get(id)?;
        (entry.stage != Stage::Free && u64::from(entry.generation) == tag >> 32).then_some(id)
    }

    /// A vcore's call by the tag that its process gave it, where it is not answered yet and not the call that asks.
    pub(crate) fn find(&self, asks: CallId, origin: Origin, tag: u64) -> Option<CallId> {
        self.used()
            .find(|(id, entry)| {
                let named = entry.origin == origin && entry.syscall.tag == tag;
                named && entry.waits() && *id != asks
            })
            .map(|(id, _)| id)
    }

    /// The deadline of a call that waits for an answer.
    pub(crate) fn deadline(&self, id: CallId) -> Option<u64> {
        let entry = self.get(id).filter(|entry| entry.waits())?;
        (entry.deadline != NEVER).then_some(entry.deadline)
    }

    /// Every entry that was ever used.
    pub(crate) fn ids(&self) -> impl Iterator<Item = CallId> + use<> {
        (0..self.unused).map(CallId)
    }

    /// The entries that were ever used.
    fn used(&self) -> impl Iterator<Item = (CallId, &Entry)> {
        (0..self.unused)
            .zip(&self.entries)
            .map(|(index, entry)| (CallId(index), entry))
    }

    /// Takes a call out of a list; `false` where it is not in it.
    pub(crate) fn unlink(&mut self, list: &mut List, id: CallId) -> bool {
        let (mut before, mut place) = (None, list.first());
        while let Some(at) = place {
            let after = self.after(at);
            if at != id {
                (before, place) = (place, after);
                continue;
            }
            let link = after.map_or(Link(0), Link::to);
            match before.and_then(|before| self.get_mut(before)) {
                Some(before) => before.next = link,
                None => list.head = link,
            }
            if after.is_none() {
                list.tail = before.map_or(Link(0), Link::to);
            }
            list.length -= 1;
            return true;
        }
        false
    }

    /// The call after another one in its list.
    pub(crate) fn after(&self, id: CallId) -> Option<CallId> {
        self.get(id)?.next.id()
    }

    pub(crate) fn push(&mut self, list: &mut List, id: CallId) {
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        entry.next = Link(0);
        match list.tail.id().and_then(|tail| self.get_mut(tail)) {
            Some(tail) => tail.next = Link::to(id),
            None => list.head = Link::to(id),
        }
        list.tail = Link::to(id);
        list.length += 1;
    }

    pub(crate) fn pop(&mut self, list: &mut List) -> Option<CallId> {
        let id = list.first()?;
        list.head = self.get(id)?.next;
        list.length -= 1;
        if list.is_empty() {
            *list = List::EMPTY;
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use super::*;

    fn table() -> Box<CallTable> {
        Box::new(CallTable::new())
    }

    #[test]
    fn the_table_holds_what_it_says_and_no_more() {
        let mut table = table();
        let ids: [CallId; CALLS] =
            core::array::from_fn(|_| table.insert(Entry::FREE.syscall, Origin::Volume).unwrap());
        assert_eq!(table.insert(Entry::FREE.syscall, Origin::Volume), None);
        assert_eq!(table.live(), CALLS);
        let tag = table.tag(ids[7]);
        assert_eq!(table.lookup(tag), Some(ids[7]));
        table.remove(ids[7]);
        table.remove(ids[7]);
        assert_eq!((table.lookup(tag), table.live()), (None, CALLS - 1));
        let again = table.insert(Entry::FREE.syscall, Origin::Volume).unwrap();
        assert_eq!(again, ids[7]);
        assert_ne!(table.tag(again), tag);
        assert_eq!(table.lookup(tag), None);
    }

    #[test]
    fn invented_tags_name_nothing() {
        let mut table = table();
        let id = table
            .insert(Entry::FREE.syscall, Origin::Channel(0))
            .unwrap();
        let tag = table.tag(id);
        for invented in [
            0,
            u64::MAX,
            tag + 1,
            tag | 1 << 63,
            tag | 1 << 16,
            tag ^ 1 << 32,
        ] {
            assert_eq!(table.lookup(invented), None, "{invented:#x}");
        }
    }

    #[test]
    fn the_generation_leaves_the_answer_bit_alone() {
        let mut table = table();
        for (before, after) in [(0, 1), (0x7fff_fffe, 0x7fff_ffff), (0x7fff_ffff, 1)] {
            table.entries[0].generation = before;
            let id = table.insert(Entry::FREE.syscall, Origin::Volume).unwrap();
            assert_eq!(table.tag(id) >> 32, after);
            table.remove(id);
        }
    }

    #[test]
    fn a_list_keeps_order() {
        let mut table = table();
        let mut list = List::EMPTY;
        let ids: [CallId; 3] =
            core::array::from_fn(|_| table.insert(Entry::FREE.syscall, Origin::Volume).unwrap());
        for id in ids {
            table.push(&mut list, id);
        }
        assert_eq!(usize::from(list.length), 3);
        for id in ids {
            assert_eq!(table.pop(&mut list), Some(id));
        }
        assert_eq!(table.pop(&mut list), None);
        assert!(list.is_empty());
    }
}

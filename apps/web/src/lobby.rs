//! Where connections are on which nothing is done: those that wait for their clients, and those that wait for their turn.
//!
//! A connection that waits for its client costs an entry here, and no call, stack or block. Who looks for what clients have sent
//! [tells](Lobby::ready) it of a connection, or that [time has passed](Lobby::expire); who does what there is to do
//! [takes](Lobby::take) a connection, works on it until it waits for its client again, and [parks](Lobby::park) it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// Connections that may be known to have something before they are known.
const MOST_EARLY: usize = 1024;

/// Why a connection has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is something to receive, or its end.
    Ready,
    /// Its client has taken too long.
    Late,
}

/// A connection that waits for its client.
#[derive(Debug)]
struct Parked<C> {
    client: C,
    /// The time at which it is late.
    until: u64,
    /// When it was parked, as a number that grows; `None` where its client has begun something.
    idle: Option<u64>,
}

/// The connections, by the names of their sockets. Times are of any clock.
#[derive(Debug)]
pub struct Lobby<C> {
    parked: BTreeMap<u32, Parked<C>>,
    /// The parked ones by the time at which they are late.
    deadlines: BTreeSet<(u64, u32)>,
    /// Those whose clients have begun nothing, the one that waits longest first.
    idle: BTreeSet<(u64, u32)>,
    /// Those that somebody works on; whether something has come meanwhile.
    away: BTreeMap<u32, bool>,
    /// Sockets of which nobody has said yet that they are connections, at which there is something.
    early: BTreeSet<u32>,
    /// Those that wait for their turn.
    work: VecDeque<(u32, C, Why)>,
    parkings: u64,
}

impl<C> Default for Lobby<C> {
    fn default() -> Lobby<C> {
        Lobby {
            parked: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            idle: BTreeSet::new(),
            away: BTreeMap::new(),
            early: BTreeSet::new(),
            work: VecDeque::new(),
            parkings: 0,
        }
    }
}

impl<C> Lobby<C> {
    /// How many connections there are.
    pub fn len(&self) -> usize {
        // One that waits for its turn is away, too: something may come meanwhile.
        self.parked.len() + self.away.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any waits for its client, so that time has to be told.
    pub fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// A connection was accepted, and waits for its client until some time. Whether something has come already, so that it has its turn.
    pub fn admit(&mut self, id: u32, client: C, until: u64) -> bool {
        let has_something = self.early.remove(&id);
        self.away.insert(id, has_something);
        self.park(id, client, until, true)
    }

    /// A connection that was taken waits for its client again, until some time; `is_idle` says that its client has begun nothing, so that
    /// it may be ended where another one needs its place. Whether something has come meanwhile, so that it has its turn.
    pub fn park(&mut self, id: u32, client: C, until: u64, is_idle: bool) -> bool {
        match self.away.get_mut(&id) {
            Some(has_something) if *has_something => {
                *has_something = false;
                self.work.push_back((id, client, Why::Ready));
                true
            }
            Some(_) => {
                self.away.remove(&id);
                self.parkings += 1;
                let idle = is_idle.then_some(self.parkings);
                self.deadlines.insert((until, id));
                self.idle.extend(idle.map(|since| (since, id)));
                self.parked.insert(
                    id,
                    Parked {
                        client,
                        until,
                        idle,
                    },
                );
                false
            }
            // The lobby was cleared while somebody worked on it: its network is gone.
            None => false,
        }
    }

    /// There is something at a socket, of which nothing is told again until something was received. Whether a connection has its turn.
    pub fn ready(&mut self, id: u32) -> bool {
        if let Some(has_something) = self.away.get_mut(&id) {
            *has_something = true;
            return false;
        }
        if self.begin(id, Why::Ready) {
            return true;
        }
        if self.early.len() >= MOST_EARLY {
            // Most of them are of connections that have ended meanwhile.
            self.early.clear();
        }
        self.early.insert(id);
        false
    }

    /// It is that time: how many connections are late, and have their turn.
    pub fn expire(&mut self, now: u64) -> usize {
        let mut late = 0;
        while let Some(&(until, id)) = self.deadlines.first()
            && until <= now
        {
            late += usize::from(self.begin(id, Why::Late));
        }
        late
    }

    /// Has the one end that waits longest for its client to begin something. Whether there is one.
    pub fn evict(&mut self) -> bool {
        match self.idle.first() {
            Some(&(_, id)) => self.begin(id, Why::Late),
            None => false,
        }
    }

    /// A parked connection has its turn. Whether there is such a connection.
    fn begin(&mut self, id: u32, why: Why) -> bool {
        let Some(parked) = self.parked.remove(&id) else {
            return false;
        };
        self.deadlines.remove(&(parked.until, id));
        if let Some(since) = parked.idle {
            self.idle.remove(&(since, id));
        }
        self.away.insert(id, false);
        self.work.push_back((id, parked.client, why));
        true
    }

    /// The next connection that has its turn: to be parked again, or left.
    pub fn take(&mut self) -> Option<(u32, C, Why)> {
        self.work.pop_front()
    }

    /// A connection that was taken has ended. Whether it was one of those that there are.
    pub fn leave(&mut self, id: u32) -> bool {
        self.early.remove(&id);
        self.away.remove(&id).is_some()
    }

    /// All connections have ended, and may be dropped; those that somebody works on are not among them, and are of the lobby no more.
    pub fn clear(&mut self) -> Vec<C> {
        let emptied = core::mem::take(self);
        let waiting = emptied.work.into_iter().map(|(_, client, _)| client);
        let parked = emptied.parked.into_values().map(|it| it.client);
        waiting.chain(parked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the next one, which is that.
    fn take(lobby: &mut Lobby<&'static str>, id: u32, client: &'static str, why: Why) {
        assert_eq!(lobby.take(), Some((id, client, why)));
    }

    #[test]
    fn a_connection_has_its_turn_when_something_comes_whenever_that_is() {
        let mut lobby = Lobby::default();
        // Before it is known.
        assert!(!lobby.ready(1));
        assert!(lobby.admit(1, "a", 10));
        take(&mut lobby, 1, "a", Why::Ready);
        // While somebody works on it.
        assert!(!lobby.ready(1));
        assert!(lobby.park(1, "a", 10, true));
        take(&mut lobby, 1, "a", Why::Ready);
        assert!(!lobby.park(1, "a", 10, true));
        assert_eq!(lobby.take(), None);
        // While it waits, and while it waits for its turn.
        assert!(lobby.ready(1));
        assert!(!lobby.ready(1));
        take(&mut lobby, 1, "a", Why::Ready);
        assert!(lobby.park(1, "a", 10, true));
        take(&mut lobby, 1, "a", Why::Ready);
        assert_eq!(lobby.len(), 1);
        assert!(lobby.leave(1) && lobby.is_empty());
        // The next one with that name has nothing of it.
        assert!(!lobby.admit(1, "b", 10));
    }

    #[test]
    fn those_that_are_late_have_their_turn_in_order_and_once() {
        let mut lobby = Lobby::default();
        for (id, client, until) in [(1, "a", 30), (2, "b", 10), (3, "c", 20)] {
            assert!(!lobby.admit(id, client, until));
        }
        assert_eq!(lobby.expire(9), 0);
        assert_eq!(lobby.expire(20), 2);
        take(&mut lobby, 2, "b", Why::Late);
        take(&mut lobby, 3, "c", Why::Late);
        assert_eq!((lobby.expire(20), lobby.take()), (0, None));
        // What waits longer than before is late later.
        assert!(!lobby.park(2, "b", 40, false));
        assert_eq!(lobby.expire(30), 1);
        take(&mut lobby, 1, "a", Why::Late);
        assert_eq!(lobby.expire(40), 1);
    }

    #[test]
    fn the_one_that_waits_longest_for_a_request_makes_room() {
        let mut lobby = Lobby::default();
        for (id, client) in [(5, "a"), (4, "b"), (3, "c")] {
            lobby.admit(id, client, 100);
        }
        // This one has begun something.
        assert!(lobby.ready(5));
        take(&mut lobby, 5, "a", Why::Ready);
        lobby.park(5, "a", 90, false);
        for (id, client) in [(4, "b"), (3, "c")] {
            assert!(lobby.evict());
            take(&mut lobby, id, client, Why::Late);
        }
        assert!(!lobby.evict() && lobby.has_parked());
        assert_eq!(lobby.len(), 3);
    }

    #[test]
    fn what_is_parked_after_all_have_ended_is_gone() {
        let mut lobby = Lobby::default();
        for (id, client) in [(1, "a"), (2, "b"), (3, "c")] {
            lobby.admit(id, client, 10);
        }
        lobby.ready(1);
        lobby.ready(2);
        take(&mut lobby, 1, "a", Why::Ready);
        assert_eq!(lobby.clear(), ["b", "c"]);
        assert!(!lobby.park(1, "a", 10, true) && !lobby.leave(1));
        assert!(lobby.is_empty() && lobby.expire(99) == 0);
    }

    #[test]
    fn names_that_are_no_connections_do_not_add_up() {
        let mut lobby = Lobby::<()>::default();
        for id in 0..3 * MOST_EARLY as u32 {
            lobby.ready(id);
            assert!(lobby.early.len() <= MOST_EARLY);
        }
    }
}

//! What happens to a store.

use atoll_kv::session::{Budget, Session};
use atoll_kv::store::{Policy, Settings, Store};
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{self, BUDGET, request, send};

/// What time it is at first.
pub const NOW: u64 = 1_000_000_000_000;

/// A store with a calendar, whose changes are wanted.
pub fn settings(memory: usize) -> Settings {
    Settings {
        memory,
        has_calendar: true,
        keeps_changes: true,
        ..Settings::default()
    }
}

/// What happens to a store.
#[derive(Clone, Debug)]
pub enum Act {
    Ask(Vec<&'static str>),
    Together(Vec<Vec<&'static str>>),
    Wait(u64),
    Evict(Policy),
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "d", "e", "f"])
}

fn member() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1",
        "2",
        "x",
        "y",
        "z",
        "",
        "9",
        "2.5",
        "a long member, longer than what is kept in a list of few, which has sixty-four bytes",
    ])
}

fn number() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "0", "1", "-1", "2", "-2", "5", "0.1", "1e9", "-3.75", "inf",
    ])
}

fn time() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1",
        "50",
        "100",
        "-1",
        "1000",
        "1000000000100",
        "1000000001",
    ])
}

/// A command whose words are of these kinds: a key, a member, a number, a time, or themselves.
fn command() -> impl Strategy<Value = Vec<&'static str>> {
    const SHAPES: &[&str] = &[
        "set K M",
        "set K M nx",
        "set K M xx get",
        "set K M ex T",
        "set K M px T",
        "set K M pxat T",
        "set K M exat T",
        "set K M keepttl",
        "set K N",
        "setnx K M",
        "setex K T M",
        "psetex K T M",
        "getset K M",
        "getdel K",
        "getex K px T",
        "getex K pxat T",
        "getex K persist",
        "append K M",
        "setrange K 3 M",
        "incr K",
        "decr K",
        "incrby K N",
        "incrbyfloat K N",
        "mset K M K M",
        "msetnx K M K M",
        "del K K",
        "unlink K",
        "expire K T",
        "pexpire K T",
        "pexpire K T nx",
        "pexpire K T gt",
        "expireat K T",
        "pexpireat K T lt",
        "persist K",
        "rename K K",
        "renamenx K K",
        "copy K K",
        "copy K K replace",
        "lpush K M M",
        "rpush K M M M",
        "lpushx K M",
        "rpushx K M",
        "lpop K",
        "rpop K 2",
        "lset K N M",
        "ltrim K N N",
        "lrem K N M",
        "linsert K before M M",
        "lmove K K left right",
        "rpoplpush K K",
        "hset K M M M M",
        "hmset K M M",
        "hsetnx K M M",
        "hdel K M M",
        "hincrby K M N",
        "hincrbyfloat K M N",
        "sadd K M M M",
        "srem K M",
        "spop K",
        "spop K 2",
        "smove K K M",
        "sunionstore K K K",
        "sinterstore K K K",
        "sdiffstore K K K",
        "zadd K N M N M",
        "zadd K xx gt ch N M",
        "zadd K incr N M",
        "zincrby K N M",
        "zrem K M",
        "zpopmin K",
        "zpopmax K 2",
        "zremrangebyrank K N N",
        "zremrangebyscore K N N",
        "zunionstore K 2 K K",
        "zinterstore K 2 K K weights N 2",
        "flushall",
        "get K",
        "exists K",
        "srandmember K",
        "randomkey",
    ];
    prop::sample::select(SHAPES).prop_flat_map(|shape| {
        let words = shape.split(' ').map(|word| match word {
            "K" => key().boxed(),
            "M" => member().boxed(),
            "N" => number().boxed(),
            "T" => time().boxed(),
            word => Just(word).boxed(),
        });
        words.collect::<Vec<_>>()
    })
}

/// What happens, now and then in a transaction.
pub fn act() -> impl Strategy<Value = Act> {
    let policy = prop::sample::select(vec![
        Policy::NoEviction,
        Policy::AllLru,
        Policy::VolatileLru,
        Policy::AllRandom,
        Policy::VolatileRandom,
        Policy::VolatileTtl,
    ]);
    prop_oneof![
        30 => command().prop_map(Act::Ask),
        3 => vec(command(), 0..4).prop_map(Act::Together),
        4 => (0..200u64).prop_map(Act::Wait),
        1 => policy.prop_map(Act::Evict),
    ]
}

/// A store and a client of it.
pub struct World {
    pub store: Store,
    session: Session,
    budget: Budget,
    pub now: u64,
}

impl World {
    pub fn new(memory: usize) -> World {
        let store = support::store(settings(memory));
        store.set_time(NOW);
        World {
            store,
            session: Session::default(),
            budget: Budget::new(BUDGET),
            now: NOW,
        }
    }

    pub fn ask(&mut self, words: &[&str]) -> Vec<u8> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let request = request(&words);
        send(&mut self.session, &self.store, &self.budget, &request).0
    }

    /// What it leaves behind.
    pub fn act(&mut self, act: &Act) -> Vec<u8> {
        self.answer(act).1
    }

    /// What is answered, and what it leaves behind.
    pub fn answer(&mut self, act: &Act) -> (Vec<u8>, Vec<u8>) {
        let mut answer = Vec::new();
        match act {
            Act::Ask(words) => answer = self.ask(words),
            Act::Together(all) => {
                self.ask(&["MULTI"]);
                all.iter().for_each(|words| drop(self.ask(words)));
                assert_eq!(self.store.changes_len(), 0, "nothing is done before EXEC");
                answer = self.ask(&["EXEC"]);
            }
            Act::Wait(time) => {
                self.now += time;
                self.store.set_time(self.now);
            }
            Act::Evict(policy) => self.store.set_policy(*policy),
        }
        (answer, self.store.take_changes())
    }
}

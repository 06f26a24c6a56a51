//! All commands by name.

use super::*;

/// It changes something.
pub(super) const WRITES: u16 = 1;
/// It may take more memory.
pub(super) const TAKES_ROOM: u16 = 2;
/// It is not queued in a transaction.
pub(super) const ENDS_TRANSACTION: u16 = 4;
/// It ends the connection or the program.
pub(super) const ENDS: u16 = 8;
/// It takes the same time whatever there is.
pub(super) const FAST: u16 = 16;
/// It looks at no key, and at nothing that depends on keys.
pub(super) const KEYLESS: u16 = 32;
/// It has a number of keys, and behind that these keys.
pub(super) const COUNTS_KEYS: u16 = 64;
/// It has to do with what the client watches, and not with other keys.
pub(super) const WATCHED: u16 = 128;
/// It executes what is queued.
pub(super) const EXECUTES: u16 = 256;

const R: u16 = 0;
const W: u16 = WRITES;
const M: u16 = WRITES | TAKES_ROOM;

/// Of what a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    String,
    List,
    Hash,
    Set,
    Sorted,
    Generic,
    Server,
    Connection,
    Transactions,
}

use Group::*;

/// A command.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Words, with the name; where it is negative, at least so many.
    pub(super) arity: i32,
    flags: u16,
    /// The first key, the last one (counted from the end where it is negative), and how far they are from each other.
    pub(super) keys: (i32, i32, i32),
    pub(super) group: Group,
    pub(super) action: Action,
}

impl Command {
    /// Whether it may have so many words.
    pub(super) fn takes(&self, count: usize) -> bool {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        count == self.arity || self.arity < 0 && count >= -self.arity
    }

    /// Whether it has a flag.
    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

const fn of(
    name: &'static str,
    arity: i32,
    flags: u16,
    keys: (i32, i32, i32),
    group: Group,
    action: Action,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys,
        group,
        action,
    }
}

/// No keys, one, two, and all words.
const NONE: (i32, i32, i32) = (0, 0, 0);
const ONE: (i32, i32, i32) = (1, 1, 1);
const TWO: (i32, i32, i32) = (1, 2, 1);
const ALL: (i32, i32, i32) = (1, -1, 1);
const PAIRS: (i32, i32, i32) = (1, -1, 2);

/// All commands.
#[rustfmt::skip]
pub(super) static COMMANDS: &[Command] = &[
    of("append", 3, M | FAST, ONE, String, strings::append),
    of("decr", 2, M | FAST, ONE, String, counters::decrement),
    of("decrby", 3, M | FAST, ONE, String, counters::decrement_by),
    of("get", 2, R | FAST, ONE, String, strings::get),
    of("getdel", 2, W | FAST, ONE, String, strings::get_and_delete),
    of("getex", -2, W | FAST, ONE, String, strings_many::get_and_expire),
    of("getrange", 4, R, ONE, String, strings::range),
    of("getset", 3, M | FAST, ONE, String, strings::get_and_set),
    of("incr", 2, M | FAST, ONE, String, counters::increment),
    of("incrby", 3, M | FAST, ONE, String, counters::increment_by),
    of("incrbyfloat", 3, M | FAST, ONE, String, counters::increment_by_float),
    of("mget", -2, R | FAST, ALL, String, strings_many::get_many),
    of("mset", -3, M, PAIRS, String, strings_many::set_many),
    of("msetnx", -3, M, PAIRS, String, strings_many::set_many_new),
    of("psetex", 4, M, ONE, String, strings::set_for_milliseconds),
    of("set", -3, M, ONE, String, strings::set),
    of("setex", 4, M, ONE, String, strings::set_for_seconds),
    of("setnx", 3, M | FAST, ONE, String, strings::set_new),
    of("setrange", 4, M, ONE, String, strings::set_range),
    of("strlen", 2, R | FAST, ONE, String, strings::length),
    of("substr", 4, R, ONE, String, strings::range),
    of("copy", -3, M, TWO, Generic, keys::copy),
    of("del", -2, W, ALL, Generic, keys::delete),
    of("exists", -2, R | FAST, ALL, Generic, keys::exist),
    of("expire", -3, W | FAST, ONE, Generic, expiry::expire),
    of("expireat", -3, W | FAST, ONE, Generic, expiry::expire_at),
    of("expiretime", 2, R | FAST, ONE, Generic, expiry::time),
    of("keys", 2, R, NONE, Generic, scan::keys),
    of("object", -2, R, (2, 2, 1), Generic, keys::object),
    of("persist", 2, W | FAST, ONE, Generic, expiry::persist),
    of("pexpire", -3, W | FAST, ONE, Generic, expiry::expire_milliseconds),
    of("pexpireat", -3, W | FAST, ONE, Generic, expiry::expire_at_milliseconds),
    of("pexpiretime", 2, R | FAST, ONE, Generic, expiry::time_milliseconds),
    of("pttl", 2, R | FAST, ONE, Generic, expiry::left_milliseconds),
    of("randomkey", 1, R, NONE, Generic, keys::random),
    of("rename", 3, W, TWO, Generic, keys::rename),
    of("renamenx", 3, W | FAST, TWO, Generic, keys::rename_new),
    of("scan", -2, R, NONE, Generic, scan::scan),
    of("touch", -2, R | FAST, ALL, Generic, keys::exist),
    of("ttl", 2, R | FAST, ONE, Generic, expiry::left),
    of("type", 2, R | FAST, ONE, Generic, keys::kind),
    of("unlink", -2, W | FAST, ALL, Generic, keys::delete),
    of("wait", 3, R | KEYLESS, NONE, Generic, server::wait),
    of("lindex", 3, R, ONE, List, lists::index),
    of("linsert", 5, M, ONE, List, lists_inside::insert),
    of("llen", 2, R | FAST, ONE, List, lists::length),
    of("lmove", 5, M, TWO, List, lists_inside::shift),
    of("lpop", -2, W | FAST, ONE, List, lists::pop_left),
    of("lpos", -3, R, ONE, List, lists_inside::position),
    of("lpush", -3, M | FAST, ONE, List, lists::push_left),
    of("lpushx", -3, M | FAST, ONE, List, lists::push_left_old),
    of("lrange", 4, R, ONE, List, lists::range),
    of("lrem", 4, W, ONE, List, lists_inside::remove),
    of("lset", 4, M, ONE, List, lists_inside::set),
    of("ltrim", 4, W, ONE, List, lists_inside::trim),
    of("rpop", -2, W | FAST, ONE, List, lists::pop_right),
    of("rpoplpush", 3, M, TWO, List, lists_inside::shift_right_left),
    of("rpush", -3, M | FAST, ONE, List, lists::push_right),
    of("rpushx", -3, M | FAST, ONE, List, lists::push_right_old),
    of("hdel", -3, W | FAST, ONE, Hash, hashes::delete),
    of("hexists", 3, R | FAST, ONE, Hash, hashes::exists),
    of("hget", 3, R | FAST, ONE, Hash, hashes::get),
    of("hgetall", 2, R, ONE, Hash, hashes::all),
    of("hincrby", 4, M | FAST, ONE, Hash, hashes::increment),
    of("hincrbyfloat", 4, M | FAST, ONE, Hash, hashes::increment_float),
    of("hkeys", 2, R, ONE, Hash, hashes::names),
    of("hlen", 2, R | FAST, ONE, Hash, hashes::length),
    of("hmget", -3, R | FAST, ONE, Hash, hashes::get_many),
    of("hmset", -4, M | FAST, ONE, Hash, hashes::set_many),
    of("hrandfield", -2, R, ONE, Hash, hashes::random),
    of("hscan", -3, R, ONE, Hash, scan::hash),
    of("hset", -4, M | FAST, ONE, Hash, hashes::set),
    of("hsetnx", 4, M | FAST, ONE, Hash, hashes::set_new),
    of("hstrlen", 3, R | FAST, ONE, Hash, hashes::length_of),
    of("hvals", 2, R, ONE, Hash, hashes::values),
    of("sadd", -3, M | FAST, ONE, Set, sets::add),
    of("scard", 2, R | FAST, ONE, Set, sets::length),
    of("sdiff", -2, R, ALL, Set, set_algebra::difference),
    of("sdiffstore", -3, M, ALL, Set, set_algebra::store_difference),
    of("sinter", -2, R, ALL, Set, set_algebra::intersection),
    of("sintercard", -3, R | COUNTS_KEYS, NONE, Set, set_algebra::count_intersection),
    of("sinterstore", -3, M, ALL, Set, set_algebra::store_intersection),
    of("sismember", 3, R | FAST, ONE, Set, sets::has),
    of("smembers", 2, R, ONE, Set, sets::all),
    of("smismember", -3, R | FAST, ONE, Set, sets::has_many),
    of("smove", 4, M | FAST, TWO, Set, sets::shift),
    of("spop", -2, W | FAST, ONE, Set, sets::pop),
    of("srandmember", -2, R, ONE, Set, sets::random),
    of("srem", -3, W | FAST, ONE, Set, sets::remove),
    of("sscan", -3, R, ONE, Set, scan::set),
    of("sunion", -2, R, ALL, Set, set_algebra::union),
    of("sunionstore", -3, M, ALL, Set, set_algebra::store_union),
    of("zadd", -4, M | FAST, ONE, Sorted, sorted_add::add),
    of("zcard", 2, R | FAST, ONE, Sorted, sorted::length),
    of("zcount", 4, R | FAST, ONE, Sorted, sorted_range::count),
    of("zincrby", 4, M | FAST, ONE, Sorted, sorted_add::increment),
    of("zinterstore", -4, M | COUNTS_KEYS, ONE, Sorted, sorted_algebra::store_intersection),
    of("zlexcount", 4, R | FAST, ONE, Sorted, sorted_range::count_names),
    of("zmscore", -3, R | FAST, ONE, Sorted, sorted::scores),
    of("zpopmax", -2, W | FAST, ONE, Sorted, sorted::pop_last),
    of("zpopmin", -2, W | FAST, ONE, Sorted, sorted::pop_first),
    of("zrange", -4, R, ONE, Sorted, sorted_range::range),
    of("zrangebylex", -4, R, ONE, Sorted, sorted_range::by_name),
    of("zrangebyscore", -4, R, ONE, Sorted, sorted_range::by_score),
    of("zrank", 3, R | FAST, ONE, Sorted, sorted::rank),
    of("zrem", -3, W | FAST, ONE, Sorted, sorted::remove),
    of("zremrangebylex", 4, W, ONE, Sorted, sorted_range::remove_by_name),
    of("zremrangebyrank", 4, W, ONE, Sorted, sorted_range::remove_by_rank),
    of("zremrangebyscore", 4, W, ONE, Sorted, sorted_range::remove_by_score),
    of("zrevrange", -4, R, ONE, Sorted, sorted_range::range_back),
    of("zrevrangebylex", -4, R, ONE, Sorted, sorted_range::by_name_back),
    of("zrevrangebyscore", -4, R, ONE, Sorted, sorted_range::by_score_back),
    of("zrevrank", 3, R | FAST, ONE, Sorted, sorted::rank_back),
    of("zscan", -3, R, ONE, Sorted, scan::sorted),
    of("zscore", 3, R | FAST, ONE, Sorted, sorted::score),
    of("zunionstore", -4, M | COUNTS_KEYS, ONE, Sorted, sorted_algebra::store_union),
    of("command", -1, R | KEYLESS, NONE, Server, server::command),
    of("config", -2, R, NONE, Server, config::config),
    of("dbsize", 1, R | FAST, NONE, Server, server::size),
    of("flushall", -1, W, NONE, Server, server::clear),
    of("flushdb", -1, W, NONE, Server, server::clear),
    of("info", -1, R, NONE, Server, info::info),
    of("lastsave", 1, R | FAST | KEYLESS, NONE, Server, server::last_save),
    of("memory", -2, R, NONE, Server, server::memory),
    of("shutdown", -1, ENDS | KEYLESS, NONE, Server, server::shutdown),
    of("time", 1, R | FAST | KEYLESS, NONE, Server, server::time),
    of("auth", -2, R | FAST | KEYLESS, NONE, Connection, connection::auth),
    of("client", -2, R | KEYLESS, NONE, Connection, connection::client),
    of("echo", 2, R | FAST | KEYLESS, NONE, Connection, connection::echo),
    of("hello", -1, R | FAST | KEYLESS, NONE, Connection, connection::hello),
    of("ping", -1, R | FAST | KEYLESS, NONE, Connection, connection::ping),
    of("quit", -1, ENDS | ENDS_TRANSACTION | FAST | KEYLESS, NONE, Connection, connection::quit),
    of("reset", 1, ENDS_TRANSACTION | FAST | WATCHED, NONE, Connection, connection::reset),
    of("select", 2, R | FAST | KEYLESS, NONE, Connection, connection::select),
    of("discard", 1, ENDS_TRANSACTION | FAST | WATCHED, NONE, Transactions, transaction::discard),
    of("exec", 1, ENDS_TRANSACTION | WATCHED | EXECUTES, NONE, Transactions, transaction::exec),
    of("multi", 1, ENDS_TRANSACTION | FAST | KEYLESS, NONE, Transactions, transaction::multi),
    of("unwatch", 1, R | FAST | WATCHED, NONE, Transactions, transaction::unwatch),
    of("watch", -2, ENDS_TRANSACTION | FAST, ALL, Transactions, transaction::watch),
];

/// Places of the table of hashes: four times as many as commands, about, so that most names are found at once.
const PLACES: usize = 1024;

const fn place(mut name: &[u8]) -> usize {
    let mut hash = 0u32;
    while let [byte, rest @ ..] = name {
        // Letters of either case are the same.
        hash = (hash ^ (*byte | 0x20) as u32).wrapping_mul(0x0100_0193);
        name = rest;
    }
    (hash >> 16) as usize % PLACES
}

/// For each place the number of the command there, counted from 1; one whose place is taken has the next one that is free.
#[allow(clippy::indexing_slicing)] // What is out of range in a constant is an error of the compiler.
static TABLE: [u8; PLACES] = {
    let mut table = [0; PLACES];
    let mut number = 0;
    while number < COMMANDS.len() {
        let mut at = place(COMMANDS[number].name.as_bytes());
        while table[at] != 0 {
            at = (at + 1) % PLACES;
        }
        table[at] = number as u8 + 1;
        number += 1;
    }
    table
};

const _: () = assert!(COMMANDS.len() < 255);

/// Bytes of a name at most.
const LONGEST: usize = 24;

/// The command of a name, in letters of either case.
pub(super) fn find(name: &[u8]) -> Option<&'static Command> {
    if name.len() > LONGEST {
        return None;
    }
    let mut at = place(name);
    loop {
        let number = usize::from(*TABLE.get(at)?);
        let command = COMMANDS.get(number.checked_sub(1)?)?;
        if name.eq_ignore_ascii_case(command.name.as_bytes()) {
            return Some(command);
        }
        at = (at + 1) % PLACES;
    }
}

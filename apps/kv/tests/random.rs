//! The protocol against any bytes, and requests in any pieces.

mod support;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::Settings;
use proptest::collection::vec;
use proptest::prelude::*;
use support::{read_all, request, send};

/// Names of commands, and words that mean something to some of them.
const WORDS: &[&str] = &[
    "append",
    "bitcount",
    "client",
    "command",
    "config",
    "copy",
    "dbsize",
    "decr",
    "del",
    "discard",
    "shutdown",
    "echo",
    "exec",
    "exists",
    "expire",
    "flushall",
    "get",
    "getdel",
    "getex",
    "getrange",
    "getset",
    "hdel",
    "hello",
    "hget",
    "hgetall",
    "hincrby",
    "hincrbyfloat",
    "hmget",
    "hrandfield",
    "hscan",
    "hset",
    "hvals",
    "incr",
    "incrbyfloat",
    "info",
    "keys",
    "lindex",
    "linsert",
    "lmove",
    "lpop",
    "lpos",
    "lpush",
    "lrange",
    "lrem",
    "lset",
    "ltrim",
    "mget",
    "memory",
    "mset",
    "msetnx",
    "multi",
    "object",
    "persist",
    "pexpire",
    "ping",
    "randomkey",
    "rename",
    "reset",
    "rpop",
    "rpoplpush",
    "rpush",
    "sadd",
    "scan",
    "scard",
    "sdiff",
    "sdiffstore",
    "set",
    "setrange",
    "sinter",
    "sintercard",
    "sismember",
    "smembers",
    "smove",
    "spop",
    "srandmember",
    "srem",
    "sscan",
    "sunion",
    "sunionstore",
    "time",
    "touch",
    "ttl",
    "type",
    "unwatch",
    "wait",
    "watch",
    "zadd",
    "zcount",
    "zincrby",
    "zmscore",
    "zpopmax",
    "zpopmin",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrank",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrange",
    "zrevrank",
    "zscan",
    "zscore",
    "a",
    "a",
    "b",
    "b",
    "c",
    "c",
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "-2",
    "1.5",
    "(1",
    "[a",
    "-",
    "+",
    "inf",
    "-inf",
    "nan",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "nx",
    "xx",
    "gt",
    "lt",
    "ch",
    "ex",
    "px",
    "exat",
    "pxat",
    "keepttl",
    "withscores",
    "withvalues",
    "byscore",
    "bylex",
    "rev",
    "limit",
    "match",
    "count",
    "*",
    "[^",
    "\\\\",
    "before",
    "left",
    "right",
    "rank",
    "maxlen",
    "usage",
    "encoding",
    "docs",
    "set",
    "maxmemory",
    "maxmemory-policy",
    "allkeys-lru",
    "list",
    "auth",
    "default",
    "setname",
    "replace",
];

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..100),
    ]
}

/// Requests that make sense now and then.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    vec(vec(word(), 1..7), 0..60).prop_map(|all| {
        let bytes = all.iter().map(|words| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            request(&words)
        });
        bytes.collect::<Vec<_>>().concat()
    })
}

/// What one client is answered that sends some bytes in pieces of these sizes, one after the other and again from the first one on.
fn answers(bytes: &[u8], sizes: &[usize], memory: usize) -> Vec<u8> {
    let store = support::store(Settings {
        memory,
        ..Settings::default()
    });
    store.set_time(1000);
    let budget = Budget::new(1 << 20);
    let mut session = Session::default();
    let (mut answers, mut rest) = (Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        let (answer, goes_on) = send(&mut session, &store, &budget, piece);
        answers.extend(answer);
        rest = behind;
        if !goes_on || rest.is_empty() {
            break;
        }
    }
    assert!(session.end(&store, &budget));
    assert_eq!(budget.used(), 0, "a client that is gone has nothing");
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_answered_with_whole_answers(
        pieces in vec(vec(prop_oneof![
            3 => any::<u8>(),
            2 => prop::sample::select(b"*$\r\n0123-\"' ".to_vec()),
        ], 0..40), 0..20),
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let store = support::store(Settings { memory: 1 << 16, ..Settings::default() });
        let mut session = Session::default();
        let budget = Budget::new(1 << 16);
        let mut answer = Vec::new();
        'client: for piece in pieces {
            session.received(&budget, &piece);
            loop {
                match session.step(&store, &budget, &mut answer) {
                    Outcome::Answered => {}
                    Outcome::Needs => break,
                    Outcome::Ends | Outcome::Stops | Outcome::Waits => break 'client,
                }
            }
        }
        prop_assert!(read_all(&answer).is_some(), "{}", answer.escape_ascii());
        assert!(session.end(&store, &budget));
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn requests_are_answered_with_whole_answers_however_they_are_cut(
        bytes in requests(),
        sizes in vec(1..200usize, 1..10),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        memory in prop_oneof![Just(1 << 20), 0..4000usize],
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let whole = answers(&bytes, &[usize::MAX], memory);
        prop_assert!(read_all(&whole).is_some(), "{}", whole.escape_ascii());
        prop_assert!(answers(&bytes, &sizes, memory) == whole);
        prop_assert!(answers(&bytes, &[1], memory) == whole);
        // The same with a byte that is another one.
        let mut bytes = bytes;
        if !bytes.is_empty() {
            let place = cut.index(bytes.len());
            bytes[place] = byte;
            let whole = answers(&bytes, &[usize::MAX], memory);
            prop_assert!(read_all(&whole).is_some(), "{}", whole.escape_ascii());
            prop_assert!(answers(&bytes, &sizes, memory) == whole);
        }
    }
}

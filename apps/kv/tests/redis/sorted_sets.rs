//! Sorted sets.

use super::dialogue;

#[test]
fn sorted_sets() {
    dialogue(&[
        ("ZADD z 1 a 2 b 3 c", ":3"),
        ("ZADD z 1 a 4 d", ":1"),
        ("ZADD z CH 2 a 5 e", ":2"),
        ("ZADD z NX 9 a 6 f", ":1"),
        ("ZADD z XX 1 a 7 g", ":0"),
        ("ZADD z GT CH 0 a", ":0"),
        ("ZADD z LT CH 0.5 a", ":1"),
        ("ZADD z INCR 1.5 a", "$1\n2"),
        ("ZADD z NX INCR 1 a", "$-1"),
        ("ZADD z XX INCR 1 none", "$-1"),
        (
            "ZADD z NX XX 1 a",
            "-ERR XX and NX options at the same time are not compatible",
        ),
        (
            "ZADD z GT LT 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible",
        ),
        (
            "ZADD z INCR 1 a 2 b",
            "-ERR INCR option supports a single increment-element pair",
        ),
        ("ZADD z x a", "-ERR value is not a valid float"),
        (
            "ZADD z 1",
            "-ERR wrong number of arguments for 'zadd' command",
        ),
        ("ZADD z nan a", "-ERR value is not a valid float"),
        ("ZADD none XX 1 a", ":0"),
        ("ZCARD z", ":6"),
        ("ZSCORE z a", "$1\n2"),
        ("ZSCORE z none", "$-1"),
        ("ZMSCORE z a none", "*2\n$1\n2\n$-1"),
        ("ZINCRBY z 0.1 a", "$18\n2.1000000000000001"),
        ("ZINCRBY z inf i", "$3\ninf"),
        (
            "ZINCRBY z -inf i",
            "-ERR resulting score is not a number (NaN)",
        ),
        ("ZREM z i", ":1"),
        ("ZRANK z a", ":1"),
        ("ZREVRANK z a", ":4"),
        ("ZRANK z none", "$-1"),
        ("ZCOUNT z 2 4", ":4"),
        ("ZCOUNT z (2 (4", ":2"),
        ("ZCOUNT z -inf +inf", ":6"),
        ("ZCOUNT z x 4", "-ERR min or max is not a float"),
        (
            "ZRANGE z 0 -1",
            "*6\n$1\nb\n$1\na\n$1\nc\n$1\nd\n$1\ne\n$1\nf",
        ),
        (
            "ZRANGE z 0 1 WITHSCORES",
            "*4\n$1\nb\n$1\n2\n$1\na\n$18\n2.1000000000000001",
        ),
        ("ZRANGE z 0 1 REV", "*2\n$1\nf\n$1\ne"),
        ("ZRANGE z 2 4 BYSCORE", "*4\n$1\nb\n$1\na\n$1\nc\n$1\nd"),
        ("ZRANGE z (2 4 BYSCORE LIMIT 1 1", "*1\n$1\nc"),
        (
            "ZRANGE z 4 2 BYSCORE REV WITHSCORES",
            "*8\n$1\nd\n$1\n4\n$1\nc\n$1\n3\n$1\na\n$18\n2.1000000000000001\n$1\nb\n$1\n2",
        ),
        (
            "ZRANGE z 0 1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
        (
            "ZRANGE z a b",
            "-ERR value is not an integer or out of range",
        ),
        ("ZRANGE none 0 -1", "*0"),
        (
            "ZREVRANGE z 0 1 WITHSCORES",
            "*4\n$1\nf\n$1\n6\n$1\ne\n$1\n5",
        ),
        ("ZRANGEBYSCORE z 2 4 LIMIT 0 1", "*1\n$1\nb"),
        ("ZRANGEBYSCORE z 2 4 LIMIT -1 1", "*0"),
        ("ZRANGEBYSCORE z 2 4 LIMIT 1 -1", "*3\n$1\na\n$1\nc\n$1\nd"),
        ("ZREVRANGEBYSCORE z 4 2", "*4\n$1\nd\n$1\nc\n$1\na\n$1\nb"),
        ("ZADD n 0 a 0 b 0 c 0 d", ":4"),
        ("ZRANGEBYLEX n - +", "*4\n$1\na\n$1\nb\n$1\nc\n$1\nd"),
        ("ZRANGEBYLEX n [b (d", "*2\n$1\nb\n$1\nc"),
        ("ZREVRANGEBYLEX n + (b", "*2\n$1\nd\n$1\nc"),
        ("ZRANGE n [b + BYLEX LIMIT 1 1", "*1\n$1\nc"),
        (
            "ZRANGE n - + BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ),
        (
            "ZRANGE n b + BYLEX",
            "-ERR min or max not valid string range item",
        ),
        ("ZLEXCOUNT n [b [c", ":2"),
        ("ZREMRANGEBYLEX n [b [c", ":2"),
        ("ZPOPMIN n", "*2\n$1\na\n$1\n0"),
        ("ZPOPMAX n 5", "*2\n$1\nd\n$1\n0"),
        ("ZPOPMIN n", "*0"),
        ("ZPOPMIN none 3", "*0"),
        (
            "ZPOPMIN z -1",
            "-ERR value is out of range, must be positive",
        ),
        ("ZREMRANGEBYRANK z 0 1", ":2"),
        ("ZREMRANGEBYSCORE z 4 5", ":2"),
        ("ZREM z a b", ":0"),
        ("ZSCAN z 0", "*2\n$1\n0\n*4\n$1\nc\n$1\n3\n$1\nf\n$1\n6"),
        (
            "ZADD big 1e20 a 1e17 b 0.1 c 1e-5 d -inf e 123456789.125 f",
            ":6",
        ),
        (
            "ZRANGE big 0 -1 WITHSCORES",
            "*12\n$1\ne\n$4\n-inf\n$1\nd\n$22\n1.0000000000000001e-05\n$1\nc\n$19\n0.10000000000000001\n$1\nf\n$13\n123456789.125\n$1\nb\n$5\n1e+17\n$1\na\n$5\n1e+20",
        ),
        ("SET s 1", "+OK"),
        (
            "ZADD s 1 a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "ZSCORE s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "ZRANGE s 0 -1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("OBJECT ENCODING z", "$8\nlistpack"),
    ]);
}

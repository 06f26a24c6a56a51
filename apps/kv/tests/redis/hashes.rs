//! Hashes.

use super::dialogue;

#[test]
fn hashes() {
    dialogue(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3 c 4", ":1"),
        (
            "HSET h a",
            "-ERR wrong number of arguments for 'hset' command",
        ),
        (
            "HSET h a 1 b",
            "-ERR wrong number of arguments for 'hset' command",
        ),
        ("HMSET h d 5", "+OK"),
        ("HSETNX h a 9", ":0"),
        ("HSETNX h e 9", ":1"),
        ("HGET h a", "$1\n3"),
        ("HGET h none", "$-1"),
        ("HGET none a", "$-1"),
        ("HMGET h a none c", "*3\n$1\n3\n$-1\n$1\n4"),
        ("HMGET none a", "*1\n$-1"),
        (
            "HGETALL h",
            "*10\n$1\na\n$1\n3\n$1\nb\n$1\n2\n$1\nc\n$1\n4\n$1\nd\n$1\n5\n$1\ne\n$1\n9",
        ),
        ("HGETALL none", "*0"),
        ("HKEYS h", "*5\n$1\na\n$1\nb\n$1\nc\n$1\nd\n$1\ne"),
        ("HVALS h", "*5\n$1\n3\n$1\n2\n$1\n4\n$1\n5\n$1\n9"),
        ("HLEN h", ":5"),
        ("HLEN none", ":0"),
        ("HSTRLEN h e", ":1"),
        ("HSTRLEN h none", ":0"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h none", ":0"),
        ("HINCRBY h a 5", ":8"),
        (
            "HINCRBY h a x",
            "-ERR value is not an integer or out of range",
        ),
        ("HINCRBY h n -1", ":-1"),
        ("HINCRBYFLOAT h a 0.5", "$3\n8.5"),
        ("HINCRBY h a 1", "-ERR hash value is not an integer"),
        ("HSET h t text", ":1"),
        ("HINCRBY h t 1", "-ERR hash value is not an integer"),
        ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h a text", "-ERR value is not a valid float"),
        ("HSET h t 9223372036854775807", ":0"),
        (
            "HINCRBY h t 1",
            "-ERR increment or decrement would overflow",
        ),
        ("HRANDFIELD none", "$-1"),
        ("HRANDFIELD none 5", "*0"),
        ("HRANDFIELD h 0", "*0"),
        ("HRANDFIELD h 1 WITH", "-ERR syntax error"),
        ("HSCAN h 0 MATCH a", "*2\n$1\n0\n*2\n$1\na\n$3\n8.5"),
        ("HSCAN none 0", "*2\n$1\n0\n*0"),
        ("HSCAN h x", "-ERR invalid cursor"),
        ("HDEL h a b c none", ":3"),
        ("HDEL none a", ":0"),
        ("HDEL h d e n t", ":4"),
        ("EXISTS h", ":0"),
        ("SET s 1", "+OK"),
        (
            "HSET s a 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "HGET s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "HGETALL s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "HINCRBY s a 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

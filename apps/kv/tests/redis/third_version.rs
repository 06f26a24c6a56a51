//! The third version of the protocol.

use super::dialogue;

#[test]
fn third_version() {
    dialogue(&[
        ("SET s text", "+OK"),
        ("HSET h f v", ":1"),
        ("SADD t 1", ":1"),
        ("ZADD z 1.5 m 2 n", ":2"),
        (
            "HELLO 3 SETNAME me",
            "%7\n$6\nserver\n$5\nredis\n$7\nversion\n$6\n7.0.15\n$5\nproto\n:3\n$2\nid\n:1\n$4\nmode\n$10\nstandalone\n$4\nrole\n$6\nmaster\n$7\nmodules\n*0",
        ),
        ("CLIENT GETNAME", "$2\nme"),
        ("GET none", "_"),
        ("GET s", "$4\ntext"),
        ("HGETALL h", "%1\n$1\nf\n$1\nv"),
        ("SMEMBERS t", "~1\n$1\n1"),
        ("ZSCORE z m", ",1.5"),
        ("ZSCORE z none", "_"),
        (
            "ZRANGE z 0 -1 WITHSCORES",
            "*2\n*2\n$1\nm\n,1.5\n*2\n$1\nn\n,2",
        ),
        ("ZRANGE z 0 -1", "*2\n$1\nm\n$1\nn"),
        ("ZPOPMIN z", "*2\n$1\nm\n,1.5"),
        ("ZPOPMAX z 1", "*1\n*2\n$1\nn\n,2"),
        ("ZINCRBY z 1 m", ",1"),
        ("ZADD z INCR inf m", ",inf"),
        ("LPOP none", "_"),
        ("LPOP none 1", "_"),
        ("SPOP t 1", "~1\n$1\n1"),
        ("HRANDFIELD h 1 WITHVALUES", "*1\n*2\n$1\nf\n$1\nv"),
        ("SISMEMBER t 1", ":0"),
        (
            "CONFIG GET maxmemory-policy",
            "%1\n$16\nmaxmemory-policy\n$10\nnoeviction",
        ),
        ("MULTI", "+OK"),
        ("WATCH x", "-ERR WATCH inside MULTI is not allowed"),
        ("DISCARD", "+OK"),
        ("WATCH s", "+OK"),
        ("SET s 2", "+OK"),
        ("MULTI", "+OK"),
        ("PING", "+QUEUED"),
        ("EXEC", "_"),
        ("RESET", "+RESET"),
        ("GET none", "$-1"),
    ]);
}

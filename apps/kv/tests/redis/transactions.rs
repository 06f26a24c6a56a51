//! Transactions.

use super::dialogue;

#[test]
fn transactions() {
    dialogue(&[
        ("MULTI", "+OK"),
        ("SET a 1", "+QUEUED"),
        ("INCR a", "+QUEUED"),
        ("LPUSH a x", "+QUEUED"),
        ("GET a", "+QUEUED"),
        (
            "EXEC",
            "*4\n+OK\n:2\n-WRONGTYPE Operation against a key holding the wrong kind of value\n$1\n2",
        ),
        ("EXEC", "-ERR EXEC without MULTI"),
        ("DISCARD", "-ERR DISCARD without MULTI"),
        ("MULTI", "+OK"),
        ("MULTI", "-ERR MULTI calls can not be nested"),
        ("WATCH a", "-ERR WATCH inside MULTI is not allowed"),
        ("SET a 5", "+QUEUED"),
        ("DISCARD", "+OK"),
        ("GET a", "$1\n2"),
        ("MULTI", "+OK"),
        ("SET a", "-ERR wrong number of arguments for 'set' command"),
        ("SET a 9", "+QUEUED"),
        (
            "EXEC",
            "-EXECABORT Transaction discarded because of previous errors.",
        ),
        ("GET a", "$1\n2"),
        ("MULTI", "+OK"),
        (
            "NOTHING a",
            "-ERR unknown command 'NOTHING', with args beginning with: 'a' ",
        ),
        (
            "EXEC",
            "-EXECABORT Transaction discarded because of previous errors.",
        ),
        ("WATCH a b", "+OK"),
        ("SET a 3", "+OK"),
        ("MULTI", "+OK"),
        ("GET a", "+QUEUED"),
        ("EXEC", "*-1"),
        ("WATCH a", "+OK"),
        ("UNWATCH", "+OK"),
        ("SET a 4", "+OK"),
        ("MULTI", "+OK"),
        ("GET a", "+QUEUED"),
        ("EXEC", "*1\n$1\n4"),
        ("WATCH none", "+OK"),
        ("MULTI", "+OK"),
        ("GET none", "+QUEUED"),
        ("EXEC", "*1\n$-1"),
        ("MULTI", "+OK"),
        ("EXEC", "*0"),
        ("MULTI", "+OK"),
        ("RESET", "+RESET"),
        ("EXEC", "-ERR EXEC without MULTI"),
    ]);
}

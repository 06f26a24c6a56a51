//! Lists.

use super::dialogue;

#[test]
fn lists() {
    dialogue(&[
        ("RPUSH l a b c d b", ":5"),
        ("LPUSH l x y", ":7"),
        ("LPUSHX l z", ":8"),
        ("LPUSHX none z", ":0"),
        ("RPUSHX none z", ":0"),
        ("LLEN l", ":8"),
        (
            "LRANGE l 0 -1",
            "*8\n$1\nz\n$1\ny\n$1\nx\n$1\na\n$1\nb\n$1\nc\n$1\nd\n$1\nb",
        ),
        ("LRANGE l -3 100", "*3\n$1\nc\n$1\nd\n$1\nb"),
        ("LRANGE l 5 2", "*0"),
        ("LRANGE none 0 -1", "*0"),
        ("LINDEX l 0", "$1\nz"),
        ("LINDEX l -1", "$1\nb"),
        ("LINDEX l 100", "$-1"),
        ("LSET l 0 new", "+OK"),
        ("LSET l 100 x", "-ERR index out of range"),
        ("LSET none 0 x", "-ERR no such key"),
        ("LINSERT l BEFORE b before", ":9"),
        ("LINSERT l AFTER b after", ":10"),
        ("LINSERT l AFTER nothing x", ":-1"),
        ("LINSERT none AFTER b x", ":0"),
        ("LINSERT l UNDER b x", "-ERR syntax error"),
        ("LPOS l b", ":5"),
        ("LPOS l b RANK -1", ":9"),
        ("LPOS l b COUNT 0", "*2\n:5\n:9"),
        ("LPOS l b COUNT 0 MAXLEN 4", "*0"),
        (
            "LPOS l b RANK 0",
            "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        ),
        ("LPOS l nothing", "$-1"),
        ("LPOS l nothing COUNT 1", "*0"),
        ("LREM l -1 b", ":1"),
        ("LREM l 0 nothing", ":0"),
        (
            "LRANGE l 0 -1",
            "*9\n$3\nnew\n$1\ny\n$1\nx\n$1\na\n$6\nbefore\n$1\nb\n$5\nafter\n$1\nc\n$1\nd",
        ),
        ("LTRIM l 1 -2", "+OK"),
        (
            "LRANGE l 0 -1",
            "*7\n$1\ny\n$1\nx\n$1\na\n$6\nbefore\n$1\nb\n$5\nafter\n$1\nc",
        ),
        ("LPOP l", "$1\ny"),
        ("RPOP l", "$1\nc"),
        ("LPOP l 2", "*2\n$1\nx\n$1\na"),
        ("RPOP l 0", "*0"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP none", "$-1"),
        ("LPOP none 2", "*-1"),
        ("LMOVE l l LEFT RIGHT", "$6\nbefore"),
        ("RPOPLPUSH l other", "$6\nbefore"),
        ("LMOVE none other LEFT LEFT", "$-1"),
        ("LMOVE l other UP LEFT", "-ERR syntax error"),
        ("LRANGE other 0 -1", "*1\n$6\nbefore"),
        ("LTRIM l 5 9", "+OK"),
        ("EXISTS l", ":0"),
        ("SET s 1", "+OK"),
        (
            "LPUSH s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "LPOP s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "LMOVE other s LEFT LEFT",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("OBJECT ENCODING other", "$9\nquicklist"),
    ]);
}

//! What a server says of itself.

use super::dialogue;

#[test]
fn what_a_server_says() {
    dialogue(&[
        (
            "AUTH secret",
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ),
        ("AUTH default secret", "+OK"),
        (
            "AUTH nobody secret",
            "-WRONGPASS invalid username-password pair or user is disabled.",
        ),
        (
            "HELLO 2 AUTH nobody secret",
            "-WRONGPASS invalid username-password pair or user is disabled.",
        ),
        ("HELLO 9", "-NOPROTO unsupported protocol version"),
        (
            "HELLO x",
            "-ERR Protocol version is not an integer or out of range",
        ),
        (
            "HELLO 2 NOTHING",
            "-ERR Syntax error in HELLO option 'NOTHING'",
        ),
        ("CLIENT SETNAME me", "+OK"),
        ("CLIENT GETNAME", "$2\nme"),
        (
            "CLIENT NOTHING",
            "-ERR unknown subcommand 'NOTHING'. Try CLIENT HELP.",
        ),
        ("CLIENT NO-EVICT ON", "+OK"),
        ("CLIENT GETREDIR", ":-1"),
        (
            "CONFIG GET maxmemory-policy",
            "*2\n$16\nmaxmemory-policy\n$10\nnoeviction",
        ),
        ("CONFIG SET maxmemory-policy allkeys-lru", "+OK"),
        (
            "CONFIG GET maxmemory-p*",
            "*2\n$16\nmaxmemory-policy\n$11\nallkeys-lru",
        ),
        ("CONFIG SET maxmemory-policy noeviction", "+OK"),
        (
            "CONFIG SET nothing 1",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'",
        ),
        (
            "CONFIG SET databases 9",
            "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
        ),
        (
            "CONFIG SET appendfsync",
            "-ERR wrong number of arguments for 'config|set' command",
        ),
        (
            "CONFIG GET",
            "-ERR wrong number of arguments for 'config|get' command",
        ),
        (
            "CONFIG NOTHING",
            "-ERR unknown subcommand 'NOTHING'. Try CONFIG HELP.",
        ),
        ("COMMAND INFO get2", "*1\n$-1"),
        (
            "COMMAND NOTHING",
            "-ERR unknown subcommand 'NOTHING'. Try COMMAND HELP.",
        ),
        (
            "OBJECT NOTHING x",
            "-ERR unknown subcommand 'NOTHING'. Try OBJECT HELP.",
        ),
        ("MEMORY USAGE none", "$-1"),
        (
            "MEMORY NOTHING",
            "-ERR unknown subcommand 'NOTHING'. Try MEMORY HELP.",
        ),
        ("WAIT 0 0", ":0"),
        ("WAIT x 0", "-ERR value is not an integer or out of range"),
        (
            "PING a b",
            "-ERR wrong number of arguments for 'ping' command",
        ),
        ("ECHO", "-ERR wrong number of arguments for 'echo' command"),
        ("SELECT x", "-ERR value is not an integer or out of range"),
    ]);
}

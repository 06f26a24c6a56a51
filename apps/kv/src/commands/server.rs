//! Commands about the server and the connection.

use alloc::format;

use super::{COMMANDS, Done, Refusal, integer};
use crate::reply::Reply;
use crate::store::Store;

pub(super) fn ping(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    match words {
        [] => reply.simple("PONG"),
        [word] => reply.bulk(word),
        _ => super::wrong_number("ping", reply),
    }
    Ok(())
}

pub(super) fn echo(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    reply.bulk(words.first().copied().unwrap_or_default());
    Ok(())
}

/// There is one database.
pub(super) fn select(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    match integer(words.first().copied().unwrap_or_default())? {
        0 => reply.ok(),
        _ => reply.error(format_args!("ERR DB index is out of range")),
    }
    Ok(())
}

pub(super) fn size(store: &mut Store, _: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    reply.count(store.len());
    Ok(())
}

pub(super) fn clear(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    match words {
        [] => {}
        [word] if word.eq_ignore_ascii_case(b"SYNC") || word.eq_ignore_ascii_case(b"ASYNC") => {}
        _ => return Err(Refusal::Syntax),
    }
    store.clear();
    reply.ok();
    Ok(())
}

/// The protocol is the second version of RESP.
pub(super) fn hello(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    match words {
        [] => {}
        [version] if *version == b"2" => {}
        [version, ..] if *version != b"2" => {
            reply.error(format_args!("NOPROTO unsupported protocol version"));
            return Ok(());
        }
        _ => return Err(Refusal::Syntax),
    }
    let facts = [
        ("server", "redis"),
        ("version", VERSION),
        ("mode", "standalone"),
        ("role", "master"),
    ];
    reply.array(2 * (facts.len() + 1));
    for (name, value) in facts {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(2);
    Ok(())
}

/// The version of Redis whose commands these are, as far as they are there.
const VERSION: &str = "7.0.0";

pub(super) fn info(store: &mut Store, _: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let text = format!(
        "# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\nos:Atoll\r\n\
         uptime_in_seconds:{}\r\n\r\n# Memory\r\nused_memory:{}\r\nmaxmemory:{}\r\n\
         maxmemory_policy:noeviction\r\n\r\n# Persistence\r\naof_enabled:0\r\n\r\n# Keyspace\r\n\
         db0:keys={},expires={},avg_ttl=0\r\n",
        store.now() / super::keys::SECOND,
        store.used(),
        store.most(),
        store.len(),
        store.expiring(),
    );
    reply.bulk(text.as_bytes());
    Ok(())
}

/// What can be asked for and cannot be changed.
pub(super) fn config(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [what, names @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    if !what.eq_ignore_ascii_case(b"GET") {
        reply.error(format_args!("ERR only CONFIG GET is supported"));
        return Ok(());
    }
    let most = format!("{}", store.most());
    let all = [
        ("appendonly", "no"),
        ("databases", "1"),
        ("maxmemory", most.as_str()),
        ("maxmemory-policy", "noeviction"),
        ("save", ""),
    ];
    let asked = |name: &str| {
        let is = |word: &&&[u8]| word.eq_ignore_ascii_case(name.as_bytes()) || **word == b"*";
        names.iter().any(|word| is(&word))
    };
    let found = all.iter().filter(|(name, _)| asked(name));
    reply.array(2 * found.clone().count());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Ok(())
}

pub(super) fn client(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let what = words.first().copied().unwrap_or_default();
    let is = |name: &[u8]| what.eq_ignore_ascii_case(name);
    match words.len() {
        2 if is(b"SETNAME") => reply.ok(),
        3 if is(b"SETINFO") => reply.ok(),
        1 if is(b"GETNAME") => reply.null(),
        _ => reply.error(format_args!(
            "ERR only CLIENT SETNAME, SETINFO and GETNAME are supported"
        )),
    }
    Ok(())
}

pub(super) fn command(_: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let what = words.first().copied().unwrap_or_default();
    if what.eq_ignore_ascii_case(b"COUNT") {
        reply.count(COMMANDS.len() + 2);
    } else {
        // Clients ask for hints, and do without.
        reply.array(0);
    }
    Ok(())
}

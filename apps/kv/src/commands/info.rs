//! What the server tells of itself.

use alloc::string::String;
use core::fmt::Write;

use super::connection::VERSION;
use super::options::is;
use super::{Context, Done};
use crate::store::Held;

/// Writes a section.
type Section = fn(&Held<'_>, &mut String) -> core::fmt::Result;

/// The sections, in their order.
const SECTIONS: [(&str, Section); 10] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", nothing),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
    ("Shards", shards),
];

pub(super) fn info(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let mut text = String::new();
    let is_all = |word: &[u8]| {
        ["all", "default", "everything"]
            .iter()
            .any(|it| is(word, it))
    };
    for (name, section) in SECTIONS {
        let is_asked = |word: &&[u8]| is(word, name) || is_all(word);
        if words.is_empty() || words.iter().any(is_asked) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            // Writing into memory does not fail.
            let _ = write!(text, "# {name}\r\n").and_then(|()| section(&cx.store, &mut text));
        }
    }
    cx.reply.text(text.as_bytes());
    Ok(())
}

fn server(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    let seconds = store
        .now()
        .saturating_sub(store.store().began().unwrap_or(0))
        / 1000;
    write!(
        text,
        "redis_version:{VERSION}\r\nredis_mode:standalone\r\nos:Atoll\r\narch_bits:64\r\ntcp_port:6379\r\n\
         uptime_in_seconds:{seconds}\r\nuptime_in_days:{}\r\n",
        seconds / 86_400
    )
}

/// Who are connected the store does not know.
fn clients(_: &Held<'_>, text: &mut String) -> core::fmt::Result {
    write!(text, "blocked_clients:0\r\n")
}

fn memory(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    write!(
        text,
        "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:{}\r\n",
        store.used(),
        store.store().most(),
        store.store().policy().name(),
    )
}

fn persistence(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    let keeps_changes = u8::from(store.settings().keeps_changes);
    write!(
        text,
        "loading:0\r\nrdb_changes_since_last_save:{}\r\naof_enabled:{keeps_changes}\r\n",
        store.times_changed()
    )
}

fn stats(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    let counts = store.counts();
    write!(
        text,
        "total_commands_processed:{}\r\nexpired_keys:{}\r\nevicted_keys:{}\r\n",
        counts.commands, counts.expired, counts.evicted
    )
}

fn replication(_: &Held<'_>, text: &mut String) -> core::fmt::Result {
    write!(text, "role:master\r\nconnected_slaves:0\r\n")
}

fn nothing(_: &Held<'_>, _: &mut String) -> core::fmt::Result {
    Ok(())
}

fn cluster(_: &Held<'_>, text: &mut String) -> core::fmt::Result {
    write!(text, "cluster_enabled:0\r\n")
}

fn keyspace(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    if store.len() == 0 {
        return Ok(());
    }
    write!(
        text,
        "db0:keys={},expires={},avg_ttl=0\r\n",
        store.len(),
        store.expiring()
    )
}

/// Each shard: its keys, and the commands that have used it.
fn shards(store: &Held<'_>, text: &mut String) -> core::fmt::Result {
    for (number, (keys, commands)) in store.of_shards().enumerate() {
        write!(text, "shard{number}:keys={keys},commands={commands}\r\n")?;
    }
    Ok(())
}

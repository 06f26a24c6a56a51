//! What the server tells of itself.

use alloc::string::String;
use core::fmt::Write;

use super::connection::VERSION;
use super::options::is;
use super::{Context, Done};
use crate::store::{Policy, Store};

/// Writes a section.
type Section = fn(&Store, &mut String) -> core::fmt::Result;

/// The sections, in their order.
const SECTIONS: [(&str, Section); 9] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", nothing),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
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
            let _ = write!(text, "# {name}\r\n").and_then(|()| section(cx.store, &mut text));
        }
    }
    cx.reply.text(text.as_bytes());
    Ok(())
}

fn server(store: &Store, text: &mut String) -> core::fmt::Result {
    let seconds = store.now().saturating_sub(store.began()) / 1000;
    write!(
        text,
        "redis_version:{VERSION}\r\nredis_mode:standalone\r\nos:Atoll\r\narch_bits:64\r\ntcp_port:6379\r\n\
         uptime_in_seconds:{seconds}\r\nuptime_in_days:{}\r\n",
        seconds / 86_400
    )
}

/// Who are connected the store does not know.
fn clients(_: &Store, text: &mut String) -> core::fmt::Result {
    write!(text, "blocked_clients:0\r\n")
}

fn memory(store: &Store, text: &mut String) -> core::fmt::Result {
    write!(
        text,
        "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:{}\r\n",
        store.used(),
        store.most(),
        Policy::name(store.policy()),
    )
}

fn persistence(store: &Store, text: &mut String) -> core::fmt::Result {
    let keeps_changes = u8::from(store.settings().keeps_changes);
    write!(
        text,
        "loading:0\r\nrdb_changes_since_last_save:{}\r\naof_enabled:{keeps_changes}\r\n",
        store.times_changed()
    )
}

fn stats(store: &Store, text: &mut String) -> core::fmt::Result {
    let counts = store.counted();
    write!(
        text,
        "total_commands_processed:{}\r\nexpired_keys:{}\r\nevicted_keys:{}\r\n",
        counts.commands, counts.expired, counts.evicted
    )
}

fn replication(_: &Store, text: &mut String) -> core::fmt::Result {
    write!(text, "role:master\r\nconnected_slaves:0\r\n")
}

fn nothing(_: &Store, _: &mut String) -> core::fmt::Result {
    Ok(())
}

fn cluster(_: &Store, text: &mut String) -> core::fmt::Result {
    write!(text, "cluster_enabled:0\r\n")
}

fn keyspace(store: &Store, text: &mut String) -> core::fmt::Result {
    if store.is_empty() {
        return Ok(());
    }
    write!(
        text,
        "db0:keys={},expires={},avg_ttl=0\r\n",
        store.len(),
        store.expiring()
    )
}

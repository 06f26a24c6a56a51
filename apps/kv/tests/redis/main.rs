//! What Redis 7.0 answers, told by one, and answered here byte for byte.

#[path = "../support/mod.rs"]
mod support;

mod hashes;
mod keys;
mod lists;
mod more_strings;
mod sets;
mod sorted_sets;
mod third_version;
mod transactions;
mod what_a_server_says;

use atoll_kv::store::Settings;
use support::Client;

/// Has each line answered as is said.
fn dialogue(lines: &[(&str, &str)]) {
    support::with_shards(|| {
        let mut client = Client::with(Settings {
            has_calendar: true,
            ..Settings::default()
        });
        client.store.set_time(1_700_000_000_000);
        support::dialogue(&mut client, lines);
    });
}

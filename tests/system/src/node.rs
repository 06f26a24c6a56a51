//! The node, as its ordinary clients meet it.

mod clients;
mod kept;
mod machine;
mod ranges;
mod readers;
pub(crate) mod redis;
mod shards;

use crate::{Test, Wanted};

/// How often QEMU is killed in the ordinary run; ten times where the tests may take long.
const KILLS: u32 = 3;
const MOST_KILLS: u32 = 10;

/// MiB of the file that is got in parts, in the ordinary run and where the tests may take long.
const FILE: usize = 64;
const LARGE_FILE: usize = 256;

/// The tests.
pub fn tests(wanted: Wanted) -> Vec<Test> {
    let file = if wanted.long { LARGE_FILE } else { FILE };
    let kills = if wanted.long { MOST_KILLS } else { KILLS };
    vec![
        Test::new(
            "node-redis",
            "redis-cli and redis-benchmark, with its whole default set, do not tell the node from another server",
            clients::redis,
        ),
        Test::new(
            "node-web",
            "curl gets, puts and finds files, a thousand clients at a time get theirs, and a browser shows the node's page",
            clients::web,
        ),
        Test::new(
            "node-ranges",
            format!(
                "the parts of a file of {file} MiB, which clients get at a time, make up the file"
            ),
            move |context| ranges::ranges(context, file),
        ),
        Test::new(
            "node-killed",
            format!(
                "QEMU is killed {kills} times under load, and no write is missing that was acknowledged"
            ),
            move |context| kept::killed(context, kills),
        ),
        Test::new(
            "node-restart",
            "the store and the sockets service are killed under load: clients come back, and no acknowledged write is missing",
            kept::restarted,
        ),
        Test::new(
            "node-shards",
            "the store on two vcores: commands on several keys are atomic, each vcore serves, and after a cut of the power all is there",
            shards::shards,
        ),
    ]
}

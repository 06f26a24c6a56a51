//! Those who use components that die: they go on.

use alloc::vec::Vec;
use core::time::Duration;

use atoll_abi::block::BLOCK_SIZE;
use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    Block, File, Status, become_mcp, open, println, sleep, with_timeout, yield_now,
};
use digest::{Count, Total};

use crate::account::Account;
use crate::{operator, wrong};

/// Passes over the file in a row without a lost call, after which nothing more is expected to die.
const CALM_PASSES: u32 = 40;

/// Pause between two passes.
const PAUSE: Duration = Duration::from_millis(4);

/// Reads that are under way at once.
const WINDOW: usize = 8;

/// A call takes no longer, or else something is wrong.
const LONG: Duration = Duration::from_secs(60);

/// Makes calls until it is stopped; in the life after the last stop it does what the others do.
pub fn be_stopped() {
    let mut account = Account::default();
    while procinfo().generation <= operator::ROUNDS {
        if let Some(file) = opened(&mut account) {
            let _ = pass(file, &mut account);
        }
        if let Some(status) = account.wrong {
            wrong(format_args!("a call ended with {status:?}"));
        }
        let _ = sleep(PAUSE).wait();
    }
    read_until_it_has_been_calm();
}

/// Reads the file over and over, until no call has been lost for a while; each pass that is whole gives the same digest.
pub fn read_until_it_has_been_calm() {
    let mut account = Account::default();
    let (mut passes, mut torn, mut calm) = (0u64, 0u64, 0);
    let mut digest = None;
    while calm < CALM_PASSES {
        let lost = account.lost;
        // The own server may be another one than before.
        account.book(become_mcp_again());
        let whole = opened(&mut account).and_then(|file| pass(file, &mut account));
        match whole {
            Some(total) => {
                passes += 1;
                let found = (total.count(), total.finish());
                match &digest {
                    None => digest = Some(found),
                    Some(first) if first.1 == found.1 => {}
                    Some(_) => wrong(format_args!("pass {passes} read something else")),
                }
            }
            None => torn += 1,
        }
        if let Some(status) = account.wrong {
            wrong(format_args!("a call ended with {status:?}"));
        }
        calm = if account.lost == lost { calm + 1 } else { 0 };
        let _ = sleep(PAUSE).wait();
    }
    let Some((count, hex)) = digest else {
        wrong(format_args!("no pass was whole"))
    };
    let Account {
        made, done, lost, ..
    } = account;
    println!(
        r#"result {{"bytes":{},"sha256":"{hex}","passes":{passes},"torn":{torn},"made":{made},"done":{done},"lost":{lost}}}"#,
        count.bytes,
    );
}

/// A call that the own server answers, or the runtime where it knows the answer.
fn become_mcp_again() -> Result<(), Status> {
    match become_mcp().wait() {
        // It is one already, and the server that noted it has died before it answered.
        Ok(()) | Err(Status::NotAllowed) => Ok(()),
        Err(status) => Err(status),
    }
}

fn opened(account: &mut Account) -> Option<File> {
    let opened = with_timeout(LONG, || open("input")).wait();
    let file = account.book(opened);
    if file.is_none() {
        yield_now();
    }
    file
}

/// Reads and hashes the whole file; `None` where a call was lost.
fn pass(file: File, account: &mut Account) -> Option<Total> {
    let mut total = Total::default();
    let blocks = file.length().div_ceil(BLOCK_SIZE as u64);
    let mut whole = true;
    for first in (0..blocks).step_by(WINDOW) {
        let end = (first + WINDOW as u64).min(blocks);
        let readings: Vec<_> = (first..end)
            .filter_map(|number| Some((number, Block::try_acquire()?)))
            .map(|(number, block)| {
                let offset = number * BLOCK_SIZE as u64;
                with_timeout(LONG, || file.read(offset, BLOCK_SIZE, block))
            })
            .collect();
        whole &= readings.len() as u64 == end - first;
        for reading in readings {
            let ended = reading.wait().map_err(|error| error.status);
            match account.book(ended) {
                Some(block) => total.add(block.bytes(), Count::of(block.bytes())),
                None => whole = false,
            }
        }
        if !whole {
            break;
        }
    }
    account.book(file.close().wait());
    whole.then_some(total)
}

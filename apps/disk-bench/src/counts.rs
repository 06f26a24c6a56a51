//! What all components had to do for transfers.

use core::hint::spin_loop;

use atoll_runtime::guest::observer::telemetry;
use atoll_runtime::guest::timestamp;
use atoll_runtime::{Status, kernel_entries, println};

use crate::transfers::{self, Case, Operation, Others, Target};

/// Ticks after which services and driver sleep that have nothing to do, and have told what they did.
const REST: u64 = 2_000_000;

/// What services and driver tell.
#[derive(Clone, Copy)]
struct Told {
    service: Side,
    driver: Side,
}

/// What one of them tells.
#[derive(Clone, Copy)]
struct Side {
    worked: u64,
    entries: u64,
    copied: u64,
}

impl Side {
    /// What is told on one ring of a connection by the one who sends there.
    fn read(connection: usize, ring: usize) -> Result<Side, Status> {
        let work = telemetry(connection, ring).ok_or(Status::NotAllowed)?.work;
        Ok(Side {
            worked: work.ticks,
            entries: work.entries,
            copied: work.copied,
        })
    }
}

impl Told {
    fn read(target: &Target) -> Result<Told, Status> {
        // The first connections of a plan are those of the services to their drivers, in the order of the plan.
        let connection = match target {
            Target::File(_) => 0,
            Target::Raw(_) => 1,
        };
        Ok(Told {
            service: Side::read(connection, 0)?,
            driver: Side::read(connection, 1)?,
        })
    }
}

/// What the service of a target and the driver have done so far.
fn done_by_others(target: &Target) -> Others {
    let told = Told::read(target);
    told.map_or(Others::default(), |it| Others {
        worked: it.service.worked + it.driver.worked,
        entries: it.service.entries + it.driver.entries,
    })
}

/// Makes the transfers of a case, and prints what they took.
pub fn measure(case: &Case) -> Result<(), Status> {
    rest();
    let before = Told::read(&case.target)?;
    let own_entries = kernel_entries();
    let own = transfers::run(case, || done_by_others(&case.target))?;
    let own_entries = kernel_entries() - own_entries;
    rest();
    let after = Told::read(&case.target)?;
    let kind = match case.target {
        Target::File(_) => "file",
        Target::Raw(_) => "raw",
    };
    let operation = match case.operation {
        Operation::Read => "read",
        Operation::Write => "write",
    };
    let Case {
        order,
        blocks,
        depth,
        bytes,
        ..
    } = case;
    let (service, driver) = (
        after.service.worked - before.service.worked,
        after.driver.worked - before.driver.worked,
    );
    let (service_entries, driver_entries) = (
        after.service.entries - before.service.entries,
        after.driver.entries - before.driver.entries,
    );
    let copied =
        after.service.copied - before.service.copied + after.driver.copied - before.driver.copied;
    println!(
        r#"result {{"kind":"{kind}","operation":"{operation}","blocks":{blocks},"order":{order},"depth":{depth},"bytes":{bytes},"elapsed":{},"client":{},"service":{service},"driver":{driver},"client_entries":{own_entries},"service_entries":{service_entries},"driver_entries":{driver_entries},"busy_entries":{},"copied":{copied}}}"#,
        own.elapsed, own.worked, own.busy_entries
    );
    Ok(())
}

/// Lets all others come to rest.
fn rest() {
    let start = timestamp();
    while timestamp() - start < REST {
        spin_loop();
    }
}

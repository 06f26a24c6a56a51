//! Reads a process.

use atoll_abi::layout::{MAX_POOL_BLOCKS, MAX_UTHREADS, MAX_VCORES, PAGE_SIZE, least_heap};
use atoll_abi::name::Name;
use atoll_abi::plan::MAX_CLUSTER_FRAMES;

use super::restart::{NEVER, restart};
use super::{cores, heap, name, own_name, references, required_reference};
use crate::diagnostics::Diagnostics;
use crate::table::{Located, Table, boolean, integer, text};
use crate::written::Process;

/// What stands for a number that could not be read, so that nothing else is said of it.
const LEAST: u32 = 1;
const DEFAULT_BLOCKS: u32 = 64;
/// Bytes of a heap where the plan is silent, unless more are needed.
const DEFAULT_HEAP: u64 = 1 << 20;
const DEFAULT_UTHREADS: u32 = 64;

/// Reads a `[[process]]`.
pub(super) fn process(mut table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Process {
    let process_name = own_name(&mut table, "process", diagnostics);
    table.only(
        &[
            "name", "image", "cluster", "vcores", "cores", "blocks", "heap", "uthreads",
            "operator", "observer", "services", "calls", "frames", "gives", "restart",
        ],
        diagnostics,
    );
    let image = table
        .required("image", diagnostics)
        .and_then(|value| text("image", value, diagnostics))
        .map_or(Located::new(Name::EMPTY, process_name.at), |text| {
            Located::new(name("an image", text, diagnostics), text.at)
        });
    let cluster = required_reference(&table, "cluster", "a cluster", diagnostics);
    let vcores = table.required("vcores", diagnostics).and_then(|value| {
        let what = format!("`vcores` of {}", table.title);
        integer("vcores", &what, (1, MAX_VCORES as u32), value, diagnostics)
    });
    let named_cores = table
        .optional("cores")
        .and_then(|value| cores(value, diagnostics))
        .filter(|_| vcores.is_some());
    let blocks = match table.optional("blocks") {
        None => DEFAULT_BLOCKS,
        Some(value) => {
            let what = format!("`blocks` of {}", table.title);
            let range = (1, MAX_POOL_BLOCKS as u32);
            integer("blocks", &what, range, value, diagnostics).map_or(LEAST, |it| it.value)
        }
    };
    let uthreads = match table.optional("uthreads") {
        None => DEFAULT_UTHREADS,
        Some(value) => {
            let what = format!("`uthreads` of {}", table.title);
            let range = (1, MAX_UTHREADS as u32);
            integer("uthreads", &what, range, value, diagnostics).map_or(LEAST, |it| it.value)
        }
    };
    let frames = table.optional("frames").and_then(|value| {
        let what = format!("`frames` of {}", table.title);
        let range = (1, MAX_CLUSTER_FRAMES as u32);
        integer("frames", &what, range, value, diagnostics)
    });
    let heap = heap(&table, diagnostics);
    let [operator, observer] = ["operator", "observer"].map(|key| {
        let value = table.optional(key);
        value.is_some_and(|value| boolean(key, value, diagnostics) == Some(true))
    });
    let mut names = |key, what| {
        table
            .optional(key)
            .and_then(|value| references(key, what, value, diagnostics))
            .unwrap_or_default()
    };
    let services = names("services", "a service");
    let calls = names("calls", "a process");
    let gives = names("gives", "a process");
    let vcores = vcores.unwrap_or(Located::new(1, table.at));
    let heap = heap.unwrap_or_else(|| {
        let least = least_heap(
            vcores.value.into(),
            services.len() as u64,
            blocks.into(),
            uthreads.into(),
        );
        let least = least.next_multiple_of(PAGE_SIZE as u64);
        Located::new(DEFAULT_HEAP.max(least), process_name.at)
    });
    let frames = frames.unwrap_or(Located::new(0, process_name.at));
    Process {
        restart: restart(&table, NEVER, diagnostics),
        name: process_name,
        image,
        cluster,
        vcores,
        cores: named_cores,
        blocks,
        operator,
        observer,
        services,
        calls,
        frames,
        gives,
        heap,
        uthreads,
    }
}

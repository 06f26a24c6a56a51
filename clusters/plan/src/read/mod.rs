//! From text to a [`Plan`]: syntax, keys, types and ranges; nothing that takes two parts of a plan to judge.

mod cluster;
mod device;
mod machine;
mod network;
mod process;
mod restart;
mod service;

use std::path::Path;

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::name::Name;
use atoll_abi::plan::{KernelMode, MAX_CORES};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::cluster::cluster;
use self::device::{channel, device, unread_channel};
use self::machine::machine;
use self::process::process;
use self::service::{service, unread_service};

pub(crate) use self::service::kind_name as service_kind;

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::layout::{MAX_INSTANCES, MAX_MACHINE_MEMORY};
use crate::size;
use crate::table::{Located, Table, array, bytes, integer, text, wrong_type};
use crate::written::{Plan, Text, UNNAMED};

/// Most cores of a machine: one for each APIC identifier that a message-signalled interrupt can name, of which 255 means all.
const MAX_MACHINE_CORES: u32 = 255;

const _: () = assert!(MAX_MACHINE_CORES as usize <= MAX_INSTANCES * MAX_CORES);

/// Reads a plan; `None` where the text is not TOML.
pub(crate) fn plan(label: &str, source: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Plan> {
    let (document, errors) = DeTable::parse_recoverable(source);
    // Only the first: what a parser makes of the text behind an error of syntax is a guess.
    if let Some(error) = errors.first() {
        diagnostics.report(
            error.span().map_or(0, |span| span.start),
            ErrorKind::NotToml {
                reason: error.message().replace('\n', ", "),
            },
        );
        return None;
    }
    let root = Table::new(document.get_ref(), 0, "the plan");
    root.only(
        &[
            "name", "machine", "cluster", "device", "service", "channel", "process",
        ],
        diagnostics,
    );
    let plan_name = match root.optional("name") {
        Some(value) => text("name", value, diagnostics),
        None => {
            let stem = Path::new(label).file_stem().and_then(|stem| stem.to_str());
            Some(Located::new(stem.unwrap_or(""), 0))
        }
    };
    let plan_name = plan_name.map_or(Name::EMPTY, |text| name("the plan", text, diagnostics));
    let mut plan = Plan {
        name: plan_name,
        cores: Located::new(MAX_MACHINE_CORES, 0),
        memory: Located::new(MAX_MACHINE_MEMORY, 0),
        mode: KernelMode::PerCluster,
        measured: false,
        timeline: 0,
        clusters: Vec::new(),
        devices: Vec::new(),
        services: Vec::new(),
        channels: Vec::new(),
        processes: Vec::new(),
    };
    if let Some(value) = root.required("machine", diagnostics) {
        match value.get_ref() {
            DeValue::Table(entries) => {
                let table = Table::new(entries, value.span().start, "[machine]");
                machine(&table, &mut plan, diagnostics);
            }
            _ => wrong_type("machine", "a table", value, diagnostics),
        }
    }
    root.required("cluster", diagnostics);
    for (entries, at) in root.tables("cluster", diagnostics) {
        let cluster = cluster(Table::new(entries, at, "a [[cluster]]"), diagnostics);
        plan.clusters.push(cluster);
    }
    for (entries, at) in root.tables("device", diagnostics) {
        let device = device(Table::new(entries, at, "a [[device]]"), diagnostics);
        plan.devices.push(device);
    }
    for (entries, at) in root.tables("service", diagnostics) {
        let service = service(Table::new(entries, at, "a [[service]]"), diagnostics);
        plan.services.push(service);
    }
    let unread = root
        .optional("service")
        .filter(|value| !value.get_ref().is_array());
    plan.services
        .extend(unread.map(|value| unread_service(value.span().start)));
    for (entries, at) in root.tables("channel", diagnostics) {
        let channel = channel(Table::new(entries, at, "a [[channel]]"), diagnostics);
        plan.channels.push(channel);
    }
    let unread = root
        .optional("channel")
        .filter(|value| !value.get_ref().is_array());
    plan.channels
        .extend(unread.map(|value| unread_channel(value.span().start)));
    for (entries, at) in root.tables("process", diagnostics) {
        let process = process(Table::new(entries, at, "a [[process]]"), diagnostics);
        plan.processes.push(process);
    }
    Some(plan)
}

/// The `name` of a table of `[[kind]]`, which also becomes part of the table's title; [`UNNAMED`] where it is missing.
fn own_name(table: &mut Table<'_>, kind: &str, diagnostics: &mut Diagnostics<'_>) -> Text {
    let given = table
        .required("name", diagnostics)
        .and_then(|value| text("name", value, diagnostics));
    let Some(given) = given else {
        return Located::new(UNNAMED.to_owned(), table.at);
    };
    name(&format!("a {kind}"), given, diagnostics);
    table.title = format!("{kind} `{}`", given.value);
    owned(given)
}

/// A name that can be encoded and can be part of a build target; what is none is reported, and empty.
fn name(what: &str, text: Located<&str>, diagnostics: &mut Diagnostics<'_>) -> Name {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = text.value.bytes().all(plain) && !text.value.starts_with('-');
    let name = Name::new(text.value).filter(|_| good);
    if name.is_none() {
        diagnostics.report(
            text.at,
            ErrorKind::BadName {
                what: what.to_owned(),
                value: text.value.to_owned(),
            },
        );
    }
    name.unwrap_or(Name::EMPTY)
}

fn owned(text: Located<&str>) -> Text {
    Located::new(text.value.to_owned(), text.at)
}

/// The `heap` of a service or process; `None` where there is none, or it could not be read. One that is no whole pages is
/// reported.
fn heap(table: &Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Located<u64>> {
    let heap = bytes("heap", table.optional("heap")?, diagnostics)?;
    if !is_whole_pages(heap.value) {
        diagnostics.report(
            heap.at,
            ErrorKind::Unaligned {
                what: format!("`heap` of {}", table.title),
                size: size::show(heap.value),
                unit: size::show(PAGE_SIZE as u64),
            },
        );
    }
    Some(heap)
}

/// The `core` of a service, or of a device's driver; `None` where there is none, or it could not be read.
fn core(table: &Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Located<u32>> {
    let what = format!("`core` of {}", table.title);
    let range = (0, MAX_MACHINE_CORES - 1);
    integer("core", &what, range, table.optional("core")?, diagnostics)
}

/// Whether a heap is of whole pages, and of one at least.
pub(crate) fn is_whole_pages(heap: u64) -> bool {
    heap > 0 && heap.is_multiple_of(PAGE_SIZE as u64)
}

/// A reference to something that is called `what`. The texts that stand for what could not be read cannot be written.
fn reference(what: &str, text: Located<&str>, diagnostics: &mut Diagnostics<'_>) -> Text {
    if text.value.is_empty() || text.value == UNNAMED {
        name(what, text, diagnostics);
    }
    owned(text)
}

/// The value of a key that must be there and is a reference; empty where it could not be read, which has been reported.
fn required_reference(
    table: &Table<'_>,
    key: &str,
    what: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Text {
    table
        .required(key, diagnostics)
        .and_then(|value| text(key, value, diagnostics))
        .map_or(Located::new(String::new(), table.at), |text| {
            reference(what, text, diagnostics)
        })
}

/// An array of references to what is called `what`. Elements of a wrong type are reported and become empty text.
fn references(
    key: &str,
    what: &str,
    value: &Spanned<DeValue<'_>>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Vec<Text>> {
    let elements = array(key, "an array of names", value, diagnostics)?;
    let mut references = Vec::new();
    for element in elements.value {
        references.push(match text(key, element, diagnostics) {
            Some(text) => reference(what, text, diagnostics),
            None => Located::new(String::new(), element.span().start),
        });
    }
    Some(references)
}

/// An array of core numbers; `None` where any part of it could not be read.
fn cores(
    value: &Spanned<DeValue<'_>>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<Vec<Located<u32>>>> {
    let elements = array("cores", "an array of core numbers", value, diagnostics)?;
    let range = (0, MAX_MACHINE_CORES - 1);
    let numbers: Vec<Option<Located<u32>>> = elements
        .value
        .iter()
        .map(|element| integer("cores", "a core number", range, element, diagnostics))
        .collect();
    let numbers: Option<Vec<Located<u32>>> = numbers.into_iter().collect();
    numbers.map(|numbers| Located::new(numbers, elements.at))
}

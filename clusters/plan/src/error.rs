//! Everything that can be wrong with a plan. Each message names the value, its bound, both parties, and what to do.

use std::fmt;

use crate::diagnostics::Place;
use crate::shown::Field;

/// Defines the errors once: variant, fields, message.
macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident { $($field:ident: $type:ty),* } => $message:literal;)*) => {
        /// What is wrong. The fields are the placeholders of the message.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum ErrorKind {
            $($(#[$doc])* $variant { $($field: $type),* },)*
        }

        impl ErrorKind {
            /// Names of all variants.
            pub const VARIANTS: &[&str] = &[$(stringify!($variant)),*];

            /// The variant's name.
            pub fn variant(&self) -> &'static str {
                match self {
                    $(ErrorKind::$variant { .. } => stringify!($variant),)*
                }
            }
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(ErrorKind::$variant { $($field),* } => {
                        $(let $field = $field.field();)*
                        write!(formatter, $message)
                    })*
                }
            }
        }
    };
}

errors! {
    /// The file cannot be read.
    Unreadable { reason: String } =>
        "the plan cannot be read: {reason}; name a TOML file that exists and that you may read";
    /// The path is a directory.
    Directory {} =>
        "this is a directory, not a plan; name a TOML file in it";
    /// The path is that of a pipe or device.
    NotAFile {} =>
        "this is not a regular file; write the plan into one and name that";
    /// The file has more bytes than a plan.
    TooLong { most: u64 } =>
        "the file has more than {most} bytes, the most that a plan may have; name the TOML file of a plan";
    /// The file is not text.
    NotUtf8 { offset: usize } =>
        "the byte at offset {offset} of the plan is not UTF-8; save the plan as UTF-8 text";
    /// The text is not TOML.
    NotToml { reason: String } =>
        "this is not TOML: {reason}; mend the syntax";
    /// A key that no plan has.
    UnknownKey { key: String, table: String, hint: String } =>
        "{table} has no key `{key}`: {hint}";
    /// A key that a device or service of another kind has.
    KeyOfOtherKind { key: String, table: String, kind: &'static str, which: &'static str } =>
        "{table} is of kind `{kind}`, which {which}, and has no key `{key}`; take it out";
    /// A key that must be there.
    MissingKey { key: String, table: String } =>
        "{table} lacks the key `{key}`; add it";
    /// A value of the wrong type.
    WrongType { key: String, expected: String, found: String } =>
        "`{key}` is {found}, but must be {expected}";
    /// A word that is none of the choices.
    UnknownChoice { key: String, value: String, hint: String } =>
        "`{key}` cannot be `{value}`: {hint}";
    /// A name that cannot be encoded or that cannot be part of a build target.
    BadName { what: String, value: String } =>
        "`{value}` cannot name {what}; use 1 to 32 characters out of a-z, 0-9 and -, the first one not -";
    /// Text that is no size.
    BadSize { key: String, value: String } =>
        "`{key}` is \"{value}\", which is no size; write a whole number and a unit, such as \"128 MiB\" (KiB, MiB or GiB)";
    /// A number or size outside its range.
    OutOfRange { what: String, value: String, low: String, high: String } =>
        "{what} is {value}, but must be {low} to {high}";
    /// A size that is not whole pages.
    Unaligned { what: String, size: String, unit: String } =>
        "{what} is {size}, but must be a multiple of {unit} and not zero";
    /// Two things of one kind with one name.
    DuplicateName { what: String, name: String, first: Place } =>
        "the {what} `{name}` has the name of another {what} ({first}); rename one of them";
    /// More of something than an encoded plan holds.
    TooMany { what: String, count: usize, max: usize } =>
        "this makes {count} {what}, but at most {max} are possible; remove some";
    /// More clusters than serial ports.
    TooManyInstances { cluster: String, count: usize, max: usize } =>
        "cluster `{cluster}` makes {count} kernel instances, but there are at most {max}, one for each serial port; remove clusters or set `kernel-mode = \"shared\"`";
    /// A cluster without cores.
    EmptyCluster { cluster: String } =>
        "cluster `{cluster}` has no cores; give it at least one";
    /// A core that the machine does not have.
    CoreBeyondMachine { core: u32, cluster: String, cores: u32, machine: Place } =>
        "core {core} of cluster `{cluster}` does not exist: `cores` of the machine is {cores} ({machine}) and the first is core 0; raise `cores` of the machine or take this one out";
    /// A core in two clusters.
    CoreClaimedTwice { core: u32, first_cluster: String, first: Place, cluster: String } =>
        "core {core} is claimed by cluster `{first_cluster}` ({first}) and again by cluster `{cluster}`; a core belongs to one cluster: take it out of one of them";
    /// A core twice in one cluster.
    CoreRepeated { core: u32, cluster: String, first: Place } =>
        "core {core} is listed twice by cluster `{cluster}` (first at {first}); list it once";
    /// Cores of one kernel that are not in the order in which it numbers them.
    CoresNotAscending { core: u32, cluster: String, before: u32, before_cluster: String, first: Place } =>
        "core {core} of cluster `{cluster}` comes after core {before} of cluster `{before_cluster}` ({first}), but one kernel instance numbers its cores in ascending order; list them in that order";
    /// No cluster has the boot processor.
    BootCoreUnclaimed {} =>
        "no cluster has core 0, on which the machine boots; give core 0 to a cluster, as the first of its cores";
    /// A kernel instance that could not start.
    InstanceMemoryTooSmall { instance: String, size: String, minimum: String } =>
        "instance `{instance}` has {size} of memory, but a kernel instance needs at least {minimum}; raise `memory`";
    /// A machine whose memory would not be in one piece.
    MachineMemoryTooLarge { size: String, max: String } =>
        "the machine has {size} of memory, but at most {max} lie below the PCI hole; lower `memory`";
    /// More memory handed out than there is.
    MemoryExhausted { machine: String, needed: String, shares: String } =>
        "the machine has {machine} of memory, but the plan needs {needed}: {shares}; raise `memory` of the machine or lower that of a cluster";
    /// Heaps, stacks and kernel together larger than their instance.
    HeapsTooLarge { instance: String, taken: String, memory: String, overhead: String, place: Place } =>
        "the heaps of the services and processes of instance `{instance}` and its uthreads' stacks, up to this one, take {taken}, but of its {memory} ({place}) {overhead} are the kernel's and the components'; lower `heap` or `uthreads`, or raise `memory` of the cluster";
    /// A heap in which the runtime of a process finds no place.
    HeapTooSmall { process: String, heap: String, needed: String, vcores: u32, services: usize, blocks: u32, uthreads: u32 } =>
        "`heap` of process `{process}` is {heap}, but it needs {needed} for {vcores} vcores, {services} services, {blocks} blocks, {uthreads} uthreads and its program; raise `heap`, or lower the others";
    /// A heap in which a service finds no place.
    ServiceHeapTooSmall { service: String, heap: String, why: &'static str, least: String } =>
        "`heap` of service `{service}` is {heap}, but {why} needs at least {least}; raise `heap`";
    /// A root task that would run out of capability slots.
    TooManySlots { instance: String, needed: u64, slots: u64, bits: u32, place: Place, most: String } =>
        "the root task of instance `{instance}` needs {needed} capability slots, but has {slots}, because `KernelRootCNodeSizeBits` is {bits} ({place}); {most}: lower `blocks`, `heap`, `uthreads` or `vcores`, or raise `KernelRootCNodeSizeBits`";
    /// An instance that would run out of memory.
    InstanceMemoryExhausted { instance: String, needed: String, memory: String, place: Place, most: String } =>
        "instance `{instance}` needs {needed} of memory, but has {memory} ({place}); {most}: lower `heap`, `uthreads` or `vcores`, or raise `memory` of the cluster";
    /// A root task that would run out of heap.
    TooManyRecords { instance: String, needed: String, heap: String, most: String } =>
        "the root task of instance `{instance}` needs {needed} for its records of pages and connections, but its heap is {heap}; {most}: lower `blocks`, `heap`, `uthreads` or `vcores`, or move processes to another instance";
    /// A quantum that no number of ticks makes.
    QuantumNotTicks { cluster: String, quantum: u32, tick: u32, place: Place } =>
        "the quantum of cluster `{cluster}` is {quantum} ms, which is no multiple of its timer tick of {tick} ms ({place}); change `quantum-ms` or `timer-tick-ms`";
    /// Two clusters of one kernel that want different kernels.
    SharedKernelDiffers { what: String, cluster: String, value: String, first_cluster: String, first_value: String, first: Place } =>
        "cluster `{cluster}` wants {what} = {value}, but cluster `{first_cluster}` ({first}) wants {first_value}, and `kernel-mode = \"shared\"` gives both one kernel; make them equal or set `kernel-mode = \"per-cluster\"`";
    /// A kernel option that is not known.
    UnknownOption { option: String, cluster: String, hint: String } =>
        "cluster `{cluster}` sets the kernel option `{option}`, which is not known: {hint}";
    /// A kernel option that follows from the plan.
    DerivedOption { option: String, cluster: String, key: String } =>
        "cluster `{cluster}` sets the kernel option `{option}`, which follows from its key `{key}`; remove the option and set `{key}`";
    /// A server that polls on a core on which a vcore runs.
    MaskedCoreShared { cluster: String, core: u32, process: String, doorbell: Place } =>
        "process `{process}` has a vcore on core {core}, where the server of cluster `{cluster}` polls because its doorbell is masked ({doorbell}); leave that core to the server or take `doorbell` out";
    /// A server that polls on the core of its driver.
    MaskedWithDevice { cluster: String, device: String, doorbell: Place } =>
        "device `{device}` is driven on the core where the server of cluster `{cluster}` polls because its doorbell is masked ({doorbell}); give the device to another cluster or take `doorbell` out";
    /// A server that polls on the core of a service.
    MaskedWithService { cluster: String, service: String, doorbell: Place } =>
        "service `{service}` runs on the core where the server of cluster `{cluster}` polls because its doorbell is masked ({doorbell}); run the service in another cluster or take `doorbell` out";
    /// A cluster that does not exist.
    UnknownCluster { name: String, user: String, hint: String } =>
        "{user} names cluster `{name}`, which does not exist: {hint}";
    /// A device that does not exist.
    UnknownDevice { name: String, user: String, hint: String } =>
        "{user} names device `{name}`, which does not exist: {hint}";
    /// A device in two clusters, or twice in one.
    DeviceClaimedTwice { device: String, first_cluster: String, first: Place, cluster: String } =>
        "device `{device}` is claimed by cluster `{first_cluster}` ({first}) and again by cluster `{cluster}`; a device belongs to one cluster: take it out of one of them";
    /// A device in no cluster.
    DeviceUnclaimed { device: String } =>
        "device `{device}` belongs to no cluster; add it to the `devices` of one, or remove it";
    /// A device whose driver would have no client.
    DeviceUnused { device: String } =>
        "no service uses device `{device}`, and a driver is started for a service only; name the device in a [[service]], or remove it";
    /// Text that is no PCI address.
    BadPciAddress { device: String, value: String } =>
        "device `{device}` is at \"{value}\", which is no PCI address; write \"bus:device.function\" in hexadecimal, at most \"ff:1f.7\", such as \"0:4.0\"";
    /// A PCI bus that the machine does not have.
    PciBusMissing { device: String, address: String } =>
        "device `{device}` is at PCI address {address}, but the machine has bus 0 alone; give it an address on that";
    /// A function of a PCI device that has no function 0, without which it is not looked for.
    PciFunctionAlone { device: String, address: String, first: String } =>
        "device `{device}` is at PCI address {address}, but nothing is at {first}: without its function 0 a PCI device is not found; use that address";
    /// A PCI address that the machine itself uses.
    PciAddressReserved { device: String, address: String } =>
        "device `{device}` is at PCI address {address}, which the chipset has (0:0 and 0:1f); use another";
    /// Two devices at one PCI address.
    PciAddressTaken { device: String, address: String, first_device: String, first: Place } =>
        "device `{device}` is at PCI address {address}, where device `{first_device}` is already ({first}); move one of them";
    /// A channel that does not have two ends.
    ChannelEnds { count: usize } =>
        "`between` of this channel has length {count}, but must be 2: a channel joins two clusters; name two";
    /// A channel from a cluster to itself.
    ChannelToItself { cluster: String } =>
        "this channel joins cluster `{cluster}` to itself; name two different clusters or remove it";
    /// Two channels between the same clusters.
    DuplicateChannel { first_cluster: String, second_cluster: String, first: Place } =>
        "clusters `{first_cluster}` and `{second_cluster}` are already joined by a channel ({first}); remove one of the two";
    /// More vcores than cores.
    TooManyVcores { process: String, vcores: u32, cluster: String, cores: usize, place: Place } =>
        "`vcores` of process `{process}` is {vcores}, but cluster `{cluster}` has cores for at most {cores} ({place}); lower `vcores` or give the cluster more cores";
    /// Not one core for each vcore.
    VcoreCores { process: String, cores: usize, vcores: u32, place: Place } =>
        "`cores` of process `{process}` has length {cores}, but `vcores` is {vcores} ({place}); name one core for each vcore, or leave `cores` out";
    /// A vcore, service or driver on a core of another cluster, or of none.
    CoreNotInCluster { who: String, core: u32, cluster: String, place: Place } =>
        "{who} on core {core}, which cluster `{cluster}` does not have ({place}); name cores of that cluster";
    /// Two vcores of a process on one core.
    VcoreCoreRepeated { process: String, core: u32, first: Place } =>
        "process `{process}` has two vcores on core {core} (first at {first}); name a core once";
    /// A process that does not exist.
    UnknownPeer { name: String, process: String, does: &'static str, hint: String } =>
        "process `{process}` {does} process `{name}`, which does not exist: {hint}";
    /// A program that does not exist.
    UnknownImage { image: String, process: String, hint: String } =>
        "process `{process}` runs image `{image}`, which is no program of this project: {hint}";
    /// A process that would wait for itself.
    CallsItself { process: String } =>
        "process `{process}` calls itself, which would never be answered; name other processes or take it out";
    /// A process that would give to itself what it has.
    GivesItself { process: String } =>
        "process `{process}` gives frames to itself, which it has anyway; name other processes or take it out";
    /// A process under another server.
    PeerElsewhere { process: String, cluster: String, does: &'static str, peer: String, other: String, place: Place, what: &'static str } =>
        "process `{process}` of cluster `{cluster}` {does} process `{peer}`, which runs in cluster `{other}` ({place}); {what} stay within a cluster: move one of the two";
    /// A process that is named twice.
    PeerRepeated { process: String, does: &'static str, peer: String, first: Place } =>
        "process `{process}` {does} process `{peer}` twice (first at {first}); name it once";
    /// More frames than a server has places for.
    TooManyClusterFrames { process: String, frames: u32, cluster: String, place: Place, count: u32, max: usize } =>
        "`frames` of process `{process}` is {frames}, which makes {count} for the processes of cluster `{cluster}` ({place}), but at most {max} are possible; lower it, or move a process to another cluster";
    /// A device that another cluster drives.
    ServiceDeviceElsewhere { service: String, cluster: String, device: String, owner: String, place: Place } =>
        "service `{service}` runs in cluster `{cluster}`, but its device `{device}` belongs to cluster `{owner}` ({place}); a service runs in the cluster of its device: move one of the two";
    /// A device that a service of its kind cannot use.
    ServiceDeviceKind { service: String, kind: &'static str, needed: &'static str, device: String, found: &'static str, place: Place } =>
        "service `{service}` is of kind `{kind}`, which uses a device of kind `{needed}`, but device `{device}` ({place}) is of kind `{found}`; name another device or change one of the kinds";
    /// A network device of two services.
    NetworkDeviceShared { device: String, first_service: String, first: Place, service: String } =>
        "network device `{device}` is that of service `{first_service}` ({first}) and again that of service `{service}`; a network device has one service: give one of them another device";
    /// Text that is no address of a machine with its network, or no address of a gateway.
    BadAddress { key: &'static str, table: String, value: String, example: &'static str } =>
        "`{key}` of {table} is \"{value}\", which is no address that a machine may have in a network of IPv4; write one such as \"{example}\"";
    /// An address without a gateway, or a gateway without an address.
    NetworkIncomplete { table: String, key: &'static str, missing: &'static str } =>
        "{table} has `{key}`, but no `{missing}`; add that, or take out `{key}`: without both the service asks by DHCP";
    /// A gateway that cannot be reached.
    GatewayElsewhere { gateway: String, table: String, network: String, place: Place } =>
        "`gateway` of {table} is {gateway}, which is no other address of its network {network} ({place}); name the address of a router of that network";
    /// A partition of two services.
    PartitionUsedTwice { partition: String, device: String, first_service: String, first: Place, service: String } =>
        "partition `{partition}` of device `{device}` is that of service `{first_service}` ({first}) and again that of service `{service}`; a partition belongs to one service: give one of them another one with `partition`";
    /// A partition of two processes.
    PartitionShared { service: String, place: Place, first_process: String, first: Place, process: String } =>
        "service `{service}` ({place}) gives its partition to process `{first_process}` ({first}) and again to process `{process}`; nothing keeps two apart that lay out one partition themselves: give one of them a service and a partition of its own";
    /// A service that does not exist.
    UnknownService { name: String, process: String, hint: String } =>
        "process `{process}` uses service `{name}`, which does not exist: {hint}";
    /// A service that is named twice.
    ServiceRepeated { process: String, service: String, first: Place } =>
        "process `{process}` uses service `{service}` twice (first at {first}); name it once";
    /// A service that a process cannot be connected to.
    NoServiceChannel { process: String, cluster: String, service: String, other: String, place: Place } =>
        "process `{process}` of cluster `{cluster}` uses service `{service}`, which runs in cluster `{other}` ({place}), but no channel joins the two; add a [[channel]] between them";
    /// More vcores than a server has rings for.
    TooManyClusterVcores { process: String, vcores: u32, cluster: String, place: Place, count: usize, max: usize } =>
        "process `{process}` with its {vcores} vcores makes {count} vcores of the processes of cluster `{cluster}` ({place}), but its server has rings for at most {max}; lower `vcores` or move a process to another cluster";
    /// More connections than a service has rings for.
    TooManyServiceConnections { process: String, vcores: u32, service: String, place: Place, count: usize, max: usize } =>
        "process `{process}` with its {vcores} vcores makes {count} connections of service `{service}` ({place}), which has rings for at most {max}; lower `vcores` or take the service out";
    /// More connections than an encoded plan holds.
    TooManyConnections { process: String, vcores: u32, place: Place, services: usize, count: usize, max: usize } =>
        "process `{process}` connects each of its {vcores} vcores ({place}) to {services} services, which makes {count} connections with those of services and of the processes before it, but at most {max} are possible; lower `vcores` or take services out";
}

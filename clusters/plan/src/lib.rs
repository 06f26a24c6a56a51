//! The plan: the one description of a machine from which kernels, loader, root tasks, servers and processes are built.
//!
//! A plan is written as TOML. [`Plan::load`] parses it, checks everything that can be checked before anything is built,
//! lays out physical memory, and gives a [`CheckedPlan`], which encodes itself for the machine ([`CheckedPlan::encode`]),
//! sets the build ([`CheckedPlan::cmake`]) and draws itself ([`CheckedPlan::draw`]). What is wrong with a plan comes back
//! as [`PlanErrors`]: all of it at once, in file order, each error with its place.
//!
//! The data goes one way: text -> [`Plan`] (what was written, with places) -> checks -> [`CheckedPlan`].
//!
//! # The format
//!
//! All keys that there are; a key that is not here is an error. Sizes are a whole number and `KiB`, `MiB` or `GiB`. Names are
//! 1 to 32 characters out of `a-z`, `0-9` and `-`. Cores are numbered from 0 by APIC identifier.
//!
//! ```
//! # let text = r##"
//! name = "example"                 # optional: the file's stem
//!
//! [machine]
//! cores = 4
//! memory = "512 MiB"               # at most 2 GiB
//! kernel-mode = "per-cluster"      # or "shared": one kernel, so clusters agree in ticks, quanta and options
//! measured = false                 # optional: false; true: for benchmarks, services and drivers count what they do
//! timeline = "256 KiB"             # optional: none; in so much memory each component notes what it does, the newest: see docs/timeline.md
//!
//! [[cluster]]
//! name = "io"
//! cores = [0, 1]                   # ascending; some cluster has core 0
//! memory = "128 MiB"               # whole 2 MiB; at least 48 MiB for each kernel
//! kind = "LL"                      # low-latency, or "CG", coarse-grained
//! quantum-ms = 10                  # a multiple of the tick
//! timer-tick-ms = 2                # optional: 2
//! devices = ["disk0", "net0"]      # optional: none
//! doorbell = "interrupt"           # optional; or "masked": its server polls, on a core of its own
//! kernel = { KernelPrinting = false }   # optional: KERNEL_OPTIONS
//!
//! [[cluster]]
//! name = "compute"
//! cores = [2, 3]
//! memory = "128 MiB"
//! kind = "CG"
//! quantum-ms = 100
//!
//! [[device]]                       # each belongs to one cluster
//! name = "disk0"
//! kind = "virtio-blk"
//! pci = "0:4.0"                    # bus:device.function, hexadecimal
//! core = 1                         # optional: its driver's core; the first one of the cluster
//!
//! [[device]]
//! name = "net0"
//! kind = "virtio-net"              # has one service, of sockets
//! pci = "0:5.0"
//!
//! [[service]]                      # answers the calls of processes
//! name = "files"
//! kind = "files"                   # the files of an ext4 file system; or "blocks": the partition as it is, of `size` or 16 MiB
//! cluster = "io"                   # the cluster that claims the device
//! device = "disk0"                 # of that cluster; several services may have partitions of it
//! partition = "files"              # optional: the service's own name
//! size = "32 MiB"                  # optional, where a run makes the disk: at least that; else the files, and 16 MiB if writable
//! heap = "8 MiB"                   # optional: 8 MiB for files, 1 MiB for blocks; at least 1 MiB, and 8 MiB for files that are written
//! core = 0                         # optional: the first one of the cluster, where its server is
//! restart = { times = 3, within-ms = 60000 }  # optional, that; clusters (their servers) and devices (drivers) have it too
//!
//! [[service]]
//! name = "net"
//! kind = "sockets"                 # of TCP and UDP; it has no partition
//! cluster = "io"
//! device = "net0"
//! address = "10.0.2.15/24"         # its own, with the bits of its network; without it and `gateway`, it asks by DHCP
//! gateway = "10.0.2.2"             # where what is for other networks goes
//! heap = "8 MiB"                   # optional: 8 MiB
//!
//! [[channel]]                      # at most one between two clusters
//! between = ["io", "compute"]
//!
//! [[process]]
//! name = "digest"
//! image = "digest"
//! cluster = "compute"
//! vcores = 2
//! cores = [2, 3]                   # optional: the last cores of the cluster
//! blocks = 64                      # optional: 64 blocks of 4 KiB in its pool
//! heap = "1 MiB"                   # optional: 1 MiB, or what is needed; whole 4 KiB
//! uthreads = 64                    # optional: 64 at a time beside the first, each with a stack of 32 KiB
//! services = ["files"]             # optional: none; of its own cluster, or of one to which a channel leads
//! frames = 2                       # optional: none; frames of 2 MiB of its own, that it may give to others
//! gives = []                       # optional: none; the processes of its cluster to which it may give frames that it holds
//! observer = false                 # optional; true: it may read the plan and watch all connections of the machine
//! operator = false                 # optional; true: it may watch its cluster's connections and stop components of its kernel
//! restart = { times = 2, within-ms = 60000 }  # optional: never; how often it is started again when it took a fault
//! # "##;
//! # let plan = atoll_plan::Plan::from_text("example.toml", text).unwrap();
//! # assert_eq!(plan.cluster_names(), ["io", "compute"]);
//! # assert!(plan.encode().processes()[0].may_use(0));
//! ```
//!
//! A `restart` may also say `start-within-ms`, by default 60000: a component that has not said by then that it has started is
//! stopped, as if it had taken a fault. The start of a process without `restart` may take any time. A server, service or driver has started when it can be used; a process when it has
//! begun its main function, or says so itself (`atoll_runtime::entry!`). The root task of each kernel has a comparator of the
//! HPET for this, behind those of the clusters; a cluster that masks its doorbell is not interrupted by it.
//!
//! A plan has one connection from each service to the driver of its device, and one from each vcore to each service that its
//! process uses. How many there may be of everything is in [`atoll_abi::plan`]: 16 clusters, 64 processes in a cluster, 64 vcores
//! in a process, and what a server or service has tables for. [`Need`] says what the root task of an instance makes of a plan; one
//! with many processes or large pools sets `kernel = { KernelRootCNodeSizeBits = 15 }` or more.

#![forbid(unsafe_code)]

mod check;
mod checked;
mod cmake;
mod diagnostics;
mod draw;
mod error;
mod fingerprint;
mod layout;
mod need;
mod options;
mod read;
mod shown;
mod size;
mod source;
mod suggest;
mod table;
mod written;

pub use checked::CheckedPlan;
pub use diagnostics::{Place, PlanError, PlanErrors};
pub use error::ErrorKind;
pub use layout::{
    INSTANCE_OVERHEAD, LARGE_PAGE, MAX_INSTANCES, MAX_MACHINE_MEMORY, MIN_INSTANCE_MEMORY,
    RESERVED_HIGH, RESERVED_LOW, SERIAL_PORTS,
};
pub use need::{Amount, Need, Part, image_pages};
pub use options::{KERNEL_OPTIONS, KernelOption, OptionValue};
pub use shown::{Shown, printable, shown};
pub use source::{MAX_BYTES, images, read as read_source};
pub use written::Plan;

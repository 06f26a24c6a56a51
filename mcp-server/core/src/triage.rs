//! Triage: who serves a call.

use atoll_abi::syscall::Call;

/// Who serves a call that has reached a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The server of the process's own cluster.
    Server,
    /// The server of the cluster that has the process's files, which may be the same one.
    FileCluster,
}

/// Who serves each call.
pub const TABLE: [(Call, Service); Call::ALL.len()] = [
    (Call::Open, Service::FileCluster),
    (Call::Stat, Service::FileCluster),
    (Call::Read, Service::FileCluster),
    (Call::Close, Service::FileCluster),
    (Call::Print, Service::Server),
    (Call::Exit, Service::Server),
    (Call::BecomeMcp, Service::Server),
    (Call::RequestVcores, Service::Server),
    (Call::YieldVcore, Service::Server),
    (Call::Cancel, Service::Server),
    (Call::Sleep, Service::Server),
];

/// Who serves a call.
pub fn service(call: Call) -> Service {
    TABLE
        .iter()
        .find(|(entry, _)| *entry == call)
        .map_or(Service::Server, |&(_, service)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_in_the_table_once() {
        for call in Call::ALL {
            assert_eq!(TABLE.iter().filter(|(entry, _)| *entry == call).count(), 1);
        }
    }

    #[test]
    fn only_files_are_served_elsewhere() {
        for call in Call::ALL {
            let file = matches!(call, Call::Open | Call::Stat | Call::Read | Call::Close);
            assert_eq!(service(call) == Service::FileCluster, file, "{call:?}");
        }
    }
}

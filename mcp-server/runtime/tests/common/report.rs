//! What became of a process.

use atoll_abi::syscall::Route;

use super::server::Server;

/// What became of a process.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub status: u64,
    pub lines: Vec<String>,
    /// Calls by channel: to the server, then to the service of each port.
    pub calls: [usize; 4],
    pub most_outstanding: usize,
    pub granted: usize,
    pub given_back: usize,
    pub alarms: usize,
    /// Calls with a handle that the service does not know.
    pub bad_handles: usize,
    pub unmatched: u64,
    pub free_blocks: usize,
    pub blocks_in_flight: usize,
    /// How often calls were made visible.
    pub publications: u64,
    /// Answers in the histograms of latencies.
    pub latencies: u64,
    pub routes: [u64; Route::COUNT],
    pub poll_budget: u32,
    /// Calls that were submitted and never ended.
    pub outstanding_calls: usize,
    /// The file of each service, at the end.
    pub files: Vec<Vec<u8>>,
    /// How often a uthread became ready.
    pub readied: usize,
}

impl Report {
    /// The process ended with status 0, and everything that it used came back.
    pub fn ended_well(&self, blocks: usize) {
        assert_eq!((self.status, self.unmatched), (0, 0), "{self:?}");
        assert_eq!(self.outstanding_calls, 0, "{self:?}");
        let found = (self.free_blocks, self.blocks_in_flight);
        assert_eq!(found, (blocks, 0), "{self:?}");
    }
}

pub(super) fn finish(server: Server) -> Report {
    let (runtime, mut report) = (server.runtime, server.report);
    report.files = server.files;
    report.unmatched = runtime.unmatched_completions();
    report.free_blocks = runtime.free_blocks();
    report.blocks_in_flight = runtime.blocks_in_flight();
    report.routes = runtime.routes();
    report.poll_budget = runtime.poll_budget();
    report.outstanding_calls = runtime.outstanding();
    if let Some(status) = *server.host.ended_alone.lock().unwrap() {
        assert_eq!(report.status, u64::MAX, "the process ended twice");
        report.status = status;
    }
    let lines = server.lines.iter().flatten();
    for endpoint in lines.filter_map(|line| line.endpoint.as_ref()) {
        report.publications += endpoint.receiver.telemetry().batches;
        report.latencies += endpoint.sender.telemetry().latency.iter().sum::<u64>();
    }
    report
}

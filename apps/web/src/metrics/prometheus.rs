//! A node in Prometheus's text format.

use alloc::string::String;
use core::fmt::Write as _;

use super::text::{Kind, metric, single};
use super::{Direction, HolderKind, Node};

/// A number as the value of a label; nothing where there is none.
fn digits(number: Option<u32>) -> String {
    let mut text = String::new();
    if let Some(number) = number {
        let _ = write!(text, "{number}");
    }
    text
}

pub(super) fn write(node: &Node) -> String {
    let mut out = String::new();
    about_node(&mut out, node);
    about_processes(&mut out, node);
    about_channels(&mut out, node);
    about_traffic(&mut out, node);
    out
}

fn about_node(out: &mut String, node: &Node) {
    let (plan, address) = (node.name.as_deref(), node.address.as_deref());
    if plan.is_some() || address.is_some() {
        let labels = [
            ("plan", plan.unwrap_or_default()),
            ("address", address.unwrap_or_default()),
        ];
        let help = "The plan and the address of the node; the value is always 1.";
        metric(out, "atoll_node_info", Kind::Gauge, help).sample(&labels, 1u64);
    }
    let help = "Milliseconds since the server of this text started.";
    single(
        out,
        "atoll_uptime_milliseconds",
        Kind::Counter,
        help,
        node.uptime_ms,
    );
    let help = "Who has a core; the value is always 1.";
    let mut cores = metric(out, "atoll_core_holder_info", Kind::Gauge, help);
    for cluster in &node.clusters {
        let kernel = digits(cluster.kernel);
        for core in &cluster.cores {
            let number = digits(Some(core.number));
            for holder in &core.holders {
                let (kind, vcore) = match holder.kind {
                    HolderKind::Vcore(vcore) => ("vcore", Some(vcore)),
                    HolderKind::Server => ("server", None),
                    HolderKind::Service => ("service", None),
                    HolderKind::Driver => ("driver", None),
                };
                let labels = [
                    ("cluster", cluster.name.as_str()),
                    ("kernel", kernel.as_str()),
                    ("core", number.as_str()),
                    ("holder", holder.name.as_str()),
                    ("kind", kind),
                    ("vcore", &digits(vcore)),
                ];
                cores.sample(&labels, 1u64);
            }
        }
    }
    let help = "Cores of a cluster.";
    let mut counts = metric(out, "atoll_cluster_cores", Kind::Gauge, help);
    for cluster in &node.clusters {
        let kernel = digits(cluster.kernel);
        let labels = [("cluster", cluster.name.as_str()), ("kernel", &kernel)];
        counts.sample(&labels, cluster.cores.len() as u64);
    }
}

fn about_processes(out: &mut String, node: &Node) {
    let help = "What a process does; the value is always 1.";
    let mut states = metric(out, "atoll_process_state_info", Kind::Gauge, help);
    for process in &node.processes {
        let cluster = process.cluster.as_deref().unwrap_or_default();
        let state = process.state.as_str();
        states.sample(
            &[
                ("process", &process.name),
                ("cluster", cluster),
                ("state", state),
            ],
            1u64,
        );
    }
    let mut each = |name, help, value: fn(&super::Process) -> Option<u32>| {
        let mut gauge = metric(out, name, Kind::Gauge, help);
        for process in &node.processes {
            if let Some(value) = value(process) {
                let cluster = process.cluster.as_deref().unwrap_or_default();
                gauge.sample(&[("process", &process.name), ("cluster", cluster)], value);
            }
        }
    };
    each("atoll_process_generation", "Lives of a process.", |it| {
        it.generation
    });
    each(
        "atoll_process_vcores_granted",
        "Vcores that a process has.",
        |it| it.vcores_granted,
    );
    each(
        "atoll_process_vcores_max",
        "Vcores that a process may have.",
        |it| it.vcores_max,
    );
    let memory = &node.memory;
    let help = "Bytes of the heap of the server of this text.";
    single(out, "atoll_heap_bytes", Kind::Gauge, help, memory.heap);
    let help = "Blocks of the pool of the server of this text.";
    single(out, "atoll_pool_blocks", Kind::Gauge, help, memory.blocks);
    let help = "Blocks of the pool that are in calls which ended early.";
    single(
        out,
        "atoll_pool_blocks_in_flight",
        Kind::Gauge,
        help,
        memory.blocks_in_flight,
    );
}

fn about_channels(out: &mut String, node: &Node) {
    let mut each = |name, kind, help, value: fn(&Direction) -> u64| {
        let mut metric = metric(out, name, kind, help);
        for channel in &node.channels {
            let (number, vcore) = (digits(Some(channel.number)), digits(channel.vcore));
            let ways = [
                ("to_provider", channel.to_provider),
                ("to_client", channel.to_client),
            ];
            for (way, direction) in ways {
                let labels = [
                    ("channel", number.as_str()),
                    ("client", &channel.client),
                    ("vcore", &vcore),
                    ("provider", &channel.provider),
                    ("route", channel.route.as_str()),
                    ("direction", way),
                ];
                if let Some(direction) = direction {
                    metric.sample(&labels, value(&direction));
                }
            }
        }
    };
    let help = "Messages on a channel.";
    each("atoll_channel_messages_total", Kind::Counter, help, |it| {
        it.messages
    });
    let help = "Doorbells that were rung for messages on a channel.";
    each("atoll_channel_doorbells_total", Kind::Counter, help, |it| {
        it.doorbells
    });
    if let Some(calls) = &node.calls {
        let help = "Calls of the server of this text by who answered them.";
        let mut metric = metric(out, "atoll_calls_total", Kind::Counter, help);
        metric.sample(&[("route", "runtime")], calls.runtime);
        metric.sample(&[("route", "server")], calls.server);
        metric.sample(&[("route", "service_here")], calls.service_here);
        metric.sample(&[("route", "service_elsewhere")], calls.service_elsewhere);
    }
}

fn about_traffic(out: &mut String, node: &Node) {
    let traffic = &node.traffic;
    let mut one = |name, kind, help, value| single(out, name, kind, help, Some(value));
    let help = "Requests that were answered.";
    one(
        "atoll_http_requests_total",
        Kind::Counter,
        help,
        traffic.requests,
    );
    let help = "Bytes that were received.";
    one(
        "atoll_http_received_bytes_total",
        Kind::Counter,
        help,
        traffic.bytes_received,
    );
    let help = "Bytes that were sent.";
    one(
        "atoll_http_sent_bytes_total",
        Kind::Counter,
        help,
        traffic.bytes_sent,
    );
    let help = "Connections that were accepted.";
    one(
        "atoll_http_connections_total",
        Kind::Counter,
        help,
        traffic.connections_accepted,
    );
    let help = "Connections that there are.";
    one(
        "atoll_http_connections",
        Kind::Gauge,
        help,
        traffic.connections_open,
    );
    let help = "Connections that there may be at a time.";
    one(
        "atoll_http_connections_max",
        Kind::Gauge,
        help,
        traffic.connections_most,
    );
    let help = "Answers by the first digit of their status.";
    let mut answers = metric(out, "atoll_http_answers_total", Kind::Counter, help);
    for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"]
        .iter()
        .zip(traffic.answers)
    {
        answers.sample(&[("class", class)], count);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::super::Node;
    use super::super::sample::sample;

    /// Checks the text line by line as its format wants it; the names of its metrics.
    fn check(text: &str) -> Vec<&str> {
        assert!(text.ends_with('\n'));
        let (mut names, mut series) = (Vec::new(), BTreeSet::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').unwrap();
                assert!(!words.contains('\\') && !words.is_empty());
                let kind = lines.next().unwrap();
                let kind = kind
                    .strip_prefix("# TYPE ")
                    .and_then(|it| it.strip_prefix(name));
                let kind = kind.unwrap();
                assert!([" counter", " gauge"].contains(&kind), "{kind}");
                assert!(!names.contains(&name), "{name} is there twice");
                names.push(name);
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            value.parse::<u64>().unwrap();
            assert!(series.insert(sample), "{sample} is there twice");
            let name = sample.split('{').next().unwrap();
            assert_eq!(Some(&name), names.last(), "{line}");
            assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'));
            assert_eq!(sample.contains('{'), sample.ends_with('}'));
        }
        names
    }

    #[test]
    fn a_node_is_text_for_prometheus() {
        let text = sample().to_prometheus();
        check(&text);
        for line in [
            r#"atoll_node_info{plan="2x2 \"test\"",address="10.0.2.15"} 1"#,
            r#"atoll_core_holder_info{cluster="io",kernel="0",core="0",holder="web\\1\n",kind="vcore",vcore="1"} 1"#,
            r#"atoll_channel_messages_total{channel="3",client="web\\1\n",vcore="1",provider="files",route="same-kernel",direction="to_provider"} 10"#,
            r#"atoll_calls_total{route="service_elsewhere"} 4"#,
            r#"atoll_http_answers_total{class="2xx"} 5"#,
            "atoll_http_sent_bytes_total 1099511627776",
            "# TYPE atoll_http_sent_bytes_total counter",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(
            !text.contains("to_client"),
            "nobody knows what went that way"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let names = check(&Node::default().to_prometheus()).join(" ");
        assert!(
            names.split(' ').all(|name| name.starts_with("atoll_http_")),
            "{names}"
        );
    }
}

//! A node as JSON.

use alloc::string::String;
use core::fmt::Write as _;

use super::{Calls, Channel, Cluster, Core, Direction, Holder, HolderKind, Node, Process};
use crate::escape;

/// Writes values one inside of the other, with the commas between them.
struct Writer {
    out: String,
    /// A value was written since the last bracket was opened.
    is_behind_value: bool,
}

pub(super) fn write(node: &Node) -> String {
    let mut writer = Writer {
        out: String::new(),
        is_behind_value: false,
    };
    writer.object(None, |node_object| {
        node_object.text("name", node.name.as_deref());
        node_object.text("address", node.address.as_deref());
        node_object.number("uptime_ms", node.uptime_ms);
        node_object.list("clusters", &node.clusters, cluster);
        node_object.list("processes", &node.processes, process);
        node_object.list("channels", &node.channels, channel);
        calls(node_object, node.calls.as_ref());
        node_object.object(Some("traffic"), |out| {
            let traffic = &node.traffic;
            out.number("requests", Some(traffic.requests));
            out.numbers("answers", traffic.answers);
            out.number("bytes_received", Some(traffic.bytes_received));
            out.number("bytes_sent", Some(traffic.bytes_sent));
            out.number("connections_accepted", Some(traffic.connections_accepted));
            out.number("connections_open", Some(traffic.connections_open));
            out.number("connections_most", Some(traffic.connections_most));
        });
        node_object.object(Some("memory"), |out| {
            out.number("heap", node.memory.heap);
            out.number("blocks", node.memory.blocks);
            out.number("blocks_in_flight", node.memory.blocks_in_flight);
        });
    });
    writer.out
}

fn cluster(out: &mut Writer, cluster: &Cluster) {
    out.text("name", Some(&cluster.name));
    out.number("kernel", cluster.kernel);
    out.number("generation", cluster.generation);
    out.list("cores", &cluster.cores, core);
}

fn core(out: &mut Writer, core: &Core) {
    out.number("number", Some(core.number));
    out.list("holders", &core.holders, holder);
}

fn holder(out: &mut Writer, holder: &Holder) {
    out.text("name", Some(&holder.name));
    let (kind, vcore) = match holder.kind {
        HolderKind::Vcore(vcore) => ("vcore", Some(vcore)),
        HolderKind::Server => ("server", None),
        HolderKind::Service => ("service", None),
        HolderKind::Driver => ("driver", None),
    };
    out.text("kind", Some(kind));
    out.number("vcore", vcore);
}

fn process(out: &mut Writer, process: &Process) {
    out.text("name", Some(&process.name));
    out.text("cluster", process.cluster.as_deref());
    out.text("state", Some(process.state.as_str()));
    out.number("generation", process.generation);
    out.number("vcores_granted", process.vcores_granted);
    out.number("vcores_max", process.vcores_max);
    out.numbers("cores", process.cores.iter().map(|core| u64::from(*core)));
}

fn channel(out: &mut Writer, channel: &Channel) {
    out.number("number", Some(channel.number));
    out.text("client", Some(&channel.client));
    out.number("vcore", channel.vcore);
    out.text("provider", Some(&channel.provider));
    out.text("route", Some(channel.route.as_str()));
    direction(out, "to_provider", channel.to_provider);
    direction(out, "to_client", channel.to_client);
    out.number("slots", channel.slots);
    out.number("generation", channel.generation);
}

fn direction(out: &mut Writer, name: &str, direction: Option<Direction>) {
    let Some(direction) = direction else {
        return out.nothing(name);
    };
    out.object(Some(name), |out| {
        out.number("messages", Some(direction.messages));
        out.number("doorbells", Some(direction.doorbells));
    });
}

fn calls(out: &mut Writer, calls: Option<&Calls>) {
    let Some(calls) = calls else {
        return out.nothing("calls");
    };
    out.object(Some("calls"), |out| {
        out.number("runtime", Some(calls.runtime));
        out.number("server", Some(calls.server));
        out.number("service_here", Some(calls.service_here));
        out.number("service_elsewhere", Some(calls.service_elsewhere));
    });
}

impl Writer {
    /// What is before a value: a comma, and a name inside of an object.
    fn begin(&mut self, name: Option<&str>) {
        if self.is_behind_value {
            self.out.push(',');
        }
        if let Some(name) = name {
            escape::json(&mut self.out, name);
            self.out.push(':');
        }
        self.is_behind_value = true;
    }

    fn inside(&mut self, brackets: [char; 2], content: impl FnOnce(&mut Writer)) {
        let [open, close] = brackets;
        self.out.push(open);
        self.is_behind_value = false;
        content(self);
        self.out.push(close);
        self.is_behind_value = true;
    }

    fn object(&mut self, name: Option<&str>, content: impl FnOnce(&mut Writer)) {
        self.begin(name);
        self.inside(['{', '}'], content);
    }

    fn list<T>(&mut self, name: &str, items: &[T], content: impl Fn(&mut Writer, &T)) {
        self.begin(Some(name));
        self.inside(['[', ']'], |out| {
            for item in items {
                out.object(None, |out| content(out, item));
            }
        });
    }

    fn numbers(&mut self, name: &str, numbers: impl IntoIterator<Item = u64>) {
        self.begin(Some(name));
        self.inside(['[', ']'], |out| {
            for number in numbers {
                out.begin(None);
                out.digits(number);
            }
        });
    }

    fn number(&mut self, name: &str, number: Option<impl Into<u64>>) {
        match number {
            Some(number) => {
                self.begin(Some(name));
                self.digits(number.into());
            }
            None => self.nothing(name),
        }
    }

    fn digits(&mut self, number: u64) {
        // Nothing fails that writes to a string.
        let _ = write!(self.out, "{number}");
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => {
                self.begin(Some(name));
                escape::json(&mut self.out, text);
            }
            None => self.nothing(name),
        }
    }

    fn nothing(&mut self, name: &str) {
        self.begin(Some(name));
        self.out.push_str("null");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Node;
    use super::super::sample::sample;

    #[test]
    fn a_node_is_json() {
        let node: Value = serde_json::from_str(&sample().to_json()).unwrap();
        assert_eq!(node["name"], "2x2 \"test\"");
        assert_eq!(
            node["clusters"][0]["cores"][0]["holders"][1],
            json!({"name": "web\\1\n", "kind": "vcore", "vcore": 1})
        );
        assert_eq!(
            node["clusters"][0]["cores"][1],
            json!({"number": 0, "holders": []})
        );
        assert_eq!(node["clusters"][0]["generation"], Value::Null);
        assert_eq!(node["processes"][0]["state"], "many-core");
        assert_eq!(node["processes"][0]["cores"], json!([0]));
        let channel = &node["channels"][0];
        assert_eq!(
            channel["to_provider"],
            json!({"messages": 10, "doorbells": 2})
        );
        assert_eq!(channel["to_client"], Value::Null);
        assert_eq!(node["calls"]["service_elsewhere"], 4);
        assert_eq!(node["traffic"]["answers"], json!([0, 5, 1, 2, 1]));
        assert_eq!(node["traffic"]["bytes_sent"], 1u64 << 40);
        assert_eq!(
            node["memory"],
            json!({"heap": 1 << 20, "blocks": null, "blocks_in_flight": null})
        );
    }

    #[test]
    fn a_node_of_which_nothing_is_known_is_json_too() {
        let node: Value = serde_json::from_str(&Node::default().to_json()).unwrap();
        assert_eq!(node["calls"], Value::Null);
        assert_eq!(node["channels"], json!([]));
    }
}

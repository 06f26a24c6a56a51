//! The table that a person sees.

use super::figures::Figure;
use super::{Report, Throughput, counts};

/// A line of a case.
fn line(it: &Figure) -> String {
    let [least, most] = it.spread;
    let target = it
        .case
        .target
        .map_or(String::new(), |it| format!("{it:.1}"));
    format!(
        "{:<11} {:>11} {:>8} {:>10.0} {:>10.0} {:>7.2} {:>6.2}-{:<6.2} {:>9.2} {:>7}  {}",
        it.case.name(),
        it.case.connections,
        it.case.pipeline,
        it.atoll,
        it.linux,
        it.ratio,
        least,
        most,
        it.cpu_ratio,
        target,
        it.verdict.unwrap_or("no target"),
    )
}

fn throughput(all: &Throughput) -> Vec<String> {
    let mut lines = vec![
        format!(
            "answers in a second: medians of {} rounds of {} s, in which Atoll and Linux {} take turns; ratios are Atoll / Linux",
            all.rounds, all.seconds, all.linux
        ),
        format!(
            "{:<11} {:>11} {:>8} {:>10} {:>10} {:>7} {:^13} {:>9} {:>7}  verdict",
            "what",
            "connections",
            "pipeline",
            "Atoll",
            "Linux",
            "ratio",
            "spread",
            "host CPU",
            "target"
        ),
    ];
    lines.extend(all.figures.iter().map(line));
    lines.push("host CPU: what an answer took of the host's processors, Atoll / Linux".to_owned());
    let [atoll, linux] = all.idle.map(|it| 100.0 * it);
    lines.push(format!(
        "while it was not asked, Atoll took at most {atoll:.0} % of a processor of the host, Linux {linux:.0} %"
    ));
    lines.extend(all.remarks.iter().cloned());
    lines
}

pub fn table(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Some(all) = &report.throughput {
        lines.extend(throughput(all));
    }
    if !report.counts.is_empty() {
        lines.extend(counts::lines(&report.counts));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::node::figures::{Case, tests::round};

    #[test]
    fn each_case_has_a_line_with_its_verdict() {
        let cases = Case::all(true);
        let figure = |it: &Case| Figure::new(it.clone(), vec![round(3.0, 2.0)]);
        let throughput = Throughput {
            rounds: 1,
            seconds: 2.0,
            linux: "6.1".to_owned(),
            appendfsync: None,
            figures: cases.iter().map(figure).collect(),
            idle: [0.02, 0.01],
            remarks: vec!["a remark".to_owned()],
        };
        let text = table(&Report {
            throughput: Some(throughput),
            counts: Vec::new(),
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 10 + 3);
        assert!(lines[2].starts_with("SET 3 B ") && lines[2].ends_with("no target"));
        let last = lines[11];
        assert!(
            last.starts_with("/files/1m") && last.ends_with("1.5  met"),
            "{last}"
        );
        assert!(last.contains(" 1.50   1.50-1.50 "), "{last}");
        assert!(lines[13].contains("at most 2 %") && lines[13].ends_with("Linux 1 %"));
        assert_eq!(lines[14], "a remark");
    }
}

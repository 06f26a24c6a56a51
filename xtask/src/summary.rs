//! The table that a person sees at the end of a run.

use std::fmt::Write;

use crate::report::{Report, Verdict};

/// A short table of a report.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_table(&mut text, report);
    text
}

fn write_table(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "plan      {} ({}), {}",
        report.plan.name,
        report.plan.mode,
        match &report.plan.booted {
            Some(fingerprint) => format!("fingerprint {fingerprint}, as the machine told"),
            None => "which the machine did not tell".to_owned(),
        }
    )?;
    for port in &report.forwarded {
        writeln!(text, "forward   {port}")?;
    }
    for instance in &report.instances {
        let cores: Vec<_> = instance.cores.iter().map(u32::to_string).collect();
        writeln!(
            text,
            "instance  {:<12} {:<8} cores {:<9} memory {:#x}-{:#x}  tick {} ms",
            instance.name,
            instance.kernel,
            cores.join(","),
            instance.memory.0,
            instance.memory.1,
            instance.tick_ms
        )?;
    }
    for process in &report.processes {
        writeln!(
            text,
            "process   {:<12} {:<8} vcores {:<8} status {}",
            process.name, process.cluster, process.vcores, process.status
        )?;
    }
    for process in &report.processes {
        for channel in &process.channels {
            writeln!(
                text,
                "channel   {:<12} to {:<8} vcore {}: sent {}, received {}, doorbells {} rung, {} heard",
                process.name,
                channel.service,
                channel.vcore,
                channel.sent,
                channel.received,
                channel.doorbells,
                channel.peer_doorbells
            )?;
        }
    }
    if !report.poll_budgets.is_empty() {
        let budgets: Vec<String> = report
            .poll_budgets
            .iter()
            .map(|budget| format!("{} {}", budget.who, budget.looks))
            .collect();
        writeln!(text, "looks     before it blocks: {}", budgets.join(", "))?;
    }
    for restarted in &report.restarts {
        writeln!(
            text,
            "restart   {} in generation {}",
            restarted.who, restarted.generation
        )?;
    }
    for who in &report.down {
        writeln!(text, "down      {who}")?;
    }
    writeln!(
        text,
        "audit     {}: {} frames in {} ranges",
        report.audit.verdict, report.audit.frames, report.audit.ranges
    )?;
    if let Some(idle) = &report.idle {
        writeln!(
            text,
            "idle      {:.2} s of CPU time in {:.1} s",
            idle.cpu_seconds, idle.seconds
        )?;
    }
    if let Some(digest) = &report.digest {
        writeln!(
            text,
            "digest    {} lines, {} words, {} bytes",
            digest.lines, digest.words, digest.bytes
        )?;
        writeln!(text, "sha256    {}", digest.sha256)?;
    }
    if report.verdict == Verdict::Pass {
        writeln!(text, "pass      after {:.1} s", report.seconds)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::tests::GOOD_RUN;
    use crate::report::tests::report_of;
    use crate::simulate::{Forwarded, Protocol};

    #[test]
    fn the_table_says_everything_that_matters() {
        let text = table(&report_of(GOOD_RUN));
        for part in [
            "instance  io           smp",
            "process   digest       compute  vcores 2        status 0",
            "channel   digest       to files    vcore 1: sent 4, received 4, doorbells 2 rung, 3 heard",
            "audit     ok: 88 frames",
            "digest    2 lines, 3 words, 4097 bytes",
            "sha256    00ff",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_port_that_leads_into_the_machine_has_a_line() {
        let mut report = report_of(GOOD_RUN);
        report.forwarded.push(Forwarded {
            protocol: Protocol::Udp,
            host: 5353,
            guest: 53,
        });
        let text = table(&report);
        assert!(
            text.contains("forward   udp 127.0.0.1:5353 leads to port 53\n"),
            "{text}"
        );
    }

    #[test]
    fn restarts_and_what_stays_down_have_a_line_each() {
        let mut lines = GOOD_RUN.to_vec();
        lines.extend([
            (
                0,
                r#"@atoll {"event":"restarted","who":"service:files","generation":2}"#,
            ),
            (
                0,
                r#"@atoll {"event":"down","who":"driver:disk","restarts":3}"#,
            ),
        ]);
        let text = table(&report_of(&lines));
        for line in [
            "restart   service:files in generation 2\n",
            "down      driver:disk\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}

//! Boots of a plan whose processes, services and drivers say what they have measured, in a machine that counts instructions.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::BootOptions;
use crate::simulate::{Ending, Files};
use crate::tools::Purpose;
use crate::{build, locate, plan, setup, simulate};

/// Builds a plan and boots it so many times; what was said in each boot. The options say where a boot's report is written.
///
/// # Errors
/// Where it cannot be built, a boot fails, or what is said is not what was to be measured.
pub fn measure<T: DeserializeOwned>(
    file: &Path,
    options: BootOptions,
    runs: u32,
) -> Result<Vec<Vec<T>>> {
    let loaded = plan::load(&file.display().to_string())?;
    let tools = setup::complete(Purpose::Run)?;
    let built = build::build(&loaded, &tools)?;
    let options = BootOptions {
        count_instructions: true,
        ..options
    };
    let report = options.report.as_deref().context("a boot has a report")?;
    let mut boots = Vec::new();
    for _ in 0..runs {
        let ended = simulate::simulate(
            &built,
            Files::open(&options)?,
            &options,
            Ending::ByItself,
            &tools,
        )?;
        if ended != ExitCode::SUCCESS {
            bail!("a boot of {} failed; see above", locate::shown(file));
        }
        boots.push(results(report)?);
    }
    Ok(boots)
}

/// What was said in a boot.
fn results<T: DeserializeOwned>(report: &Path) -> Result<Vec<T>> {
    let text = fs::read(report)
        .with_context(|| format!("cannot read the report {}", locate::shown(report)))?;
    let report: Value = serde_json::from_slice(&text).context("the report is not JSON")?;
    let results = report["results"].as_array().into_iter().flatten();
    results
        .map(|result| {
            let who = &result["process"];
            T::deserialize(&result["result"])
                .with_context(|| format!("{result} of {who} is not what is measured"))
        })
        .collect()
}

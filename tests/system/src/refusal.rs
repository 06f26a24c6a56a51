//! Calls that must be refused, at once and in words.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::context::Ended;
use crate::leftovers::check_none;
use crate::{Context, Failure, check};

/// Time that a call gets which has nothing to do.
pub const AT_ONCE: Duration = Duration::from_secs(60);

/// Makes a call that has nothing to do.
pub fn call(context: &Context, command: Command, folder: &Path) -> Result<Ended, Failure> {
    context.start(command, folder)?.wait(AT_ONCE)
}

/// Makes a call that must fail with a message, and leave nothing.
pub fn refused(
    context: &Context,
    mut command: Command,
    folder: &Path,
    message: &str,
) -> Result<(), Failure> {
    let scratch = folder.join("tmp");
    fs::create_dir_all(&scratch)?;
    if !command.get_envs().any(|(name, _)| name == "TMPDIR") {
        command.env("TMPDIR", &scratch);
    }
    let ended = call(context, command, folder)?;
    check!(!ended.status.success(), "it succeeded: {}", ended.shown());
    check!(
        ended.stderr.contains(message),
        "the message should have {message:?}: {}",
        ended.shown()
    );
    check!(
        !ended.stderr.contains("panicked"),
        "it panicked: {}",
        ended.shown()
    );
    check_none(&scratch)
}

//! Every plan in `clusters/plans/bad` is refused with exactly the text beside it, and every kind of error is among them.
//!
//! `ATOLL_BLESS=1 cargo test -p atoll-plan --test messages` writes the texts anew; read the difference before you keep it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use atoll_plan::{ErrorKind, Plan, PlanErrors};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/bad")
}

/// Stems of all bad plans. A text without a plan stands for a file that does not exist.
fn stems() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "toml" || it == "expected")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn refusal(stem: &str) -> PlanErrors {
    let path = folder().join(format!("{stem}.toml"));
    let label = format!("clusters/plans/bad/{stem}.toml");
    let images = atoll_plan::images(&folder().join("../../.."));
    let text = atoll_plan::read_source(path, &label);
    match text.and_then(|text| Plan::of_project(&label, &text, &images)) {
        Ok(_) => panic!("{stem}.toml is not refused"),
        Err(errors) => errors,
    }
}

#[test]
fn every_bad_plan_is_refused_with_exactly_its_text() {
    let mut wrong = Vec::new();
    for stem in stems() {
        let actual = format!("{}\n", refusal(&stem));
        let path = folder().join(format!("{stem}.expected"));
        if std::env::var_os("ATOLL_BLESS").is_some() {
            fs::write(&path, &actual).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if actual != expected {
            wrong.push(format!("{stem}: expected\n{expected}but got\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The refusal of a file that is longer than any plan.
fn too_long() -> PlanErrors {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(atoll_plan::MAX_BYTES + 1).unwrap();
    Plan::load_as(file.path(), "long.toml").unwrap_err()
}

#[test]
fn a_file_that_is_no_plan_is_not_read_to_its_end() {
    assert_eq!(
        too_long().to_string(),
        "long.toml:1:1: the file has more than 1048576 bytes, the most that a plan may have; name the TOML file of a plan"
    );
    // It never ends.
    let refused = Plan::load_as("/dev/zero", "zero.toml").unwrap_err();
    assert!(refused.to_string().contains("is not a regular file"));
}

#[test]
fn every_kind_of_error_is_in_a_bad_plan() {
    let seen: BTreeSet<&str> = stems()
        .iter()
        .flat_map(|stem| refusal(stem).errors().to_vec())
        .chain(too_long().errors().to_vec())
        .map(|error| error.kind.variant())
        .collect();
    let all: BTreeSet<&str> = ErrorKind::VARIANTS.iter().copied().collect();
    let unseen: Vec<_> = all.difference(&seen).collect();
    assert!(unseen.is_empty(), "no bad plan for {unseen:?}");
    println!(
        "{} kinds of error in {} bad plans",
        all.len(),
        stems().len()
    );
}

#[test]
fn errors_come_in_file_order() {
    for stem in stems() {
        let errors = refusal(&stem);
        let places: Vec<(usize, usize)> = errors
            .errors()
            .iter()
            .map(|error| (error.place.line, error.place.column))
            .collect();
        assert!(places.is_sorted(), "{stem}: {places:?}");
        assert!(!places.is_empty());
    }
}

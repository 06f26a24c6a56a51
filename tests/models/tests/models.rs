//! Every model holds, and every broken twin of it fails.

use std::fs;

use atoll_models::{Found, check, labels, path};

/// Checks a model and prints what was found.
fn find(model: &str, macros: &[&str]) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let found = check(&path(model), macros, folder.path());
    let found = found.unwrap_or_else(|error| panic!("{model} {macros:?}: {error}"));
    println!(
        "{model} {macros:?}: {} states, {}",
        found.states,
        found.error.as_deref().unwrap_or("holds")
    );
    found
}

/// The model holds, and every interesting state was reached.
fn holds(model: &str, macros: &[&str]) {
    let found = find(model, macros);
    assert_eq!(found.error, None);
    assert_eq!(found.unseen, [""; 0], "never reached");
    let source = fs::read_to_string(path(model)).unwrap();
    assert!(labels(&source).count() >= 6, "the model marks no states");
}

/// Each twin fails, for the reason that it was made to show. A twin is the macro that breaks it, and others behind it that
/// make it small.
fn fails(model: &str, twins: &[(&str, &str)]) {
    let source = fs::read_to_string(path(model)).unwrap();
    for (twin, why) in twins {
        let macros: Vec<&str> = twin.split(' ').collect();
        assert!(source.contains(macros[0]), "the model knows no {twin}");
        let found = find(model, &macros);
        let error = found.error.unwrap_or_else(|| panic!("{twin} holds"));
        assert!(error.contains(why), "{twin}: {error}");
    }
}

const BLOCKED: &str = "invalid end state";

#[test]
fn a_doorbell_loses_no_wake_up() {
    holds("doorbell.pml", &[]);
}

#[test]
fn on_x86_the_exchange_is_the_consumers_fence() {
    holds("doorbell.pml", &["X86_EXCHANGE"]);
    holds("doorbell.pml", &["X86_EXCHANGE", "NO_CONSUMER_FENCE"]);
}

#[test]
fn a_broken_doorbell_is_found() {
    fails(
        "doorbell.pml",
        &[
            ("NO_RECHECK", BLOCKED),
            ("NO_PRODUCER_FENCE", BLOCKED),
            ("NO_CONSUMER_FENCE", BLOCKED),
            ("PLAIN_STORE", BLOCKED),
            ("NO_TAKE", "owed"),
            ("RELAXED_PUBLISH", "memory[(consumed%2)]"),
            ("EARLY_FREE", "memory[(consumed%2)]"),
            ("FORGET_DOORBELL", BLOCKED),
        ],
    );
}

#[test]
fn nothing_of_an_old_generation_is_accepted() {
    holds("generation.pml", &[]);
}

#[test]
fn a_broken_generation_is_found() {
    fails(
        "generation.pml",
        &[
            ("NO_GENERATION_CHECK", "(message/16)==generation"),
            ("NO_INDEX_CHECK", "(found%16)"),
            ("NO_SECOND_LOOK", "(message/16)==generation"),
            ("NO_RETURN_FENCE CALLS=1", BLOCKED),
            ("NO_LOSS", BLOCKED),
            ("DOUBLE_LOSS", "submitted"),
            ("LATE_STORES", BLOCKED),
            ("UNANNOUNCED", BLOCKED),
        ],
    );
}

#[test]
fn a_consumer_that_comes_back_is_woken() {
    holds("restart.pml", &[]);
}

#[test]
fn a_broken_restart_is_found() {
    fails(
        "restart.pml",
        &[
            ("SWAP", BLOCKED),
            ("NO_RETURN", BLOCKED),
            ("NO_RECHECK", BLOCKED),
        ],
    );
}

/// A state that no execution reaches is noticed: a ring that carries one message is never full.
#[test]
fn a_state_that_is_never_reached_is_named() {
    let found = find("doorbell.pml", &["SPURIOUS=0", "MESSAGES=1"]);
    assert_eq!(found.error, None);
    assert!(
        found.unseen.iter().any(|label| label == "seen_full"),
        "{:?}",
        found.unseen
    );
}

/// A search that does not come to its end is no proof.
#[test]
fn a_model_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.pml");
    fs::write(&bad, "active proctype p() { nonsense }\n").unwrap();
    let error = check(&bad, &[], folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("spin says:"), "{error}");
}

//! Whatever is asked, with whatever hints, in whatever order reads and writes end, and however: no page is lost or torn, or in two places,
//! and what is protected less goes first.

mod data;
mod hints;

use atoll_pager::Hint;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use data::{Model, PAGES};

#[derive(Clone, Debug)]
enum Action {
    Request(u64, bool, Hint, usize),
    Prefetch(u64, Hint, usize),
    SetHint(u64, Hint),
    WaitBegins(u64),
    WaitEnds(usize),
    Evict(u64),
    WriteOut(u64),
    Unpin(usize, bool),
    Loaded(usize, u8),
    Written(usize, u8),
    FlushBegins,
    FlushEnds(usize, bool),
}

fn hint() -> impl Strategy<Value = Hint> {
    prop_oneof![
        Just(Hint::Normal),
        Just(Hint::Keep),
        Just(Hint::Streaming),
        Just(Hint::NoReuse),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let page = || 0..PAGES + 1;
    prop_oneof![
        6 => (page(), any::<bool>(), hint(), any::<usize>()).prop_map(|(page, write, hint, choice)| {
            Action::Request(page, write, hint, choice)
        }),
        2 => (page(), hint(), any::<usize>()).prop_map(|(page, hint, choice)| {
            Action::Prefetch(page, hint, choice)
        }),
        1 => (page(), hint()).prop_map(|(page, hint)| Action::SetHint(page, hint)),
        1 => page().prop_map(Action::WaitBegins),
        1 => any::<usize>().prop_map(Action::WaitEnds),
        1 => page().prop_map(Action::Evict),
        2 => page().prop_map(Action::WriteOut),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(which, write)| Action::Unpin(which, write)),
        6 => (any::<usize>(), any::<u8>()).prop_map(|(which, outcome)| Action::Loaded(which, outcome)),
        6 => (any::<usize>(), any::<u8>()).prop_map(|(which, outcome)| Action::Written(which, outcome)),
        1 => Just(Action::FlushBegins),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Action::FlushEnds(which, good)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn no_page_is_lost_or_torn(
        frames in 1..5usize,
        lru in any::<bool>(),
        actions in proptest::collection::vec(action(), 0..120),
    ) {
        let mut model = Model::new(frames, lru);
        actions.into_iter().for_each(|action| model.act(action));
        model.finish();
    }
}

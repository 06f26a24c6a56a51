//! Whatever is asked, in whatever order: a page is in one place, pools have what they are to have, and a pool says that it has no block
//! where that is so.

use std::collections::BTreeSet;

use atoll_abi::block::MAX_ORDER;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const BLOCKS: u32 = 24;

#[derive(Clone, Debug)]
enum Action {
    /// A new pool of so many pages.
    New(usize),
    /// Drops a pool.
    End(usize),
    Grow(usize, usize),
    Shrink(usize, usize),
    /// A block of a pool, of an order.
    Acquire(usize, u32),
    /// Drops a block.
    Drop(usize),
    /// A call is given up to so many blocks of one order.
    Lend(usize, usize),
    /// A call ends, and has returned its blocks or not.
    Settle(usize, bool),
    /// The blocks of a call that had ended early come back.
    TakeBack(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let which = || any::<usize>();
    prop_oneof![
        2 => (0..12usize).prop_map(Action::New),
        1 => which().prop_map(Action::End),
        2 => (which(), 0..12usize).prop_map(|(pool, pages)| Action::Grow(pool, pages)),
        2 => (which(), 0..12usize).prop_map(|(pool, pages)| Action::Shrink(pool, pages)),
        8 => (which(), 0..4u32).prop_map(|(pool, order)| Action::Acquire(pool, order / 2)),
        2 => (which(), 2..7u32).prop_map(|(pool, order)| Action::Acquire(pool, order)),
        4 => which().prop_map(Action::Drop),
        2 => (which(), 1..4usize).prop_map(|(first, most)| Action::Lend(first, most)),
        2 => (which(), any::<bool>()).prop_map(|(call, returned)| Action::Settle(call, returned)),
        1 => which().prop_map(Action::TakeBack),
    ]
}

/// What a pool is to have.
#[derive(Default)]
struct Expected {
    free: usize,
    out: usize,
    owed: usize,
}

/// Where a block is from: its pages, its order, and its pool's place in the model.
#[derive(Clone, Copy)]
struct Origin {
    first: u32,
    order: u32,
    pool: usize,
}

struct Model {
    pools: &'static Pools,
    /// The pools of the process so far, the common one first; `None` where one was dropped.
    handles: Vec<Option<Pool>>,
    expected: Vec<Expected>,
    blocks: Vec<(Block, Origin)>,
    calls: Vec<(Lent, Vec<Origin>)>,
    in_flight: Vec<Vec<Origin>>,
}

fn remove<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    let place = which.checked_rem(from.len())?;
    Some(from.swap_remove(place))
}

impl Model {
    fn new() -> Model {
        let all = Expected {
            free: BLOCKS as usize,
            ..Expected::default()
        };
        Model {
            pools: pools(BLOCKS),
            handles: vec![None],
            expected: vec![all],
            blocks: Vec::new(),
            calls: Vec::new(),
            in_flight: Vec::new(),
        }
    }

    /// The place of a pool that is in use, which is not the common one.
    fn pool(&self, which: usize) -> Option<usize> {
        let places = (0..self.handles.len()).filter(|place| self.handles[*place].is_some());
        let places: Vec<usize> = places.collect();
        Some(places[which.checked_rem(places.len())?])
    }

    fn source(&self, pool: usize) -> Source {
        match &self.handles[pool] {
            Some(pool) => pool.source(),
            None => Source::common_of(self.pools),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::New(pages) => self.begin(pages),
            Action::End(pool) => {
                let Some(pool) = self.pool(pool) else { return };
                self.handles[pool] = None;
                self.shrink(pool, usize::MAX);
            }
            Action::Grow(pool, pages) => {
                let Some(pool) = self.pool(pool) else { return };
                let grown = self.handles[pool].as_ref().unwrap().grow(pages);
                let kept = pages.min(self.expected[pool].owed);
                let moved = (pages - kept).min(self.expected[0].free);
                self.expected[pool].owed -= kept;
                self.expected[pool].free += moved;
                self.expected[0].free -= moved;
                assert_eq!(grown, kept + moved);
            }
            Action::Shrink(pool, pages) => {
                let Some(pool) = self.pool(pool) else { return };
                let moved = self.handles[pool].as_ref().unwrap().shrink(pages);
                assert_eq!(moved, self.shrink(pool, pages));
            }
            Action::Acquire(pool, order) => {
                let pool = match pool % 3 {
                    0 => 0,
                    _ => self.pool(pool / 3).unwrap_or(0),
                };
                self.acquire(pool, order);
            }
            Action::Drop(block) => {
                if let Some((block, origin)) = remove(&mut self.blocks, block) {
                    drop(block);
                    self.came_back(origin);
                }
            }
            Action::Lend(first, most) => self.lend(first, most),
            Action::Settle(call, returned) => {
                let Some((lent, origins)) = remove(&mut self.calls, call) else {
                    return;
                };
                let blocks = lent.settle_all(returned);
                match returned {
                    true => self.blocks.extend(blocks.into_iter().zip(origins)),
                    false => self.in_flight.push(origins),
                }
            }
            Action::TakeBack(call) => {
                if let Some(origins) = remove(&mut self.in_flight, call) {
                    self.pools.take_back(origins[0].first);
                    origins
                        .into_iter()
                        .for_each(|origin| self.came_back(origin));
                }
            }
        }
    }

    fn begin(&mut self, pages: usize) {
        let of_one = |(place, expected): (usize, &Expected)| {
            self.handles[place].is_some() || expected.out > 0
        };
        let others = self.expected.iter().enumerate().skip(1);
        let are_all = others.filter(|it| of_one(*it)).count() == MAX_POOLS - 1;
        let free = self.expected[0].free;
        match Pool::of(self.pools, pages) {
            Ok(pool) => {
                assert!(!are_all && pages <= free);
                self.handles.push(Some(pool));
                self.expected.push(Expected {
                    free: pages,
                    ..Expected::default()
                });
                self.expected[0].free -= pages;
            }
            Err(PoolError::Pages { free: told }) => assert!(told == free && pages > free),
            Err(PoolError::Pools) => assert!(are_all),
        }
    }

    fn shrink(&mut self, pool: usize, pages: usize) -> usize {
        let expected = &mut self.expected[pool];
        let leave = pages.min(expected.free + expected.out - expected.owed);
        let moved = leave.min(expected.free);
        expected.free -= moved;
        expected.owed += leave - moved;
        self.expected[0].free += moved;
        moved
    }

    fn acquire(&mut self, pool: usize, order: u32) {
        let free = self.free_pages(pool);
        let source = self.source(pool);
        let block = match order {
            0 => source.try_acquire(),
            _ => source.try_acquire_large(order),
        };
        let pages = 1 << order;
        let Some(block) = block else {
            let run = |first: &u32| (*first..*first + pages).all(|page| free.contains(&page));
            assert!(!free.iter().any(run), "there was one of order {order}");
            return;
        };
        let first = block.index;
        assert!((first..first + pages).all(|page| free.contains(&page)));
        assert_eq!(block.order, order);
        self.expected[pool].free -= pages as usize;
        self.expected[pool].out += pages as usize;
        self.blocks.push((block, Origin { first, order, pool }));
    }

    fn lend(&mut self, first: usize, most: usize) {
        let Some(place) = first.checked_rem(self.blocks.len()) else {
            return;
        };
        let order = self.blocks[place].1.order;
        let fit = |(_, origin): &mut (Block, Origin)| origin.order == order;
        let chosen = self.blocks.extract_if(.., fit).take(most);
        let (blocks, origins): (Vec<_>, Vec<_>) = chosen.unzip();
        let lent = lend_all(Blocks::from_iter(blocks)).unwrap().0;
        self.calls.push((lent, origins));
    }

    fn came_back(&mut self, origin: Origin) {
        let pages = 1 << origin.order;
        let expected = &mut self.expected[origin.pool];
        let paid = pages.min(expected.owed);
        expected.out -= pages;
        expected.owed -= paid;
        expected.free += pages - paid;
        self.expected[0].free += paid;
    }

    /// Pages of free blocks of a pool.
    fn free_pages(&self, pool: usize) -> Vec<u32> {
        let mut pages = Vec::new();
        self.source(pool).each_free(|block, order| {
            pages.extend(block..block + (1 << order));
        });
        pages
    }

    fn check(&self) {
        let mut seen = Vec::new();
        for (place, expected) in self.expected.iter().enumerate() {
            let Some(pool) = &self.handles[place] else {
                // A pool that has ended has no free block. The first one is the common one.
                assert!(place == 0 || (expected.free, expected.out) == (0, expected.owed));
                continue;
            };
            let (pages, free) = (pool.pages(), pool.free());
            let is = (pages, free, pool.owed());
            let own = expected.free + expected.out - expected.owed;
            assert_eq!(is, (own, expected.free, expected.owed));
            seen.extend(self.free_pages(place));
        }
        assert_eq!(self.pools.free(), self.expected[0].free);
        seen.extend(self.free_pages(0));
        let free: usize = self.expected.iter().map(|it| it.free).sum();
        assert_eq!(seen.len(), free);
        let lent = self.calls.iter().flat_map(|(_, origins)| origins);
        let late = self.in_flight.iter().flatten();
        let out = self.blocks.iter().map(|(_, origin)| origin);
        for origin in out.chain(lent).chain(late.clone()) {
            seen.extend(origin.first..origin.first + (1 << origin.order));
        }
        let pages: BTreeSet<u32> = seen.iter().copied().collect();
        assert_eq!(
            (seen.len(), pages.len()),
            (BLOCKS as usize, BLOCKS as usize)
        );
        let late: usize = late.map(|origin| 1 << origin.order).sum();
        assert_eq!(self.pools.in_flight(), late);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_page_is_in_one_place(actions in proptest::collection::vec(action(), 0..150)) {
        let mut model = Model::new();
        for action in actions {
            model.act(action);
            model.check();
        }
        while let Some((lent, _)) = model.calls.pop() {
            lent.settle_all(true);
        }
        model.in_flight.iter().for_each(|it| model.pools.take_back(it[0].first));
        // Whatever is dropped first.
        drop((model.handles, model.blocks));
        prop_assert_eq!((model.pools.free(), model.pools.in_flight()), (BLOCKS as usize, 0));
        let whole = Source::common_of(model.pools).try_acquire_large(4);
        prop_assert!(whole.is_some());
    }
}

const _: () = assert!(BLOCKS < 1 << MAX_ORDER);

//! Commands that give members of sorted sets their scores.

use super::options::{float, is};
use super::{Context, Done, Refusal};
use crate::store::{FIELD, OVERHEAD, RANKED, Sorted};

/// The words of `ZADD` before its scores.
#[derive(Clone, Copy, Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    tells_changed: bool,
    adds: bool,
}

/// What became of a member.
enum Change {
    None,
    Added,
    Moved,
    Same,
}

impl Options {
    /// The options, and the words behind them.
    fn read<'a, 'w>(mut words: &'a [&'w [u8]]) -> (Options, &'a [&'w [u8]]) {
        let mut it = Options::default();
        while let Some((word, rest)) = words.split_first() {
            let flag = match () {
                () if is(word, "NX") => &mut it.only_new,
                () if is(word, "XX") => &mut it.only_old,
                () if is(word, "GT") => &mut it.only_greater,
                () if is(word, "LT") => &mut it.only_less,
                () if is(word, "CH") => &mut it.tells_changed,
                () if is(word, "INCR") => &mut it.adds,
                () => break,
            };
            *flag = true;
            words = rest;
        }
        (it, words)
    }

    fn check(&self, members: usize) -> Done {
        if self.only_new && self.only_old {
            return Err(Refusal::Says(
                "XX and NX options at the same time are not compatible",
            ));
        }
        let some = [self.only_greater, self.only_less, self.only_new];
        if some.iter().filter(|it| **it).count() > 1 {
            return Err(Refusal::Says(
                "GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.adds && members > 1 {
            return Err(Refusal::Says(
                "INCR option supports a single increment-element pair",
            ));
        }
        Ok(())
    }

    /// Whether a member that has a score, or none, may have another one.
    fn allow(&self, before: Option<f64>, after: f64) -> bool {
        match before {
            None => !self.only_old,
            Some(_) if self.only_new => false,
            Some(before) => {
                !(self.only_greater && after <= before || self.only_less && after >= before)
            }
        }
    }
}

fn put(sorted: &mut Sorted, member: &[u8], score: f64, options: Options) -> Change {
    let before = sorted.score(member);
    if !options.allow(before, score) {
        return Change::None;
    }
    match before {
        Some(before) if before == score => return Change::Same,
        _ => sorted.insert(member, score),
    };
    match before {
        Some(_) => Change::Moved,
        None => Change::Added,
    }
}

/// Makes sure that there is room for members.
fn reserve(cx: &mut Context<'_, '_>, key: &[u8], pairs: &[[&[u8]; 2]]) -> Done {
    let sizes = pairs.iter().map(|[_, it]| it.len() + FIELD + 8 + RANKED);
    let growth = sizes.sum::<usize>() + key.len() + OVERHEAD;
    Ok(cx.store.reserve_for(key, growth)?)
}

pub(super) fn add(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, rest @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let (options, rest) = Options::read(rest);
    let (pairs, rest) = rest.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(Refusal::Syntax);
    }
    options.check(pairs.len())?;
    for [score, _] in pairs {
        float(score)?;
    }
    if options.adds {
        return add_to(cx, key, pairs, options);
    }
    if cx.store.read::<Sorted>(key)?.is_none() && options.only_old {
        cx.reply.integer(0);
        return Ok(());
    }
    reserve(cx, key, pairs)?;
    let (added, moved) = cx.store.change_or_make(key, |sorted: &mut Sorted| {
        let (mut added, mut moved) = (0, 0);
        for [score, member] in pairs {
            // Each was looked at before.
            let score = float(score).unwrap_or(0.0);
            match put(sorted, member, score, options) {
                Change::Added => added += 1,
                Change::Moved => moved += 1,
                Change::None | Change::Same => {}
            }
        }
        ((added, moved), added + moved > 0)
    })?;
    let told = if options.tells_changed {
        added + moved
    } else {
        added
    };
    cx.reply.count(told);
    Ok(())
}

/// Adds a number to the score of a member.
fn add_to(cx: &mut Context<'_, '_>, key: &[u8], pairs: &[[&[u8]; 2]], options: Options) -> Done {
    let [[number, member]] = pairs else {
        return Err(Refusal::Syntax);
    };
    let number = float(number)?;
    let sorted = cx.store.read::<Sorted>(key)?;
    let before = sorted.and_then(|sorted| sorted.score(member));
    let score = before.unwrap_or(0.0) + number;
    if score.is_nan() {
        return Err(Refusal::Says("resulting score is not a number (NaN)"));
    }
    if !options.allow(before, score) {
        cx.reply.null();
        return Ok(());
    }
    reserve(cx, key, pairs)?;
    cx.store.change_or_make(key, |sorted: &mut Sorted| {
        let change = put(sorted, member, score, options);
        ((), matches!(change, Change::Added | Change::Moved))
    })?;
    cx.reply.double(score);
    Ok(())
}

pub(super) fn increment(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, number, member] = words else {
        return Err(Refusal::Syntax);
    };
    add_to(cx, key, &[[number, member]], Options::default())
}

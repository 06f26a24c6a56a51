//! Commands on members of sorted sets.

use alloc::vec::Vec;

use super::options::positive;
use super::{Context, Done, Refusal};
use crate::store::{Scored, Sorted};

pub(super) fn length(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let length = cx.store.read::<Sorted>(key)?.map_or(0, Sorted::len);
    cx.reply.count(length);
    Ok(())
}

pub(super) fn score(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, member] = words else {
        return Err(Refusal::Syntax);
    };
    let sorted = cx.store.read::<Sorted>(key)?;
    match sorted.and_then(|sorted| sorted.score(member)) {
        Some(score) => cx.reply.double(score),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) fn scores(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, members @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let sorted = cx.store.read::<Sorted>(key)?;
    cx.reply.array(members.len());
    for member in members {
        match sorted.and_then(|sorted| sorted.score(member)) {
            Some(score) => cx.reply.double(score),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

fn tell_rank(cx: &mut Context<'_, '_>, words: &[&[u8]], is_back: bool) -> Done {
    let [key, member] = words else {
        return Err(Refusal::Syntax);
    };
    let sorted = cx.store.read::<Sorted>(key)?;
    let rank = sorted.and_then(|sorted| Some((sorted.rank(member)?, sorted.len())));
    match rank {
        Some((rank, length)) if is_back => cx.reply.count(length - 1 - rank),
        Some((rank, _)) => cx.reply.count(rank),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) fn rank(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell_rank(cx, words, false)
}

pub(super) fn rank_back(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell_rank(cx, words, true)
}

pub(super) fn remove(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, members @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let removed = cx.store.change(key, |sorted: &mut Sorted| {
        let removed = members.iter().filter(|it| sorted.remove(it).is_some());
        let removed = removed.count();
        (removed, removed > 0)
    })?;
    cx.reply.count(removed.unwrap_or(0));
    Ok(())
}

fn pop(cx: &mut Context<'_, '_>, words: &[&[u8]], is_back: bool, name: &'static str) -> Done {
    let (key, count) = match words {
        [key] => (key, None),
        [key, count] => (key, Some(positive(count)?)),
        _ => return Err(Refusal::WrongNumber(name)),
    };
    let Some(sorted) = cx.store.read::<Sorted>(key)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let length = sorted.len();
    let told = count.unwrap_or(1).min(length);
    let ranks = if is_back {
        length - told..length
    } else {
        0..told
    };
    let members: Vec<Scored> = sorted.ranks().walk(ranks, is_back).cloned().collect();
    cx.has_room(members.iter().map(|(_, member)| member.len() + 48).sum())?;
    cx.store.change(key, |sorted: &mut Sorted| {
        for (_, member) in &members {
            sorted.remove(member);
        }
        ((), told > 0)
    })?;
    let pairs = count.is_some() && cx.reply.is_third();
    cx.reply.array(if pairs { told } else { 2 * told });
    for (score, member) in &members {
        if pairs {
            cx.reply.array(2);
        }
        cx.reply.bulk(member);
        cx.reply.double(*score);
    }
    Ok(())
}

pub(super) fn pop_first(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    pop(cx, words, false, "zpopmin")
}

pub(super) fn pop_last(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    pop(cx, words, true, "zpopmax")
}

//! Commands on sets.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::options::{integer, positive};
use super::{Context, Done, Refusal};
use crate::store::{FIELD, OVERHEAD, Set};

pub(super) fn add(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, members @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    cx.store.read::<Set>(key)?;
    let growth = members.iter().map(|member| member.len() + FIELD);
    let growth = growth.sum::<usize>() + key.len() + OVERHEAD;
    cx.store.reserve_for(key, growth)?;
    let added = cx.store.change_or_make(key, |set: &mut Set| {
        let added = members
            .iter()
            .filter(|member| set.insert(member, ()).is_none());
        let added = added.count();
        (added, added > 0)
    })?;
    cx.reply.count(added);
    Ok(())
}

pub(super) fn remove(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, members @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let removed = cx.store.change(key, |set: &mut Set| {
        let removed = members.iter().filter(|member| set.remove(member).is_some());
        let removed = removed.count();
        (removed, removed > 0)
    })?;
    cx.reply.count(removed.unwrap_or(0));
    Ok(())
}

pub(super) fn has(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, member] = words else {
        return Err(Refusal::Syntax);
    };
    let set = cx.store.read::<Set>(key)?;
    let is_there = set.is_some_and(|set| set.get(member).is_some());
    cx.reply.integer(is_there.into());
    Ok(())
}

pub(super) fn has_many(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, members @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let set = cx.store.read::<Set>(key)?;
    cx.reply.array(members.len());
    for member in members {
        let is_there = set.is_some_and(|set| set.get(member).is_some());
        cx.reply.integer(is_there.into());
    }
    Ok(())
}

pub(super) fn length(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let length = cx.store.read::<Set>(key)?.map_or(0, Set::len);
    cx.reply.count(length);
    Ok(())
}

pub(super) fn all(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let set = cx.store.read::<Set>(key)?;
    cx.reply.set(set.map_or(0, Set::len));
    for (member, ()) in set.into_iter().flat_map(Set::iter) {
        cx.reply.bulk(member);
        if cx.reply.is_long() {
            break;
        }
    }
    Ok(())
}

pub(super) fn shift(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to, member] = words else {
        return Err(Refusal::Syntax);
    };
    let Some(set) = cx.store.read::<Set>(from)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let is_there = set.get(member).is_some();
    cx.store.read::<Set>(to)?;
    if is_there && from != to {
        let growth = member.len() + FIELD + to.len() + OVERHEAD;
        cx.store.reserve_for(from, growth)?;
        cx.store
            .change(from, |set: &mut Set| (set.remove(member), true))?;
        cx.store.change_or_make(to, |set: &mut Set| {
            let is_new = set.insert(member, ()).is_none();
            ((), is_new)
        })?;
    }
    cx.reply.integer(is_there.into());
    Ok(())
}

/// Members that one noted change removes at most, and their bytes, about.
const PIECE: (usize, usize) = (1024, 1 << 16);

/// Notes that members were removed.
fn say_removed(cx: &mut Context<'_, '_>, key: &[u8], members: &[Box<[u8]>]) {
    let changes = cx.store.changes();
    changes.say_nothing();
    if !changes.is_on() {
        return;
    }
    let mut rest = members;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fit = rest.iter().take(PIECE.0).take_while(|member| {
            let is_first = bytes == 0;
            bytes += member.len() + 1;
            is_first || bytes <= PIECE.1
        });
        let (piece, behind) = rest.split_at(fit.count());
        rest = behind;
        let mut words: Vec<&[u8]> = Vec::from([b"SREM".as_slice(), key]);
        words.extend(piece.iter().map(|member| &**member));
        changes.note(words.into_iter());
    }
}

pub(super) fn pop(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let (key, count) = match words {
        [key] => (key, None),
        [key, count] => (key, Some(positive(count)?)),
        _ => return Err(Refusal::Syntax),
    };
    let mut random = cx.store.random().clone();
    let Some(set) = cx.store.read::<Set>(key)? else {
        match count {
            None => cx.reply.null(),
            Some(_) => cx.reply.set(0),
        }
        return Ok(());
    };
    let chosen = match count {
        None => set.random(&mut random).into_iter().collect(),
        Some(count) => set.choose(count, &mut random),
    };
    let bytes = chosen.iter().map(|(member, ())| member.len() + 16);
    cx.has_room(bytes.sum())?;
    let members = chosen.into_iter().map(|(member, ())| member.clone());
    let members: Vec<Box<[u8]>> = members.collect();
    *cx.store.random() = random;
    cx.store.change(key, |set: &mut Set| {
        for member in &members {
            set.remove(member);
        }
        ((), !members.is_empty())
    })?;
    say_removed(cx, key, &members);
    if count.is_some() {
        cx.reply.set(members.len());
    }
    members.iter().for_each(|member| cx.reply.bulk(member));
    Ok(())
}

pub(super) fn random(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let (key, count) = match words {
        [key] => (key, None),
        [key, count] => (key, Some(integer(count)?)),
        _ => return Err(Refusal::Syntax),
    };
    let mut random = cx.store.random().clone();
    random.next();
    *cx.store.random() = random.clone();
    let Some(set) = cx.store.read::<Set>(key)? else {
        match count {
            None => cx.reply.null(),
            Some(_) => cx.reply.array(0),
        }
        return Ok(());
    };
    let Some(count) = count else {
        let member = set.random(&mut random);
        cx.reply.bulk_or_null(member.map(|(member, ())| &**member));
        return Ok(());
    };
    let told = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        let chosen = set.choose(told, &mut random);
        cx.reply.array(chosen.len());
        for (member, ()) in chosen {
            cx.reply.bulk(member);
        }
        return Ok(());
    }
    // Each takes some bytes at least.
    cx.has_room(told.saturating_mul(6))?;
    cx.reply.array(told);
    for _ in 0..told {
        if let Some((member, ())) = set.random(&mut random) {
            cx.reply.bulk(member);
        }
        if cx.reply.is_long() {
            break;
        }
    }
    Ok(())
}

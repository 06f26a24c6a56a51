//! Commands that are executed together.

use super::{Context, Done, Refusal, run_queued};
use crate::session::Transaction;

pub(super) fn multi(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    if cx.client.transaction.is_some() {
        return Err(Refusal::Says("MULTI calls can not be nested"));
    }
    cx.client.transaction = Some(Transaction::default());
    cx.reply.ok();
    Ok(())
}

pub(super) fn discard(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    if cx.client.transaction.is_none() {
        return Err(Refusal::Says("DISCARD without MULTI"));
    }
    cx.client.end_transaction(&mut cx.store, cx.budget);
    cx.reply.ok();
    Ok(())
}

pub(super) fn watch(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    if cx.client.transaction.is_some() {
        return Err(Refusal::Says("WATCH inside MULTI is not allowed"));
    }
    for key in words {
        if !cx.client.watch(key, &mut cx.store, cx.budget) {
            return Err(Refusal::LongTransaction);
        }
    }
    cx.reply.ok();
    Ok(())
}

pub(super) fn unwatch(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    cx.client.unwatch(&mut cx.store, cx.budget);
    cx.reply.ok();
    Ok(())
}

pub(super) fn exec(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    let Some(transaction) = cx.client.transaction.take() else {
        return Err(Refusal::Says("EXEC without MULTI"));
    };
    let is_disturbed = cx.client.is_disturbed(&cx.store);
    cx.client.unwatch(&mut cx.store, cx.budget);
    if transaction.is_spoilt {
        cx.reply.error(format_args!(
            "EXECABORT Transaction discarded because of previous errors."
        ));
    } else if is_disturbed {
        cx.reply.null_array();
    } else {
        cx.reply.array(transaction.len());
        for words in transaction.commands() {
            run_queued(cx, &words);
        }
    }
    transaction.end(cx.budget);
    Ok(())
}

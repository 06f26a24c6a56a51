//! Calls, put together of what the two sides of their channels noted.

use std::collections::HashMap;

use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Call as Number, Status};
use atoll_abi::timeline::{Channel, Kind, Writer};

use super::Track;
use super::names::{Role, Sides};

/// A call, as far as it was noted: each time is a reading of the time stamp counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who made it.
    pub client: Writer,
    /// Who answered it.
    pub provider: Writer,
    /// Its number in [`Number`]; `None` where that is in no record.
    pub number: Option<u16>,
    /// When the client sent it.
    pub made: Option<u64>,
    /// When the provider took it.
    pub taken: Option<u64>,
    /// When the provider sent the answer.
    pub answered: Option<u64>,
    /// When the client took the answer.
    pub ended: Option<u64>,
    /// How it ended, a [`Status`].
    pub status: Option<u32>,
}

/// The steps of a call, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Made,
    Taken,
    Answered,
    Ended,
}

struct Moment {
    ticks: u64,
    step: Step,
    sides: [Writer; 2],
    words: [u64; 2],
}

/// All calls, by the first time that was noted of each.
pub fn all(plan: &Plan, tracks: &[Track]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    // By client, provider and tag, which a call has for itself until it has ended.
    let mut open: HashMap<([Writer; 2], u64), usize> = HashMap::new();
    for moment in moments(plan, tracks) {
        let [tag, second] = moment.words;
        let key = (moment.sides, tag);
        let known = open.get(&key).copied();
        // Another life of the client begins with the same tags.
        let known = known.filter(|&index| calls[index].goes_on_with(moment.step));
        let index = known.unwrap_or(calls.len());
        if index == calls.len() {
            let [client, provider] = moment.sides;
            calls.push(Call::new(client, provider));
        }
        calls[index].add(moment.step, moment.ticks, second);
        match moment.step {
            Step::Ended => open.remove(&key),
            _ => open.insert(key, index),
        };
    }
    calls
}

/// What was noted of messages, by time; where two steps have one time the earlier step first.
fn moments(plan: &Plan, tracks: &[Track]) -> Vec<Moment> {
    let sides = Sides::of_plan(plan);
    let mut moments = Vec::new();
    for track in tracks {
        for entry in &track.noted.records {
            let channel = Channel::from_raw(entry.channel);
            let Some((role, other)) = sides.of(track.writer, channel) else {
                continue;
            };
            let step = match (role, entry.kind) {
                (Role::Client, Kind::Sent) => Step::Made,
                (Role::Provider, Kind::Received) => Step::Taken,
                (Role::Provider, Kind::Sent) => Step::Answered,
                (Role::Client, Kind::Received) => Step::Ended,
                _ => continue,
            };
            moments.push(Moment {
                ticks: entry.ticks,
                step,
                sides: match role {
                    Role::Client => [track.writer, other],
                    Role::Provider => [other, track.writer],
                },
                words: entry.words,
            });
        }
    }
    moments.sort_by_key(|moment| (moment.ticks, moment.step));
    moments
}

impl Call {
    fn new(client: Writer, provider: Writer) -> Call {
        Call {
            client,
            provider,
            number: None,
            made: None,
            taken: None,
            answered: None,
            ended: None,
            status: None,
        }
    }

    /// Whether a step may be one of this call: neither it nor a later one has been seen.
    fn goes_on_with(&self, step: Step) -> bool {
        let seen = [
            (Step::Made, self.made),
            (Step::Taken, self.taken),
            (Step::Answered, self.answered),
            (Step::Ended, self.ended),
        ];
        seen.iter().all(|(known, at)| at.is_none() || *known < step)
    }

    fn add(&mut self, step: Step, ticks: u64, second: u64) {
        let at = match step {
            Step::Made => &mut self.made,
            Step::Taken => &mut self.taken,
            Step::Answered => &mut self.answered,
            Step::Ended => &mut self.ended,
        };
        *at = Some(ticks);
        match step {
            Step::Made | Step::Taken => self.number = Some(second as u16),
            Step::Answered | Step::Ended => self.status = Some(second as u32),
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self.number.map(|number| (number, Number::from_raw(number))) {
            Some((_, Some(call))) => format!("{call:?}"),
            Some((number, None)) => format!("call {number}"),
            None => "a call".to_owned(),
        }
    }

    /// How it ended.
    pub fn status(&self) -> Option<Status> {
        self.status.map(Status::from_raw)
    }
}

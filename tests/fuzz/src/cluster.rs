//! A model of one cluster's processes: everything that a personality does is checked against it.

mod actions;

use std::collections::VecDeque;

use atoll_abi::interface::Call;
use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_core::state::State;
use atoll_core::{BATCH, Event, FAULT_STATUS, Personality};

/// What a call that waits for frames names where none has come or gone.
const NOTHING_HAPPENED: u64 = 1;

/// One process, in its present life.
pub struct Life {
    /// Its identity; generation 0 before the first life.
    pub id: ProcessId,
    /// How many vcores it may have.
    pub vcores: usize,
    /// The status that it ends with, once that is settled.
    pub exit: Option<u64>,
    /// It has ended, or has not started.
    pub ended: bool,
    /// Vcores that run.
    running: u64,
    /// Vcores that ran once.
    started: u64,
    most: u32,
    published: Option<u64>,
    many_core: bool,
    alarms: [Option<u64>; MAX_VCORES],
    published_alarms: u64,
    /// An alarm was set in the name of a vcore that did not run: the process may have taken away what brings it back.
    alarm_changed_asleep: bool,
    /// Calls that wait for frames, of which the cluster has none, and the vcores that made them.
    waiting: Vec<(usize, Syscall)>,
}

impl Life {
    fn new(id: ProcessId, vcores: usize) -> Life {
        Life {
            id,
            vcores,
            exit: None,
            ended: id.generation == 0,
            running: 0,
            started: 0,
            most: 0,
            published: None,
            many_core: false,
            alarms: [None; MAX_VCORES],
            published_alarms: 0,
            alarm_changed_asleep: false,
            waiting: Vec::new(),
        }
    }

    fn ends_with(&mut self, status: u64) {
        if !self.ended && self.exit.is_none() {
            self.exit = Some(status);
            self.alarms = [None; MAX_VCORES];
            self.waiting.clear();
        }
    }

    /// Whether a call of it waits for frames.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes the calls that wait for frames out of those that a vcore makes; the ones that end because of one of them.
    fn take_waiting(
        &mut self,
        vcore: usize,
        calls: &mut VecDeque<Syscall>,
    ) -> Vec<(usize, Syscall)> {
        let mut flushed = Vec::new();
        let mut alive = self.exit.is_none() && !self.ended;
        let generation = self.id.generation;
        calls.retain(|call| {
            let counts = alive && call.generation == generation;
            match Call::from_raw(call.call).filter(|_| counts) {
                Some(Call::Exit) => alive = false,
                Some(Call::AwaitFrames) if call.arguments[0] == NOTHING_HAPPENED => {
                    let waits = self.waiting.len() < RING_SLOTS / 2;
                    if waits {
                        self.waiting.push((vcore, *call));
                    }
                    return !waits;
                }
                Some(Call::AwaitFrames) if call.arguments[0] == 0 => {
                    flushed.append(&mut self.waiting);
                }
                _ => {}
            }
            true
        });
        flushed
    }
}

/// The processes of one cluster, and what is expected to happen next.
pub struct Cluster {
    /// Those of the plan; those of other clusters are absent.
    pub lives: Vec<Option<Life>>,
    now: u64,
    /// Calls that were handed over and are not answered, and whose they are.
    asked: VecDeque<Syscall>,
    caller: Option<(ProcessId, usize)>,
    /// Calls that waited and are to be answered before the others, and the vcores that made them.
    flushed: VecDeque<(usize, Syscall)>,
    /// The caller ran when the event came.
    caller_ran: bool,
    /// Alarms that have to wake their vcore now, by process and vcore.
    due: Vec<(usize, usize)>,
    /// Completions of the last event.
    pub answers: Vec<Completion>,
    /// Lines that were printed, by process.
    pub lines: Vec<(usize, String)>,
    /// Calls that were answered.
    pub answered: u64,
    /// Alarms that woke a vcore.
    pub alarms: u64,
}

impl Cluster {
    /// A cluster in which nothing has started; of each process of the plan how many vcores it may have, where it is one of
    /// the cluster's.
    pub fn new(processes: &[Option<usize>]) -> Cluster {
        let life = |(index, vcores): (usize, &Option<usize>)| {
            let index = index as u16;
            let generation = 0;
            vcores.map(|vcores| Life::new(ProcessId { index, generation }, vcores))
        };
        Cluster {
            lives: processes.iter().enumerate().map(life).collect(),
            now: 0,
            asked: VecDeque::new(),
            caller: None,
            flushed: VecDeque::new(),
            caller_ran: false,
            due: Vec::new(),
            answers: Vec::new(),
            lines: Vec::new(),
            answered: 0,
            alarms: 0,
        }
    }

    /// A process of the cluster.
    pub fn life(&mut self, index: usize) -> &mut Life {
        self.lives[index]
            .as_mut()
            .unwrap_or_else(|| panic!("process {index} is none of this cluster"))
    }

    /// The process of an identity, in that life.
    fn of(&mut self, id: ProcessId) -> &mut Life {
        let life = self.life(usize::from(id.index));
        assert_eq!(life.id, id, "something is done for another life");
        life
    }

    fn begin(&mut self, id: ProcessId) -> Option<&mut Life> {
        let life = self.lives.get_mut(usize::from(id.index))?.as_mut()?;
        if !life.ended || id.generation <= life.id.generation {
            return None;
        }
        *life = Life {
            ended: false,
            ..Life::new(id, life.vcores)
        };
        Some(life)
    }

    /// Hands an event over, and checks what is done about it.
    pub fn tell(&mut self, personality: &mut Personality, now: u64, event: Event<'_>) {
        self.now = now;
        self.answers.clear();
        match event {
            Event::Start { process } => drop(self.begin(process)),
            Event::Adopt {
                process,
                vcores,
                many_core,
            } => {
                if let Some(life) = self.begin(process) {
                    let all = (1 << life.vcores) - 1;
                    life.started = (vcores.started | vcores.granted) & all;
                    life.running = vcores.granted & !vcores.resumes & all;
                    life.most = life.running.count_ones();
                    life.many_core = many_core;
                }
            }
            Event::Calls {
                process,
                vcore,
                calls,
                ..
            } => {
                self.caller = Some((process, vcore));
                self.asked.extend(calls);
                let mut asked = std::mem::take(&mut self.asked);
                let life = self.life(usize::from(process.index));
                let flushed = match life.id == process {
                    true => life.take_waiting(vcore, &mut asked),
                    false => Vec::new(),
                };
                self.asked = asked;
                self.flushed.extend(flushed);
                let life = self.life(usize::from(process.index));
                self.caller_ran = life.running & 1 << vcore != 0;
            }
            Event::BrokenRing { process } => self.ends(process, FAULT_STATUS),
            Event::Faulted { process, status } => self.ends(process, status),
            Event::Drained { .. } | Event::AdoptFrames { .. } => {}
            Event::Time => {
                for life in self.lives.iter_mut().flatten() {
                    for (vcore, alarm) in life.alarms.iter_mut().enumerate() {
                        if alarm.is_some_and(|time| time <= now) {
                            *alarm = None;
                            self.due.push((usize::from(life.id.index), vcore));
                        }
                    }
                }
            }
        }
        personality.handle(now, event, self);
        assert!(self.asked.is_empty(), "calls without an answer");
        assert!(self.due.is_empty(), "alarms that woke no vcore");
        assert!(self.flushed.is_empty(), "a call waits on");
        self.caller = None;
        self.check(personality);
    }

    fn ends(&mut self, id: ProcessId, status: u64) {
        if let Some(Some(life)) = self.lives.get_mut(usize::from(id.index))
            && life.id == id
        {
            life.ends_with(status);
        }
    }

    /// What the personality says agrees with what it has done.
    fn check(&self, personality: &Personality) {
        for life in self.lives.iter().flatten() {
            let id = life.id;
            assert_eq!(personality.process(usize::from(id.index)), Some(id));
            let map = personality.vcores(id).expect("its present life");
            let state = personality.state(id).expect("its present life");
            assert_eq!(map.granted(), life.running, "{state:?}");
            assert_eq!(
                (map.count(), map.most()),
                (life.running.count_ones(), life.most)
            );
            if let Some(published) = life.published {
                assert_eq!(published, life.running, "the process was told otherwise");
            }
            let alive = match state {
                State::RunningS => !life.many_core && life.running == 1,
                State::RunningM => life.many_core && life.running != 0,
                State::Waiting => {
                    let mut vcores = 0..if life.many_core { life.vcores } else { 1 };
                    let returns = |vcore: usize| {
                        life.started & 1 << vcore != 0 && life.alarms[vcore].is_some()
                    };
                    life.running == 0 && (life.alarm_changed_asleep || vcores.any(returns))
                }
                State::Created | State::Dying | State::Dead => {
                    assert_eq!(life.running, 0, "{state:?}");
                    assert_eq!(state != State::Dying, life.ended);
                    assert_eq!(state == State::Dying, life.exit.is_some() && !life.ended);
                    continue;
                }
                State::RunnableS | State::RunnableM => false,
            };
            assert!(alive && life.exit.is_none(), "{state:?} {:b}", life.running);
            for free in [0, 1, 64] {
                assert_eq!(personality.room(id, 0, free), free.min(BATCH));
                assert_eq!(personality.room(id, life.vcores, free), 0);
                let generation = id.generation + 1;
                let later = ProcessId { generation, ..id };
                assert_eq!(personality.room(later, 0, free), 0);
            }
        }
        let lives = self.lives.iter().flatten();
        let next = lives.clone().flat_map(|life| life.alarms).flatten().min();
        assert_eq!(personality.next_alarm(), next);
        assert_eq!(
            personality.finished(),
            lives
                .clone()
                .all(|life| life.ended && life.id.generation > 0)
        );
        let counters = personality.counters();
        assert_eq!(
            (counters.calls, counters.alarms),
            (self.answered, self.alarms)
        );
    }
}

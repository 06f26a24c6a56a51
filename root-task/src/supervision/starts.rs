//! Which components start, and which of them have not in time.

use atoll_root_task::lifecycle::Child;

use super::Supervision;

impl Supervision<'_> {
    /// A component begins its first life.
    pub fn begin_start(&mut self, child: Child) {
        self.lifecycle.begin_start(child, self.clock.milliseconds());
    }

    /// A component has started.
    pub fn started(&mut self, child: Child) {
        self.lifecycle.settle_start(child);
    }

    /// A component that should have started by now; it is told once.
    pub fn overdue(&mut self) -> Option<Child> {
        self.lifecycle.overdue(self.clock.milliseconds())
    }

    /// Has the alarm ring when the next component has to have started. Tells whether that is still to come.
    pub fn set_alarm(&mut self) -> bool {
        let now = self.clock.milliseconds();
        let due = [self.lifecycle.next_due(), self.watches.next_due()];
        self.alarm.set(now, due.into_iter().flatten().min())
    }

    /// A driver or service wants to be woken after so many milliseconds.
    pub fn watch(&mut self, child: Child, milliseconds: u64) {
        self.watches
            .begin(child, self.clock.milliseconds(), milliseconds);
    }

    /// Wakes the drivers and services whose time is up.
    pub fn wake_watchers(&mut self) {
        let now = self.clock.milliseconds();
        while let Some(child) = self.watches.take_due(now) {
            let time = match child {
                Child::Driver(index) => self.children.driver(index).map(|it| it.time),
                Child::Service(index) => self.children.service_of(index).map(|it| it.time),
                // They have no such notification, and are not watched.
                Child::Server(_) | Child::Process(_) => None,
            };
            if let Some(time) = time {
                time.signal();
            }
        }
    }

    /// The alarm has rung.
    pub fn take_alarm(&mut self) {
        self.alarm.acknowledge();
    }

    /// Has the next lives of a component stand still from their start on, as if they hung; not those of a process, which its
    /// server starts.
    pub fn hold_next(&mut self, child: Child, lives: u64) {
        self.standing.retain(|(known, _)| *known != child);
        self.standing.push((child, lives));
    }

    /// Whether the life of a component that starts now is to stand still.
    pub(super) fn is_held(&mut self, child: Child) -> bool {
        let mut standing = self.standing.iter_mut();
        let Some((_, lives)) = standing.find(|(known, left)| *known == child && *left > 0) else {
            return false;
        };
        *lives -= 1;
        true
    }
}

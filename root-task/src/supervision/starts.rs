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

    /// A driver wants to be woken when its device has had its time.
    pub fn watch(&mut self, device: usize) {
        self.watches.begin(device, self.clock.milliseconds());
    }

    /// Wakes the drivers whose devices have had their time.
    pub fn wake_watchers(&mut self) {
        let now = self.clock.milliseconds();
        while let Some(device) = self.watches.take_due(now) {
            if let Some(driver) = self.children.driver(device) {
                driver.time.signal();
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

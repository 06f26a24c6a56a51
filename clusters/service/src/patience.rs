//! How long a component looks for work before it sleeps.

/// With calls under way, a component that keeps nobody from running looks for so many times its budget. What it waits for is on its
/// way, and nobody else wants the core; one that waits for longer waits for something that is slow, or hangs, and sleeps.
const WHILE_BUSY: u32 = 1024;

/// Counts looks that found nothing.
#[derive(Debug)]
pub struct Patience {
    /// Looks without calls under way.
    budget: u32,
    /// Looks with calls under way.
    busy: u32,
    idle: u32,
}

impl Patience {
    /// Of a component for which so many looks cost what sleeping costs ([`atoll_channel::budget`]), and that keeps nobody from running
    /// while it polls. One that would has no looks, and sleeps.
    pub fn new(budget: u32) -> Patience {
        Patience {
            budget,
            busy: budget.saturating_mul(WHILE_BUSY),
            idle: 0,
        }
    }

    /// A look has found something, or the component was awake again.
    pub fn begin_anew(&mut self) {
        self.idle = 0;
    }

    /// A look has found nothing, and calls are under way or not: whether to look again.
    pub fn looks_again(&mut self, busy: bool) -> bool {
        self.idle = self.idle.saturating_add(1);
        self.idle < if busy { self.busy } else { self.budget }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(patience: &mut Patience, busy: bool) -> u32 {
        patience.begin_anew();
        let looks = (1..).find(|_| !patience.looks_again(busy));
        looks.unwrap()
    }

    #[test]
    fn what_is_under_way_is_waited_for_longer() {
        let mut alone = Patience::new(100);
        assert_eq!(looks(&mut alone, false), 100);
        assert_eq!(looks(&mut alone, true), 100 * WHILE_BUSY);
    }

    #[test]
    fn who_may_not_poll_sleeps_after_one_look() {
        let mut patience = Patience::new(0);
        assert_eq!(looks(&mut patience, true), 1);
        assert_eq!(looks(&mut patience, false), 1);
    }

    #[test]
    fn calls_that_end_leave_the_rest_of_the_budget_at_most() {
        let mut patience = Patience::new(10);
        (0..20).for_each(|_| assert!(patience.looks_again(true)));
        assert!(!patience.looks_again(false));
    }
}

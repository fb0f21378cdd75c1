//! The execution environments of one function: which are idle, and which of them is taken.

/// The idle environments of a function, the most recently released on top.
///
/// Each is the instant of its release. Because the most recently used is always taken
/// first, the releases are in order from bottom to top; so where the top has expired, all
/// have, and no timer is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environments {
    idle: Vec<u64>,
}

impl Environments {
    /// Whether an idle environment is there that has not been idle for `timeout` yet.
    #[inline]
    pub(crate) fn has_idle(&self, timeout: u64, now: u64) -> bool {
        // Idle for the timeout or longer is gone (rule 7.7): a timeout of zero keeps none.
        self.idle.last().is_some_and(|&released| now - released < timeout)
    }

    /// Takes the most recently used environment; only after [`has_idle`](Self::has_idle).
    #[inline]
    pub(crate) fn take_idle(&mut self) {
        self.idle.pop();
    }

    /// Notes that a new environment is made because none was idle: whatever is still on the
    /// stack has expired.
    #[inline]
    pub(crate) fn create(&mut self) {
        self.idle.clear();
    }

    /// An environment becomes idle and warm. Releases come in order of time.
    #[inline]
    pub(crate) fn release(&mut self, now: u64) {
        debug_assert!(self.idle.last().is_none_or(|&top| top <= now), "released out of order");
        self.idle.push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_environments_are_dropped_when_a_new_one_is_made() {
        let mut environments = Environments::default();
        for call in 0..10_000 {
            // Each comes when the one before it has been idle for its timeout exactly.
            let now = call * 10;
            assert!(!environments.has_idle(10, now));
            environments.create();
            environments.release(now);
            assert_eq!(environments.idle.len(), 1);
        }
    }

    #[test]
    fn an_environment_is_idle_until_just_before_its_timeout() {
        let mut environments = Environments::default();
        environments.release(5);
        assert!(environments.has_idle(10, 5));
        assert!(environments.has_idle(10, 14));
        assert!(!environments.has_idle(10, 15));
        environments.take_idle();
        assert!(!environments.has_idle(10, 5));
    }
}

//! The execution environments of one version: which are idle, and which of them is taken.

/// The idle environments of a version, the most recently released on top.
///
/// Each is the instant at which it expires: of its release, and the idle timeout more. Because
/// the most recently used is always taken first, these are in order from bottom to top; so where
/// the top has expired, all have, and no timer is needed.
#[derive(Clone, Debug)]
// Half a cache line: with many versions each is a miss, but not two.
#[repr(align(32))]
pub(crate) struct Environments {
    /// Below all stands an instant that is over, above them there may be room.
    expiry: Box<[u64]>,
    idle: u32,
    timeout: u64,
}

impl Environments {
    pub(crate) fn new(idle_timeout: u64) -> Self {
        Self { expiry: Box::default(), idle: 0, timeout: idle_timeout }
    }

    /// Nanoseconds after which an idle environment is gone.
    pub(crate) fn idle_timeout(&self) -> u64 {
        self.timeout
    }

    /// When the most recently used expires; an instant that is over where none is idle.
    #[inline]
    pub(crate) fn top(&self) -> u64 {
        self.expiry.get(self.idle as usize).copied().unwrap_or_default()
    }

    /// Whether an idle environment is there that has not expired yet.
    #[inline]
    pub(crate) fn has_idle(&self, now: u64) -> bool {
        // Idle for the timeout or longer is gone (rule 7.7): a timeout of zero keeps none.
        now < self.top()
    }

    /// Takes the most recently used environment; only after [`has_idle`](Self::has_idle).
    #[inline]
    pub(crate) fn take_idle(&mut self) {
        self.idle -= 1;
    }

    /// Notes that a new environment is made because none was idle: whatever is still on the
    /// stack has expired.
    #[inline]
    pub(crate) fn create(&mut self) {
        self.idle = 0;
    }

    /// An environment becomes idle and warm. Releases come in order of time.
    #[inline]
    pub(crate) fn release(&mut self, now: u64) {
        let expiry = now.saturating_add(self.timeout);
        self.idle += 1;
        let top = self.idle as usize;
        // With room for one more above, as `exchange` needs it.
        match self.expiry.get_mut(top..top + 2) {
            Some([top, _]) => *top = expiry,
            _ => self.make_room(expiry),
        }
        debug_assert!(self.expiry[self.idle as usize - 1] <= expiry, "released out of order");
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, expiry: u64) {
        let mut all = std::mem::take(&mut self.expiry).into_vec();
        let place = self.idle as usize;
        all.resize((2 * place).max(4), 0);
        all[place] = expiry;
        self.expiry = all.into();
    }

    /// Takes an idle environment where one is wanted (1, not 0), and one is idle again where it is
    /// returned (1, not 0), without a branch. `false`, and nothing is done, where that needs a new
    /// environment.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as the rule")]
    pub(crate) fn exchange(&mut self, wanted: u32, returned: u32, now: u64) -> bool {
        let top = self.idle as usize;
        let Some([expiry, above]) = self.expiry.get_mut(top..top + 2) else {
            return self.exchange_without_room(wanted, returned, now);
        };
        if wanted > u32::from(now < *expiry) {
            return false;
        }
        // Above the top it says nothing.
        *above = now.saturating_add(self.timeout);
        debug_assert!(returned == 0 || *expiry <= *above, "released out of order");
        self.idle = self.idle.wrapping_add(returned).wrapping_sub(wanted);
        true
    }

    #[cold]
    #[inline(never)]
    fn exchange_without_room(&mut self, wanted: u32, returned: u32, now: u64) -> bool {
        if wanted > u32::from(self.has_idle(now)) {
            return false;
        }
        self.idle -= wanted;
        if returned > 0 {
            self.release(now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_environments_are_dropped_when_a_new_one_is_made() {
        let mut environments = Environments::new(10);
        for call in 0..10_000 {
            // Each comes when the one before it has been idle for its timeout exactly.
            let now = call * 10;
            assert!(!environments.has_idle(now));
            environments.create();
            environments.release(now);
            assert_eq!(environments.idle, 1);
        }
    }

    #[test]
    fn an_environment_is_idle_until_just_before_its_timeout() {
        let mut environments = Environments::new(10);
        environments.release(5);
        assert!(environments.has_idle(5));
        assert!(environments.has_idle(14));
        assert!(!environments.has_idle(15));
        environments.take_idle();
        assert!(!environments.has_idle(5));
    }
}

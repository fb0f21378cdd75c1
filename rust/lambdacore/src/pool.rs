//! A pool is a counter with a limit; every running invocation holds one permit of one pool.

/// A pool of permits: the unreserved pool of the account, the reserved pool of a function or
/// the provisioned environments of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    limit: u32,
    in_use: u32,
}

impl Pool {
    /// An empty pool.
    pub fn new(limit: u32) -> Self {
        Self { limit, in_use: 0 }
    }

    /// Whether one more permit can be taken.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.in_use < self.limit
    }

    /// Permits that are out.
    #[inline]
    pub fn in_use(&self) -> u32 {
        self.in_use
    }

    /// How many permits may be out; more can be, after the limit was lowered.
    #[inline]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Changes the limit. Permits that are out stay out: lowering never revokes, it only
    /// stops admitting.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes a permit; only after [`has_room`](Self::has_room).
    #[inline]
    pub fn take(&mut self) {
        debug_assert!(self.has_room(), "a full pool admitted");
        self.in_use += 1;
    }

    /// Gives a permit back.
    #[inline]
    pub fn give_back(&mut self) {
        debug_assert!(self.in_use > 0, "a permit was given back twice");
        self.in_use -= 1;
    }

    /// Does all three without a branch: takes a permit where one is wanted (1, not 0) and there is
    /// room, and takes one back where one is returned (1, not 0). Says whether one was taken.
    #[inline]
    pub(crate) fn exchange(&mut self, wanted: u32, returned: u32) -> u32 {
        let taken = wanted & u32::from(self.has_room());
        self.in_use = self.in_use.wrapping_add(taken).wrapping_sub(returned);
        taken
    }
}

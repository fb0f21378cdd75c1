//! What became of an invocation: the codes of the outcome column.

/// The outcome of one invocation, as it stands in the outcome column.
///
/// Admitted codes are below 16, throttled codes from 16 to 127. The codes are frozen: a
/// result stored today reads the same tomorrow. The cause that belongs to callers has its code
/// here and is not yet produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Admitted on a provisioned environment.
    Provisioned = 1,
    /// Admitted on an idle environment.
    Warm = 2,
    /// Admitted on a new environment, whose init comes before the handler.
    Cold = 3,
    /// Throttled: the function's reserved concurrency is zero.
    ReservedZero = 16,
    /// Throttled: the function's reserved pool is full.
    ReservedConcurrency = 17,
    /// Throttled: the account's unreserved pool is full.
    UnreservedConcurrency = 18,
    /// Throttled: no idle environment, and the scaling rate allows no new one now.
    ScalingRate = 19,
    /// Throttled: the account's requests per second.
    AccountRate = 20,
    /// Throttled: the requests per second of a function with reserved concurrency.
    ReservedRate = 21,
    /// Throttled: the account's limit itself, after a change in mid-run.
    AccountConcurrency = 22,
    /// Throttled: the rate of one caller.
    CallerRate = 23,
    /// Throttled: the requests per second of a version with provisioned concurrency, where
    /// they do not spill over.
    ProvisionedRate = 24,
}

impl Outcome {
    /// Throttled codes begin here; admitted ones are below.
    pub const FIRST_THROTTLED: u8 = 16;
    /// All codes that are in use lie below this number.
    pub const CODES: usize = 32;

    /// Whether the invocation was refused.
    #[inline]
    pub fn is_throttled(self) -> bool {
        self as u8 >= Self::FIRST_THROTTLED
    }
}

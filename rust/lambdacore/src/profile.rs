//! A profile holds as data what AWS leaves undocumented or has changed over the years.

use crate::SECOND;

/// How fast a function may create execution environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// No limit.
    Off,
    /// A token bucket a function: full at the start, one token a cold start, one more
    /// every `interval` nanoseconds up to `burst`.
    Bucket {
        /// Capacity in environments.
        burst: u32,
        /// Nanoseconds until one more environment may be created.
        interval: u64,
    },
}

impl Scaling {
    /// The documented rate: 1,000 environments every 10 seconds, refilled continuously.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub const DOCUMENTED: Self = Self::Bucket { burst: 1_000, interval: SECOND / 100 };
}

/// The switches of an account that no AWS call sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Whether invocations run in environments that start cold and stay warm. Without them
    /// the account is a pure loss system: every admission is warm, without init.
    pub environments: bool,
    /// The scaling rate; it counts new environments and is idle where there are none.
    pub scaling: Scaling,
}

impl Default for Profile {
    fn default() -> Self {
        Self { environments: true, scaling: Scaling::DOCUMENTED }
    }
}

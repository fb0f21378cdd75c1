//! A profile holds as data what AWS leaves undocumented or has changed over the years.

use crate::SECOND;

/// How fast execution environments may be created on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// No limit.
    Off,
    /// A token bucket: full at the start, one token a cold start, one more every `interval`
    /// nanoseconds up to `burst`.
    Bucket {
        /// Capacity in environments.
        burst: u32,
        /// Nanoseconds until one more environment may be created.
        interval: u64,
        /// One bucket for all functions of the account in its Region, as before November
        /// 2023, instead of one for each.
        regional: bool,
    },
    /// So many environments of a function in each window `[k * length, (k + 1) * length)`.
    Tumbling {
        /// Environments in a window.
        burst: u32,
        /// Nanoseconds, above zero.
        length: u64,
    },
    /// So many environments of a function in every window of that length.
    Sliding {
        /// Environments in a window.
        burst: u32,
        /// Nanoseconds, above zero.
        length: u64,
    },
}

impl Scaling {
    /// The documented rate: 1,000 environments every 10 seconds, refilled continuously.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub const DOCUMENTED: Self =
        Self::Bucket { burst: 1_000, interval: SECOND / 100, regional: false };
}

/// To whom request rates apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateScope {
    /// No request rates.
    Off,
    /// One for the account, beside those of reserved functions and provisioned versions.
    Documented,
    /// One for the unreserved pool, beside those of reserved functions and provisioned
    /// versions: nobody meets the requests of a reserved function but itself.
    Partitioned,
}

/// How a rate a second is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateWindow {
    /// Whole seconds from time zero.
    Tumbling,
    /// The second that ends at each request.
    Sliding,
    /// A token bucket.
    Bucket {
        /// Nanoseconds of refill that it holds.
        burst: u64,
    },
}

/// Request rates: so many requests a second for each unit of concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// To whom they apply.
    pub scope: RateScope,
    /// How they are counted.
    pub window: RateWindow,
    /// Whether throttled attempts count as well.
    pub count_all: bool,
    /// Requests a second for each unit of concurrency.
    pub per_unit: u32,
    /// Nanoseconds of the second.
    pub second: u64,
}

impl Rates {
    /// The documented rates: ten requests a second for each unit of concurrency.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
    pub const DOCUMENTED: Self = Self {
        scope: RateScope::Documented,
        window: RateWindow::Tumbling,
        count_all: false,
        per_unit: 10,
        second: SECOND,
    };

    /// No request rates.
    pub const OFF: Self = Self { scope: RateScope::Off, ..Self::DOCUMENTED };

    /// The limit of a gate for so much concurrency; `None` without rates.
    pub(crate) fn limit(self, concurrency: u64) -> Option<u64> {
        (self.scope != RateScope::Off).then(|| u64::from(self.per_unit) * concurrency)
    }
}

/// How fast a function's requests a second may grow: the other side of the scaling rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateRamp {
    /// Capacity of the bucket, in requests a second that are added to what was served.
    pub burst: u32,
    /// Nanoseconds until one more may be added.
    pub interval: u64,
    /// Nanoseconds of the second.
    pub second: u64,
}

/// Provisioned concurrency: how fast it is allocated, what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provisioning {
    /// Nanoseconds before allocation begins.
    pub prep: u64,
    /// Nanoseconds for each environment.
    pub interval: u64,
    /// `None`: every request has the rate for itself. Otherwise all requests of the account
    /// share a bucket of so many environments, as before November 2023.
    pub regional_burst: Option<u32>,
    /// Whether capacity is claimed only once it is allocated, instead of when it is requested.
    pub claim_allocated: bool,
    /// Whether requests beyond the rate of a version are throttled, instead of spilling over.
    pub throttle_excess: bool,
}

impl Provisioning {
    /// As documented: after a minute, 6,000 environments a minute, claimed at once.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html>
    pub const DOCUMENTED: Self = Self {
        prep: 60 * SECOND,
        interval: SECOND / 100,
        regional_burst: None,
        claim_allocated: false,
        throttle_excess: false,
    };
}

/// The switches of an account that no AWS call sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Whether invocations run in environments that start cold and stay warm. Without them
    /// the account is a pure loss system: every admission is warm, without init.
    pub environments: bool,
    /// The scaling rate; it counts new environments and is idle where there are none.
    pub scaling: Scaling,
    /// Request rates.
    pub rates: Rates,
    /// The ramp of request rates, which AWS documents without saying how it works.
    pub ramp: Option<RateRamp>,
    /// Provisioned concurrency.
    pub provisioning: Provisioning,
    /// Whether what runs above a lowered limit keeps its claim on the account.
    pub keep_overhang: bool,
    /// Whether, after a change in mid-run, no more may run in all than the account's limit.
    pub hard_account_cap: bool,
    /// Nanoseconds until a changed configuration takes effect.
    pub config_delay: u64,
}

impl Profile {
    /// Everything as documented, and as this model chooses where AWS says nothing.
    pub const DOCUMENTED: Self = Self {
        environments: true,
        scaling: Scaling::DOCUMENTED,
        rates: Rates::DOCUMENTED,
        ramp: None,
        provisioning: Provisioning::DOCUMENTED,
        keep_overhang: true,
        hard_account_cap: true,
        config_delay: 0,
    };

    /// A pure loss system: pools and nothing else.
    pub const PURE_POOLS: Self =
        Self { environments: false, scaling: Scaling::Off, rates: Rates::OFF, ..Self::DOCUMENTED };
}

impl Default for Profile {
    fn default() -> Self {
        Self::DOCUMENTED
    }
}

//! The state of an account in a run: its counters, and the environments and gates that only
//! a simulation has.

use crate::admission::Admission;
use crate::claims;
use crate::controller::{AtomicCounters, Unsupported};
use crate::environments::Environments;
use crate::plain::{Plain, PlainCounters};
use crate::profile::RateScope;
use crate::ramp::RampGate;
use crate::scaling::ScalingGate;
use crate::store::Ledger;
use crate::{Account, Profile, Timeline};

/// How the counters of a simulation are kept. The results are the same bytes.
pub trait Counters: sealed::Counters {}

impl Counters for PlainCounters {}
impl Counters for AtomicCounters {}

mod sealed {
    use super::{Account, AtomicCounters, Ledger, Plain, PlainCounters, Timeline, Unsupported};
    use crate::controller::Live;

    pub trait Counters: Sized + std::fmt::Debug {
        #[allow(private_bounds)]
        type Borrowed<'a>: Ledger
        where
            Self: 'a;
        /// Whether they can hold an account and its changes.
        fn check(account: &Account, timeline: &Timeline) -> Result<(), Unsupported>;
        fn new(account: &Account) -> Self;
        fn borrow(&mut self) -> Self::Borrowed<'_>;
    }

    impl Counters for PlainCounters {
        type Borrowed<'a> = Plain<'a>;

        fn check(_: &Account, _: &Timeline) -> Result<(), Unsupported> {
            Ok(())
        }

        fn new(account: &Account) -> Self {
            PlainCounters::new(account)
        }

        #[inline]
        fn borrow(&mut self) -> Plain<'_> {
            PlainCounters::borrow(self)
        }
    }

    impl Counters for AtomicCounters {
        type Borrowed<'a> = Live<'a, true>;

        fn check(account: &Account, timeline: &Timeline) -> Result<(), Unsupported> {
            AtomicCounters::check(account, timeline)
        }

        fn new(account: &Account) -> Self {
            AtomicCounters::new(account, 1)
        }

        #[inline]
        fn borrow(&mut self) -> Live<'_, true> {
            AtomicCounters::borrow(self)
        }
    }
}

/// The state of an account in a run.
#[derive(Debug)]
pub(crate) struct State<K> {
    profile: Profile,
    counters: K,
    environments: Vec<Environments>,
    scaling_gates: Vec<ScalingGate>,
    ramp_gates: Vec<RampGate>,
}

impl<K: Counters> State<K> {
    /// A rested account.
    pub(crate) fn new(account: &Account) -> Self {
        let profile = account.profile();
        let mut environments = Vec::with_capacity(account.versions() as usize);
        for (index, declared) in account.functions().iter().enumerate() {
            let rested = Environments::new(declared.idle_timeout);
            environments.extend(std::iter::repeat_n(rested, account.versions_of(index).len()));
        }
        let functions = account.functions().len();
        let mut counters = K::new(account);
        claims::declare(&mut counters.borrow(), account);
        Self {
            profile,
            counters,
            environments,
            scaling_gates: vec![ScalingGate::new(profile.scaling); functions.max(1)],
            ramp_gates: profile.ramp.map_or(Vec::new(), |_| vec![RampGate::default(); functions]),
        }
    }

    /// The rule over this state.
    #[inline]
    pub(crate) fn admission(&mut self) -> Admission<'_, K::Borrowed<'_>> {
        Admission {
            profile: self.profile,
            store: self.counters.borrow(),
            environments: &mut self.environments,
            scaling_gates: &mut self.scaling_gates,
            ramp_gates: &mut self.ramp_gates,
        }
    }

    /// Whether the plain case is all there is: no provisioned concurrency and no rates. A run
    /// whose configuration changes is never plain.
    pub(crate) fn is_plain(&mut self) -> bool {
        let (rates, ramp) = (self.profile.rates, self.profile.ramp);
        let versions = self.environments.len();
        let store = self.counters.borrow();
        rates.scope == RateScope::Off
            && ramp.is_none()
            && (0..versions).all(|version| !crate::store::Store::is_provisioned(&store, version))
    }
}

impl State<PlainCounters> {
    /// Pure pools: no environments, no rates. Version `i` draws on pool `pool_of[i]`, whose
    /// limit is `limits[pool_of[i]]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        Self {
            profile: Profile::PURE_POOLS,
            counters: PlainCounters::of_pure_pools(limits, pool_of),
            environments: Vec::new(),
            scaling_gates: Vec::new(),
            ramp_gates: Vec::new(),
        }
    }
}

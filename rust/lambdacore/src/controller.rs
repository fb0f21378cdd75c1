//! The live controller: the rule of a simulation as an in-process limiter, for any number of
//! threads.
//!
//! Each pool is one word ([`word`]), each request rate another ([`gate`]), and the rule is
//! [`Admission`], over [`Live`]. A call looks at the words on its route, the rule decides, and
//! what the decision rests on is then taken or confirmed as it was seen. No call waits for
//! another; a thread that is stopped in the middle of one holds nobody up.
//!
//! A change of configuration touches many words. It takes the lock, puts the *guard* on every
//! word, changes what it has to, and takes the guard off: what was seen before is void. Where
//! the change leaves a function with permits that it must first give back ([`claims`]), the
//! guard stays on until they are, and calls take turns with the lock.
//!
//! What is promised is written down in `docs/rules.md`, and `tests/` has a test for each.
//!
//! [`Admission`]: crate::admission::Admission
//! [`claims`]: crate::claims

mod absorb;
mod counters;
mod gate;
mod live;
mod notes;
mod permit;
mod snapshot;
#[cfg(all(test, not(loom)))]
mod tests;
mod wait;
mod word;

use std::time::Instant;

use crate::admission::{Admission, Guarded};
use crate::control::{Call, ControlPlane};
use crate::profile::RateScope;
use crate::store::Source;
use crate::sync::{AtomicU32, Condvar, Mutex, Twin, broken};
use crate::{Account, Outcome, Profile, Scaling};
use absorb::Control;
pub use absorb::{ChangeError, Unsupported};
pub use counters::AtomicCounters;
pub(crate) use live::Live;
use live::Shared;
use notes::StripeId;
pub use permit::{Handle, Lane, OwnedPermit, Permit, Throttle, Ticket};
pub use snapshot::{FunctionSnapshot, PoolSnapshot, Snapshot};

/// Admission to an account, live: a limiter that any number of threads may use.
///
/// It decides as a simulation does whose traffic is the calls, with the clock of the process.
/// It holds no environments: scaling is off, and an admission that is not on a provisioned
/// environment reports [`Outcome::Warm`]. Provisioned environments are ready at once.
///
/// ```
/// use lambdacore::{Account, AdmissionController, Function, Outcome, Profile};
///
/// let checkout = Function { reserved_concurrency: Some(1), ..Function::named("checkout") };
/// let account = Account::new(1_000, None, vec![checkout], Profile::PURE_POOLS)?;
/// let controller = AdmissionController::new(&account)?;
/// let checkout = account.target("checkout").unwrap();
///
/// let permit = controller.try_acquire(checkout).unwrap();
/// let refused = controller.try_acquire(checkout).unwrap_err();
/// assert_eq!(refused.outcome, Outcome::ReservedConcurrency);
/// drop(permit);
/// assert!(controller.try_acquire(checkout).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdmissionController {
    shared: Shared,
    profile: Profile,
    /// What each target means: a version.
    version_of: Box<[u32]>,
    /// The account as it was declared: its names.
    declared: Account,
    control: Mutex<Control>,
    /// How many wait for a permit, and where.
    waiting: AtomicU32,
    waiters: Mutex<()>,
    freed: Condvar,
    /// Time zero of the rates.
    origin: Instant,
}

/// The profile that the controller lives by: no environments, no scaling.
fn live(profile: Profile) -> Profile {
    Profile { environments: false, scaling: Scaling::Off, ramp: None, ..profile }
}

impl AdmissionController {
    /// A controller of an account in which nothing runs.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], where the account or its profile has what one word cannot hold.
    pub fn new(account: &Account) -> Result<Self, Unsupported> {
        let profile = live(account.profile());
        absorb::check(account, account.concurrency_limit())?;
        let declared = account.with_profile(profile);
        let mut counters = AtomicCounters::new(&declared, stripes());
        crate::claims::declare(&mut counters.borrow(), &declared);
        let AtomicCounters { shared, claims, stripe } = counters;
        shared.stripes.give_up(stripe);
        let version_of = (0..).take_while(|&target| declared.is_target(target));
        Ok(Self {
            shared,
            profile,
            version_of: version_of.map(|target| declared.version_of(target)).collect(),
            control: Mutex::new(Control::new(declared.clone(), claims)),
            declared,
            waiting: AtomicU32::new(0),
            waiters: Mutex::new(()),
            freed: Condvar::new(),
            origin: Instant::now(),
        })
    }

    /// The account as it was declared, for its names. Later changes do not show.
    pub fn account(&self) -> &Account {
        &self.declared
    }

    /// Nanoseconds since the controller was made: the time that its request rates go by.
    pub fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX >> 1)
    }

    /// Whether request rates are on, and so the time matters.
    pub fn has_rates(&self) -> bool {
        self.profile.rates.scope != RateScope::Off
    }

    #[inline]
    fn now_if_it_matters(&self) -> u64 {
        if self.has_rates() { self.now() } else { 0 }
    }

    fn live<const LOCKED: bool>(&self, stripe: StripeId) -> Admission<'_, Live<'_, LOCKED>> {
        let store = Live {
            shared: &self.shared,
            stripe: self.shared.stripes.writer(stripe),
            claims: None,
            met_guard: false,
        };
        let (environments, scaling_gates, ramp_gates) = (&mut [][..], &mut [][..], &mut [][..]);
        Admission { profile: self.profile, store, environments, scaling_gates, ramp_gates }
    }

    /// Decides, and notes the decision. Where the caller `waits`, a refusal is none yet: it is
    /// not noted, and no request rate counts it.
    #[inline]
    fn attempt(
        &self,
        stripe: StripeId,
        version: usize,
        now: u64,
        waits: bool,
    ) -> (Outcome, Source) {
        let verdict = if self.has_rates() {
            self.attempt_under(self.while_waiting(waits), stripe, version, now, waits)
        } else {
            // All that the rule asks of a profile without rates, and known here: what is off is
            // not compiled in. The rest of the profile is for changes.
            self.attempt_under(Profile::PURE_POOLS, stripe, version, now, waits)
        };
        if !(waits && verdict.0.is_throttled()) {
            self.shared.stripes.writer(stripe).note(self.shared.function_of(version), verdict.0);
        }
        verdict
    }

    /// The profile of a call that `waits`, or not.
    fn while_waiting(&self, waits: bool) -> Profile {
        let mut profile = self.profile;
        profile.rates.count_all &= !waits;
        profile
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "once for each kind of profile")]
    fn attempt_under(
        &self,
        profile: Profile,
        stripe: StripeId,
        version: usize,
        now: u64,
        waits: bool,
    ) -> (Outcome, Source) {
        loop {
            let mut admission = Admission { profile, ..self.live::<false>(stripe) };
            match admission.attempt::<true>(version, now) {
                Ok(verdict) => return verdict,
                Err(Guarded) => {
                    if let Some(verdict) = self.attempt_in_turn(stripe, version, now, waits) {
                        return verdict;
                    }
                }
            }
        }
    }

    /// Gives a permit back.
    #[inline]
    fn release(&self, stripe: StripeId, held: crate::admission::Permit) {
        if broken(Twin::KeptPermit) {
            return;
        }
        let mut admission = self.live::<false>(stripe);
        admission.complete::<true>(held, 0);
        let met_guard = admission.store.met_guard;
        if met_guard && !broken(Twin::GuardUnseen) {
            self.absorb();
        }
        self.wake();
    }

    /// Changes the account's limit, as Service Quotas does. Nothing that runs is stopped;
    /// where more runs than may, nothing is admitted until enough has ended.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; then nothing has changed.
    pub fn set_concurrency_limit(&self, value: u32) -> Result<(), ChangeError> {
        self.change(&Call::SetConcurrencyLimit { value })
    }

    /// Reserves concurrency for a function, or with `None` takes the reservation back. What
    /// runs keeps its permit where it has it.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; then nothing has changed.
    pub fn set_reserved_concurrency(
        &self,
        function: &str,
        value: Option<u32>,
    ) -> Result<(), ChangeError> {
        let function = function.to_owned();
        self.change(&match value {
            Some(value) => Call::PutFunctionConcurrency { function, value },
            None => Call::DeleteFunctionConcurrency { function },
        })
    }

    /// Provisions environments of a version or alias, ready at once; 0 removes them. One that
    /// is in use ends its run.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; then nothing has changed.
    pub fn set_provisioned_concurrency(
        &self,
        function: &str,
        qualifier: &str,
        value: u32,
    ) -> Result<(), ChangeError> {
        let (function, qualifier) = (function.to_owned(), qualifier.to_owned());
        self.change(&if value == 0 {
            Call::DeleteProvisionedConcurrency { function, qualifier }
        } else {
            let value = value.into();
            Call::PutProvisionedConcurrency { function, qualifier, value, fails: false }
        })
    }

    fn change(&self, call: &Call) -> Result<(), ChangeError> {
        let changed = self.change_with(|account| {
            let mut plane = ControlPlane::new(account);
            plane.call(0, call)?;
            Ok((plane.configured(), plane.finish()))
        });
        // What was full may have room now.
        self.wake();
        changed
    }
}

/// How many stripes notes are spread over: twice the threads that can run at once.
fn stripes() -> usize {
    if cfg!(loom) {
        return 2;
    }
    let threads = std::thread::available_parallelism().map_or(8, usize::from);
    (2 * threads).next_power_of_two().min(64)
}

//! The account of the stress run: a pool of each kind, small enough to be full half of the time.

use lambdacore::{Account, AdmissionController, Function, Outcome, Profile, Throttle};

use crate::envelope::{Limits, Span};
use crate::random::SplitMix;

/// Which changes are made in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Nothing,
    /// The account's limit goes up and down.
    Limit,
    /// Reservations and provisioned concurrency come, change and go.
    Claims,
}

/// The account's limit at the beginning of each batch.
const LIMIT: u32 = 24;
/// What the claims are at the beginning of each batch: reserved, provisioned.
const CHECKOUT: u32 = 4;
const SEARCH: (u32, u32) = (6, 2);
const IMAGES: u32 = 3;
/// What is claimed of the account in all.
const CLAIMED: u32 = CHECKOUT + SEARCH.0 + IMAGES;
const LIVE: &str = "live";

/// Whom the threads invoke.
pub const TARGETS: [&str; 5] = ["checkout", "search:live", "images:live", "reports", "mail"];
/// Index in [`TARGETS`].
pub const CHECKOUT_CALLS: usize = 0;
/// Index in [`TARGETS`].
pub const SEARCH_CALLS: usize = 1;
/// Index in [`TARGETS`].
pub const IMAGES_CALLS: usize = 2;

/// So many permits all threads together hold, if they get all that they try for: twice as many
/// as there are.
pub const WANTED: usize = 2 * LIMIT as usize;

/// The controller, and what it is invoked for.
#[derive(Debug)]
pub struct Scene {
    /// Under stress.
    pub controller: AdmissionController,
    /// Of [`TARGETS`].
    pub targets: [u32; TARGETS.len()],
}

/// The limits in the course of a batch, as far as they hold for certain.
#[derive(Clone, Debug)]
pub struct History {
    /// All that run.
    pub account: Limits,
    /// What functions without a reservation run on demand.
    pub shared: Limits,
    /// A reservation.
    pub checkout: Limits,
    /// What a reservation leaves beside provisioned environments.
    pub search: Limits,
    /// Provisioned environments.
    pub search_provisioned: Limits,
    /// Provisioned environments.
    pub images_provisioned: Limits,
}

impl History {
    /// At the beginning of a batch.
    pub fn new() -> Self {
        Self {
            account: Limits::new(LIMIT),
            shared: Limits::new(LIMIT - CLAIMED),
            checkout: Limits::new(CHECKOUT),
            search: Limits::new(SEARCH.0 - SEARCH.1),
            search_provisioned: Limits::new(SEARCH.1),
            images_provisioned: Limits::new(IMAGES),
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Nothing runs.
    ///
    /// # Panics
    ///
    /// Never: the account is in order.
    pub fn new() -> Self {
        let versioned = |name: &str, provisioned| Function {
            versions: 1,
            aliases: vec![(LIVE.to_owned(), 1)],
            provisioned_concurrency: vec![(LIVE.to_owned(), provisioned)],
            ..Function::named(name)
        };
        let functions = vec![
            Function { reserved_concurrency: Some(CHECKOUT), ..Function::named("checkout") },
            Function { reserved_concurrency: Some(SEARCH.0), ..versioned("search", SEARCH.1) },
            versioned("images", IMAGES),
            Function::named("reports"),
            Function::named("mail"),
        ];
        let account = Account::new(LIMIT, Some(0), functions, Profile::PURE_POOLS);
        let account = account.expect("it fits");
        let targets = TARGETS.map(|label| account.target(label).expect("declared"));
        Self { controller: AdmissionController::new(&account).expect("it fits"), targets }
    }

    /// Makes a change drawn at random; whether it took effect. `stamped` runs it between stamps.
    pub fn change(
        &self,
        kind: Change,
        random: &mut SplitMix,
        history: &mut History,
        stamped: impl Fn(&mut dyn FnMut()) -> Span,
    ) -> bool {
        let controller = &self.controller;
        let mut done = false;
        let mut value = random.below(9) as u32;
        if kind == Change::Limit {
            let limit = CLAIMED + 2 * value;
            let call = stamped(&mut || done = controller.set_concurrency_limit(limit).is_ok());
            if done {
                history.account.change(call, limit);
                history.shared.change(call, limit - CLAIMED);
            }
            return done;
        }
        match random.below(4) {
            0 => {
                let reserved = (value < 8).then_some(value);
                let call = stamped(&mut || {
                    done = controller.set_reserved_concurrency("checkout", reserved).is_ok();
                });
                if done {
                    // Without a reservation the account's limit is all there is.
                    history.checkout.change(call, reserved.unwrap_or(LIMIT));
                }
            }
            1 => {
                let reserved = (value < 8).then_some(value);
                stamped(&mut || {
                    done = controller.set_reserved_concurrency("search", reserved).is_ok();
                });
            }
            which => {
                value /= 2;
                let (name, limits) = if which == 2 {
                    ("search", &mut history.search_provisioned)
                } else {
                    ("images", &mut history.images_provisioned)
                };
                let call = stamped(&mut || {
                    done = controller.set_provisioned_concurrency(name, LIVE, value).is_ok();
                });
                if done {
                    limits.change(call, value);
                }
            }
        }
        done
    }

    /// When nothing runs: sets all limits back, and says what is not as it should be.
    ///
    /// # Panics
    ///
    /// Where the controller refuses the account as it was declared.
    pub fn rest(&self, calls: u64, admitted: u64) -> Option<String> {
        let controller = &self.controller;
        // Claims are taken back before they are set, so that they fit at each step.
        let set = || {
            controller.set_concurrency_limit(2 * LIMIT)?;
            controller.set_reserved_concurrency("search", None)?;
            controller.set_reserved_concurrency("checkout", Some(CHECKOUT))?;
            controller.set_provisioned_concurrency("search", LIVE, SEARCH.1)?;
            controller.set_reserved_concurrency("search", Some(SEARCH.0))?;
            controller.set_provisioned_concurrency("images", LIVE, IMAGES)?;
            controller.set_concurrency_limit(LIMIT)
        };
        set().expect("the account was declared so");
        let state = controller.snapshot();
        let (mut pools, mut seen) = (vec![(state.shared, LIMIT - CLAIMED)], (0, 0));
        for (function, (reserved, provisioned)) in state.functions.iter().zip([
            (CHECKOUT, 0),
            (SEARCH.0 - SEARCH.1, SEARCH.1),
            (0, IMAGES),
            (0, 0),
            (0, 0),
        ]) {
            pools.extend(function.reserved.map(|pool| (pool, reserved)));
            pools.extend(function.provisioned.iter().map(|&(_, pool)| (pool, provisioned)));
            seen.0 += function.admitted + function.throttled;
            seen.1 += function.admitted;
        }
        if pools.iter().any(|&(pool, limit)| (pool.in_use, pool.limit) != (0, limit)) {
            return Some(format!("not all permits are back: {state:?}"));
        }
        (seen != (calls, admitted)).then(|| {
            format!("the controller counts {seen:?} calls and admissions, of {calls}, {admitted}")
        })
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// What a call came to, as a number below [`CLASSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Admitted on the shared or the reserved pool.
    OnDemand,
    /// Admitted on a provisioned environment.
    Provisioned,
    /// Refused by its own pool.
    PoolFull,
    /// Refused by the account as a whole.
    AccountFull,
    /// Refused by a reservation of zero, which needs no excuse.
    Zero,
}

/// How many there are.
pub const CLASSES: usize = 5;

impl Class {
    /// Of a refusal.
    ///
    /// # Panics
    ///
    /// Where the cause cannot be one here.
    pub fn of(refused: Throttle) -> Self {
        match refused.outcome {
            Outcome::ReservedConcurrency | Outcome::UnreservedConcurrency => Self::PoolFull,
            Outcome::AccountConcurrency => Self::AccountFull,
            Outcome::ReservedZero => Self::Zero,
            other => panic!("nothing is refused for {other:?} in this account"),
        }
    }
}

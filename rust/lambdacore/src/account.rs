//! The account: its limit, its functions, their versions and aliases.

use std::collections::HashMap;

use crate::control::{Call, ControlPlane};
use crate::refusal::ConfigurationError;
use crate::{Profile, SECOND, Scaling};

/// The largest limit that is accepted, 2^31 - 1.
pub const MAX_LIMIT: u32 = i32::MAX as u32;

/// What is always left to the functions without a reservation, at a limit of 100 or more.
const USUAL_FLOOR: u32 = 100;

/// One Lambda function and what its configuration says about concurrency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The function's name, unique in its account.
    pub name: String,
    /// Concurrency set apart for this function: a guarantee and a cap at once.
    /// `None` shares the unreserved pool; `Some(0)` admits nothing.
    pub reserved_concurrency: Option<u32>,
    /// Nanoseconds that a cold start runs before the handler.
    pub init_duration: u64,
    /// Nanoseconds after which an idle environment is gone; `u64::MAX` keeps it for ever.
    pub idle_timeout: u64,
    /// Published versions: 1 to so many. Version 0 stands for `$LATEST`, which is always there.
    pub versions: u32,
    /// Aliases by name, and the version that each points to.
    pub aliases: Vec<(String, u32)>,
    /// Environments kept ready, by qualifier: a version's number or an alias.
    pub provisioned_concurrency: Vec<(String, u32)>,
    /// The alias that the function's name alone means; without one it means `$LATEST`.
    pub unqualified: Option<String>,
}

impl Function {
    /// A function without reservation or init, whose environments stay for 600 s.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reserved_concurrency: None,
            init_duration: 0,
            idle_timeout: 600 * SECOND,
            versions: 0,
            aliases: Vec::new(),
            provisioned_concurrency: Vec::new(),
            unqualified: None,
        }
    }
}

/// A checked account: what the simulation runs on.
///
/// Its versions are numbered through, function by function, `$LATEST` first; its aliases
/// follow. Such a number is a *target*: what an invocation may name.
#[derive(Clone, Debug)]
pub struct Account {
    concurrency_limit: u32,
    unreserved_floor: Option<u32>,
    functions: Vec<Function>,
    profile: Profile,
    by_name: HashMap<String, u32>,
    /// The first version of each function, and behind the last the number of all.
    first_version: Vec<u32>,
    /// The first alias of each function among the aliases, and the number of all.
    first_alias: Vec<u32>,
}

/// Why a label of a trace names nothing in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownTarget {
    /// No function of that name.
    Function,
    /// The function, but no version or alias of that name.
    Qualifier,
}

impl Account {
    /// Checks and makes an account.
    ///
    /// `unreserved_floor` is what must be left to functions without a reservation; `None`
    /// takes the smaller of 100 and the limit.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`], for the first function that cannot be.
    pub fn new(
        concurrency_limit: u32,
        unreserved_floor: Option<u32>,
        functions: Vec<Function>,
        profile: Profile,
    ) -> Result<Self, ConfigurationError> {
        if concurrency_limit > MAX_LIMIT {
            return Err(ConfigurationError::LimitTooLarge {
                function: None,
                value: concurrency_limit,
            });
        }
        check_profile(profile)?;
        let by_name = check_functions(&functions)?;
        let ends = |count: fn(&Function) -> u32| {
            let mut ends = vec![0_u32];
            for (function, f) in functions.iter().enumerate() {
                let end = ends[function].checked_add(count(f)).filter(|&end| end <= MAX_TARGETS);
                ends.push(end.ok_or(ConfigurationError::TooManyVersions { function })?);
            }
            Ok(ends)
        };
        let first_version = ends(|f| f.versions.saturating_add(1))?;
        let first_alias = ends(|f| f.aliases.len() as u32)?;
        let account = Self {
            concurrency_limit,
            unreserved_floor,
            functions,
            profile,
            by_name,
            first_version,
            first_alias,
        };
        account.check_claims()?;
        Ok(account)
    }

    /// The same account under another profile, which leaves its claims as they are.
    pub(crate) fn with_profile(&self, profile: Profile) -> Self {
        Self { profile, ..self.clone() }
    }

    /// The account as calls have configured it.
    pub(crate) fn configured(
        &self,
        limit: u32,
        functions: impl Iterator<Item = (Option<u32>, Vec<(String, u32)>)>,
    ) -> Self {
        let mut account = Self { concurrency_limit: limit, ..self.clone() };
        for (declared, (reserved, provisioned)) in account.functions.iter_mut().zip(functions) {
            declared.reserved_concurrency = reserved;
            declared.provisioned_concurrency = provisioned;
        }
        account
    }

    /// What is reserved and provisioned must be what AWS would accept, call by call.
    fn check_claims(&self) -> Result<(), ConfigurationError> {
        let mut plane = ControlPlane::unclaimed(self);
        for (function, f) in self.functions.iter().enumerate() {
            let refused = |qualifier: Option<&String>| {
                let qualifier = qualifier.cloned();
                move |refusal| ConfigurationError::Refused { function, qualifier, refusal }
            };
            if let Some(value) = f.reserved_concurrency {
                let put = Call::PutFunctionConcurrency { function: f.name.clone(), value };
                plane.call(0, &put).map_err(refused(None))?;
            }
            for (qualifier, value) in &f.provisioned_concurrency {
                let put = Call::PutProvisionedConcurrency {
                    function: f.name.clone(),
                    qualifier: qualifier.clone(),
                    value: (*value).into(),
                    fails: false,
                };
                plane.call(0, &put).map_err(refused(Some(qualifier)))?;
            }
        }
        Ok(())
    }

    /// The limit of concurrent executions of the account in its Region.
    pub fn concurrency_limit(&self) -> u32 {
        self.concurrency_limit
    }

    /// What reservations must leave to the others at some limit of the account.
    pub fn unreserved_floor(&self, limit: u32) -> u32 {
        // Quotas of new accounts are below 100; AWS then names the quota as the floor.
        self.unreserved_floor.unwrap_or(limit.min(USUAL_FLOOR))
    }

    /// The functions, in the order given.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// What the functions without a claim of their own share: the limit less all that is
    /// reserved, and provisioned without being reserved.
    pub fn unreserved_concurrency(&self) -> u32 {
        // Accepted claims never exceed the limit, so this does not go below zero.
        self.concurrency_limit - self.functions.iter().map(Self::claim).sum::<u32>()
    }

    fn claim(function: &Function) -> u32 {
        let provisioned = || function.provisioned_concurrency.iter().map(|&(_, value)| value).sum();
        function.reserved_concurrency.unwrap_or_else(provisioned)
    }

    /// Index of a function by its name.
    pub fn function(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The target that a label of a trace means: `name`, `name:alias`, `name:3` or
    /// `name:$LATEST`.
    ///
    /// # Errors
    ///
    /// [`UnknownTarget`] where the account has no such function, version or alias.
    pub fn target(&self, label: &str) -> Result<u32, UnknownTarget> {
        if let Some(function) = self.function(label) {
            let unqualified = self.functions[function as usize].unqualified.as_deref();
            return self.qualified(function, unqualified.unwrap_or(LATEST));
        }
        let (name, qualifier) = label.split_once(':').ok_or(UnknownTarget::Function)?;
        self.qualified(self.function(name).ok_or(UnknownTarget::Function)?, qualifier)
    }

    fn qualified(&self, function: u32, qualifier: &str) -> Result<u32, UnknownTarget> {
        let declared = &self.functions[function as usize];
        match version_number(qualifier) {
            Some(version) if version <= declared.versions => Ok(self.version(function, version)),
            Some(_) => Err(UnknownTarget::Qualifier),
            None => (declared.aliases.iter().position(|(name, _)| name == qualifier))
                .map(|alias| self.alias(function, alias))
                .ok_or(UnknownTarget::Qualifier),
        }
    }

    /// The target of a version of a function.
    pub(crate) fn version(&self, function: u32, version: u32) -> u32 {
        self.first_version[function as usize] + version
    }

    /// The target of an alias of a function.
    pub(crate) fn alias(&self, function: u32, alias: usize) -> u32 {
        self.versions() + self.first_alias[function as usize] + alias as u32
    }

    /// How many versions all functions have, `$LATEST` included.
    pub(crate) fn versions(&self) -> u32 {
        self.first_version.last().copied().unwrap_or(0)
    }

    /// The versions of one function.
    ///
    /// # Panics
    ///
    /// Where the index names no function.
    pub fn versions_of(&self, function: usize) -> std::ops::Range<u32> {
        self.first_version[function]..self.first_version[function + 1]
    }

    /// What is provisioned: versions, as targets, and how many environments of each.
    ///
    /// # Panics
    ///
    /// Never: the account was checked.
    pub fn provisioned(&self) -> impl Iterator<Item = (u32, u32)> {
        self.functions.iter().zip(0..).flat_map(move |(declared, function)| {
            declared.provisioned_concurrency.iter().map(move |(qualifier, value)| {
                let target = self.qualified(function, qualifier);
                (self.version_of(target.expect("the account was checked")), *value)
            })
        })
    }

    /// Whether a number is a target.
    pub fn is_target(&self, target: u32) -> bool {
        target < self.versions() + self.first_alias.last().copied().unwrap_or(0)
    }

    /// The function that a target belongs to.
    ///
    /// # Panics
    ///
    /// Where the number is no target.
    pub fn function_of(&self, target: u32) -> u32 {
        assert!(self.is_target(target), "{target} is no target");
        let holder = |ends: &[u32], index| ends.partition_point(|&first| first <= index) as u32 - 1;
        match target.checked_sub(self.versions()) {
            None => holder(&self.first_version, target),
            Some(alias) => holder(&self.first_alias, alias),
        }
    }

    /// The version that a target means at the start: itself, or what the alias points to.
    ///
    /// # Panics
    ///
    /// Where the number is no target.
    pub fn version_of(&self, target: u32) -> u32 {
        let function = self.function_of(target);
        match target.checked_sub(self.versions()) {
            None => target,
            Some(alias) => {
                let alias = alias - self.first_alias[function as usize];
                let aliases = &self.functions[function as usize].aliases;
                self.version(function, aliases[alias as usize].1)
            }
        }
    }

    /// Nanoseconds that a cold start adds, for each of some targets: nothing where the profile
    /// has no environments.
    ///
    /// # Panics
    ///
    /// Where a number is no target.
    pub fn init_durations(&self, targets: &[u32]) -> Vec<u64> {
        let init = |&target: &u32| {
            let function = &self.functions[self.function_of(target) as usize];
            if self.profile.environments { function.init_duration } else { 0 }
        };
        targets.iter().map(init).collect()
    }
}

/// Versions, and aliases, of an account: each version has a state of its own in a run.
const MAX_TARGETS: u32 = 1 << 20;

/// The qualifier of the version that was not published.
pub(crate) const LATEST: &str = "$LATEST";

/// The version that a qualifier names as such; `None` for the name of an alias.
pub(crate) fn version_number(qualifier: &str) -> Option<u32> {
    if qualifier == LATEST {
        return Some(0);
    }
    let digits = !qualifier.is_empty() && qualifier.bytes().all(|byte| byte.is_ascii_digit());
    // A number without a version is one that no function has.
    let number = || qualifier.parse().ok().filter(|_| !qualifier.starts_with('0'));
    digits.then(|| number().unwrap_or(u32::MAX))
}

/// Windows have a length, and the instant at which a bucket is full again must be a time that
/// a `u64` holds.
fn check_profile(profile: Profile) -> Result<(), ConfigurationError> {
    let (bucket, length) = match profile.scaling {
        Scaling::Off => (None, 1),
        Scaling::Bucket { burst, interval, .. } => (Some((burst, interval)), 1),
        Scaling::Tumbling { length, .. } | Scaling::Sliding { length, .. } => (None, length),
    };
    let ramp = profile.ramp.map(|ramp| (ramp.burst, ramp.interval));
    for (burst, interval) in bucket.into_iter().chain(ramp) {
        if u64::from(burst).checked_mul(interval).is_none_or(|full| full >> 63 != 0) {
            return Err(ConfigurationError::ScalingTooSlow { burst, interval });
        }
    }
    if length == 0 || profile.rates.second == 0 || profile.ramp.is_some_and(|r| r.second == 0) {
        return Err(ConfigurationError::EmptyWindow);
    }
    Ok(())
}

fn check_functions(functions: &[Function]) -> Result<HashMap<String, u32>, ConfigurationError> {
    let mut by_name = HashMap::with_capacity(functions.len());
    for (function, f) in functions.iter().enumerate() {
        if f.name.is_empty() {
            return Err(ConfigurationError::EmptyName { function });
        }
        if let Some(first) = by_name.insert(f.name.clone(), function as u32) {
            return Err(ConfigurationError::DuplicateName {
                function,
                first: first as usize,
                name: f.name.clone(),
            });
        }
        if let Some(value) = f.reserved_concurrency.filter(|&r| r > MAX_LIMIT) {
            return Err(ConfigurationError::LimitTooLarge { function: Some(function), value });
        }
        // Arrival, duration and init are each below 2^63, the first two together as well:
        // so the end of a run never overflows.
        if f.init_duration >= 1 << 63 {
            return Err(ConfigurationError::InitTooLong { function });
        }
        let mut aliases = std::collections::HashSet::new();
        for (alias, version) in &f.aliases {
            let alias = alias.clone();
            if version_number(&alias).is_some() || !aliases.insert(alias.clone()) {
                return Err(ConfigurationError::BadAlias { function, alias });
            }
            if *version > f.versions {
                let (version, versions) = (*version, f.versions);
                return Err(ConfigurationError::AliasOfNothing {
                    function,
                    alias,
                    version,
                    versions,
                });
            }
        }
        if let Some(alias) = &f.unqualified
            && !f.aliases.iter().any(|(name, _)| name == alias)
        {
            return Err(ConfigurationError::BadAlias { function, alias: alias.clone() });
        }
    }
    Ok(by_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    fn reserving(
        limit: u32,
        floor: Option<u32>,
        reserved: &[u32],
    ) -> Result<Account, ConfigurationError> {
        let functions = reserved
            .iter()
            .enumerate()
            .map(|(i, &r)| Function {
                reserved_concurrency: Some(r),
                ..Function::named(format!("f{i}"))
            })
            .collect();
        Account::new(limit, floor, functions, Profile::default())
    }

    #[test]
    fn e11_nine_hundred_of_a_thousand_can_be_reserved() {
        assert_eq!(reserving(1_000, None, &[900]).unwrap().unreserved_concurrency(), 100);
        assert_eq!(reserving(2_000, None, &[1_900]).unwrap().unreserved_concurrency(), 100);
        assert!(reserving(1_000, None, &[901]).is_err());
        assert!(reserving(2_000, None, &[1_000, 901]).is_err());
    }

    #[test]
    fn e15_a_quota_of_ten_has_a_floor_of_ten_and_reserving_zero_is_accepted() {
        let refusal = reserving(10, None, &[1]).unwrap_err();
        let (code, message) = refusal.aws().unwrap();
        assert_eq!(code, "InvalidParameterValueException");
        assert!(message.ends_with("below its minimum value of [10]."), "{message}");
        assert_eq!(reserving(10, None, &[0]).unwrap().unreserved_concurrency(), 10);
        assert!(reserving(10, Some(20), &[0]).is_ok());
    }

    #[test]
    fn the_refusal_names_the_first_function_that_breaks_the_floor_and_what_fits() {
        let refusal = reserving(1_000, None, &[600, 400]).unwrap_err();
        let ConfigurationError::Refused {
            function,
            refusal: Refusal::ReservedBelowFloor { most, left, .. },
            ..
        } = refusal
        else {
            panic!("{refusal:?}");
        };
        assert_eq!((function, most, left), (1, 300, 0));
    }

    #[test]
    fn reservations_of_two_to_the_31_do_not_overflow() {
        assert!(reserving(MAX_LIMIT, None, &[MAX_LIMIT, MAX_LIMIT, MAX_LIMIT]).is_err());
        assert!(reserving(MAX_LIMIT + 1, None, &[]).is_err());
        assert!(reserving(MAX_LIMIT, None, &[MAX_LIMIT + 1]).is_err());
    }
}

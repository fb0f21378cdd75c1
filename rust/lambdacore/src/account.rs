//! The account: its limit, its functions, and the rule of what may be reserved.

use thiserror::Error;

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
}

impl Function {
    /// A function without reservation or init, whose environments stay for 600 s.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reserved_concurrency: None,
            init_duration: 0,
            idle_timeout: 600 * SECOND,
        }
    }
}

/// A configuration that cannot be, with what an error message needs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A limit above [`MAX_LIMIT`].
    #[error("{value} is above the largest limit, {MAX_LIMIT}")]
    LimitTooLarge {
        /// The function it was given for, or `None` for the account's own limit.
        function: Option<usize>,
        /// The value given.
        value: u32,
    },
    /// A duration of 2^63 nanoseconds or more where a finite one is needed.
    #[error("the init duration of function {function} is 2^63 nanoseconds or longer")]
    InitTooLong {
        /// Index of the function.
        function: usize,
    },
    /// A scaling bucket that takes 2^63 nanoseconds or longer to fill.
    #[error("a scaling bucket of {burst} tokens, one every {interval} ns, never fills")]
    ScalingTooSlow {
        /// Its capacity.
        burst: u32,
        /// Nanoseconds a token.
        interval: u64,
    },
    /// A function without a name.
    #[error("function {function} has an empty name")]
    EmptyName {
        /// Index of the function.
        function: usize,
    },
    /// Two functions of one name.
    #[error("function {function} has the name of function {first}, {name:?}")]
    DuplicateName {
        /// Index of the second function.
        function: usize,
        /// Index of the first function.
        first: usize,
        /// Their name.
        name: String,
    },
    /// A reservation that leaves less than the floor to the unreserved pool.
    #[error(
        "reserving {requested} for {name:?} leaves {left} of the account's {limit} unreserved, \
         less than the minimum of {floor}; at most {most} can be reserved for it"
    )]
    UnreservedBelowFloor {
        /// Index of the function.
        function: usize,
        /// Its name.
        name: String,
        /// The reservation asked for.
        requested: u32,
        /// What would be left; negative where more is reserved than there is.
        left: i64,
        /// The account's limit.
        limit: u32,
        /// The unreserved floor.
        floor: u32,
        /// The largest reservation that would be accepted.
        most: i64,
    },
}

impl ConfigurationError {
    /// AWS's error code and message for this refusal, where its API would give one.
    ///
    /// Source: answers of the real API to `PutFunctionConcurrency`.
    pub fn aws(&self) -> Option<(&'static str, String)> {
        match self {
            Self::UnreservedBelowFloor { floor, .. } => Some((
                "InvalidParameterValueException",
                format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's \
                     UnreservedConcurrentExecution below its minimum value of [{floor}]."
                ),
            )),
            _ => None,
        }
    }
}

/// A checked account: what the simulation runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    concurrency_limit: u32,
    unreserved_floor: u32,
    functions: Vec<Function>,
    profile: Profile,
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
        // Quotas of new accounts are below 100; AWS then names the quota as the floor.
        let floor = unreserved_floor.unwrap_or(concurrency_limit.min(USUAL_FLOOR));
        check_scaling(profile.scaling)?;
        check_functions(&functions)?;
        check_reservations(concurrency_limit, floor, &functions)?;
        Ok(Self { concurrency_limit, unreserved_floor: floor, functions, profile })
    }

    /// The limit of concurrent executions of the account in its Region.
    pub fn concurrency_limit(&self) -> u32 {
        self.concurrency_limit
    }

    /// What reservations must leave to the others.
    pub fn unreserved_floor(&self) -> u32 {
        self.unreserved_floor
    }

    /// The functions, in the order given.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Nanoseconds that a cold start adds, for each of some functions: nothing where the
    /// profile has no environments.
    ///
    /// # Panics
    ///
    /// Where an index names no function.
    pub fn init_durations(&self, functions: &[u32]) -> Vec<u64> {
        let init = |&index: &u32| {
            let function = &self.functions[index as usize];
            if self.profile.environments { function.init_duration } else { 0 }
        };
        functions.iter().map(init).collect()
    }

    /// What the functions without a reservation share: the limit less all reservations.
    pub fn unreserved_concurrency(&self) -> u32 {
        // Accepted reservations never exceed the limit, so this does not go below zero.
        self.concurrency_limit
            - self.functions.iter().filter_map(|f| f.reserved_concurrency).sum::<u32>()
    }
}

/// The instant at which a bucket is full again must be a time that a `u64` holds.
fn check_scaling(scaling: Scaling) -> Result<(), ConfigurationError> {
    match scaling {
        Scaling::Bucket { burst, interval }
            if u64::from(burst).checked_mul(interval).is_none_or(|full| full >> 63 != 0) =>
        {
            Err(ConfigurationError::ScalingTooSlow { burst, interval })
        }
        _ => Ok(()),
    }
}

fn check_functions(functions: &[Function]) -> Result<(), ConfigurationError> {
    let mut seen = std::collections::HashMap::with_capacity(functions.len());
    for (function, f) in functions.iter().enumerate() {
        if f.name.is_empty() {
            return Err(ConfigurationError::EmptyName { function });
        }
        if let Some(first) = seen.insert(f.name.as_str(), function) {
            return Err(ConfigurationError::DuplicateName {
                function,
                first,
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
    }
    Ok(())
}

/// Each reservation must leave the floor to the unreserved pool (rule 1.2); one of zero
/// takes nothing and is always accepted (rule 1.4).
fn check_reservations(
    limit: u32,
    floor: u32,
    functions: &[Function],
) -> Result<(), ConfigurationError> {
    let mut left = i64::from(limit);
    for (function, f) in functions.iter().enumerate() {
        let requested = f.reserved_concurrency.unwrap_or(0);
        let before = left;
        left -= i64::from(requested);
        if requested > 0 && left < i64::from(floor) {
            return Err(ConfigurationError::UnreservedBelowFloor {
                function,
                name: f.name.clone(),
                requested,
                left,
                limit,
                floor,
                most: (before - i64::from(floor)).max(0),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let ConfigurationError::UnreservedBelowFloor { function, most, left, .. } = refusal else {
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

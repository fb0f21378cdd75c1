//! What cannot be: configurations that AWS refuses, with its code and text, and others.

use thiserror::Error;

use crate::MAX_LIMIT;

/// What stands before a function's name where AWS answers with its resource name.
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function";

/// A call that the Lambda API refuses. Displayed, it says what would be accepted; AWS's own
/// answer is given by [`aws`](Self::aws).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such function.
    #[error("the account has no function {function:?}")]
    UnknownFunction {
        /// As it was called.
        function: String,
        /// What was asked for behind the name.
        qualifier: String,
    },
    /// The function has no such version or alias.
    #[error("{function:?} has no version or alias {qualifier:?}; it has {known}")]
    UnknownQualifier {
        /// The function's name.
        function: String,
        /// As it was called.
        qualifier: String,
        /// What there is.
        known: String,
    },
    /// A reservation that leaves less than the floor to the unreserved pool.
    #[error(
        "reserving {requested} for {function:?} leaves {left} of the account's {limit} \
         unreserved, less than the minimum of {floor}; at most {most} can be reserved for it"
    )]
    ReservedBelowFloor {
        /// The function's name.
        function: String,
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
    /// A reservation below what the function has provisioned.
    #[error(
        "reserving {requested} for {function:?} is less than the {provisioned} that it has \
         provisioned: reserve {provisioned} or more, or lower what is provisioned first"
    )]
    ReservedBelowProvisioned {
        /// The function's name.
        function: String,
        /// The reservation asked for.
        requested: u32,
        /// What is provisioned in all.
        provisioned: u64,
    },
    /// A reservation is the whole function's.
    #[error("{label:?} names a version or alias; concurrency is reserved for a whole function")]
    ReservedForQualifier {
        /// As it was called.
        label: String,
    },
    /// Only published versions can be provisioned.
    #[error(
        "$LATEST of {function:?} cannot have provisioned concurrency: publish a version (versions=) \
         and name it, or an alias of it"
    )]
    ProvisionedOnLatest {
        /// The function's name.
        function: String,
    },
    /// As before, of a call that asks or deletes.
    #[error(
        "$LATEST of {function:?} never has provisioned concurrency: name a version or an alias"
    )]
    NoVersionOrAlias {
        /// The function's name.
        function: String,
    },
    /// Provisioned concurrency begins at 1.
    #[error("provisioned concurrency of {value}: give 1 or more, or delete the configuration")]
    ProvisionedBelowOne {
        /// The value asked for.
        value: i64,
    },
    /// An alias of a version that is provisioned already.
    #[error(
        "alias {alias:?} points to a version that has provisioned concurrency under another name: \
         delete that first, or put it there"
    )]
    AliasOfProvisioned {
        /// The alias.
        alias: String,
    },
    /// A version that is provisioned through an alias already.
    #[error(
        "alias {alias:?} points to this version and has provisioned concurrency: put it there, or \
         delete that first"
    )]
    VersionUnderAlias {
        /// The alias.
        alias: String,
    },
    /// More is provisioned than the function has reserved.
    #[error(
        "provisioning {requested} for {function:?} is more than its reservation of {reserved} \
         allows; at most {most}"
    )]
    ProvisionedAboveReserved {
        /// The function's name.
        function: String,
        /// The value asked for.
        requested: u32,
        /// The function's reservation.
        reserved: u32,
        /// The largest value that would be accepted.
        most: i64,
    },
    /// More is provisioned than the account has unreserved.
    #[error(
        "provisioning {requested} for {function:?} is more than the {unreserved} that the \
         account has unreserved; at most {most}"
    )]
    ProvisionedAboveUnreserved {
        /// The function's name.
        function: String,
        /// The value asked for.
        requested: u32,
        /// What is unreserved without it.
        unreserved: i64,
        /// The largest value that would be accepted.
        most: i64,
    },
    /// Provisioning leaves less than the floor to the unreserved pool.
    #[error(
        "provisioning {requested} for {function:?} leaves less than the minimum of {floor} \
         unreserved; at most {most}"
    )]
    ProvisionedBelowFloor {
        /// The function's name.
        function: String,
        /// The value asked for.
        requested: u32,
        /// The unreserved floor.
        floor: u32,
        /// The largest value that would be accepted.
        most: i64,
    },
    /// There is no provisioned concurrency under that qualifier.
    #[error("{function:?} has no provisioned concurrency under {qualifier:?}")]
    NotProvisioned {
        /// The function's name.
        function: String,
        /// As it was called.
        qualifier: String,
    },
}

impl Refusal {
    /// AWS's error code, HTTP status and message, word by word.
    ///
    /// Source: answers recorded from the real API.
    pub fn aws(&self) -> (&'static str, u16, String) {
        let invalid = |text: String| ("InvalidParameterValueException", 400, text);
        let missing = |text: String| ("ResourceNotFoundException", 404, text);
        let conflict = |text: &str| ("ResourceConflictException", 409, text.to_owned());
        let not_found = |function: &str, qualifier: &str| {
            let behind = if qualifier.is_empty() { String::new() } else { format!(":{qualifier}") };
            if qualifier.is_empty() || crate::account::version_number(qualifier).is_some() {
                missing(format!("Function not found: {ARN}:{function}{behind}"))
            } else {
                missing(format!("Cannot find alias arn: {ARN}:{function}{behind}"))
            }
        };
        match self {
            Self::UnknownFunction { function, qualifier }
            | Self::UnknownQualifier { function, qualifier, .. } => not_found(function, qualifier),
            Self::ReservedBelowFloor { floor, .. } => invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{floor}]."
            )),
            // The leading space and the double one are AWS's.
            Self::ReservedBelowProvisioned { requested, provisioned, .. } => invalid(format!(
                " ReservedConcurrentExecutions  {requested} should not be lower than function's \
                 total provisioned concurrency [{provisioned}]."
            )),
            Self::ReservedForQualifier { .. } => invalid(
                "This operation is permitted on Lambda functions only. Aliases and versions do \
                 not support this operation. Please specify either a function name or an \
                 unqualified function ARN."
                    .to_owned(),
            ),
            Self::ProvisionedOnLatest { .. } => invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function \
                 versions."
                    .to_owned(),
            ),
            Self::NoVersionOrAlias { .. } => invalid(
                "The function resource provided must be an alias or a published version."
                    .to_owned(),
            ),
            Self::ProvisionedBelowOne { value } => (
                "ValidationException",
                400,
                format!(
                    "1 validation error detected: Value '{value}' at \
                     'provisionedConcurrentExecutions' failed to satisfy constraint: Member must \
                     have value greater than or equal to 1"
                ),
            ),
            Self::AliasOfProvisioned { .. } => conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already \
                 Provisioned version",
            ),
            Self::VersionUnderAlias { .. } => {
                conflict("Version is pointed by a Provisioned Concurrency alias")
            }
            Self::ProvisionedAboveReserved { .. } => invalid(
                "Requested Provisioned Concurrency should not be greater than the \
                 reservedConcurrentExecution for function"
                    .to_owned(),
            ),
            Self::ProvisionedAboveUnreserved { unreserved, .. } => invalid(format!(
                "Specified ConcurrentExecutions for function is greater than account's \
                 unreserved concurrency [{unreserved}]."
            )),
            Self::ProvisionedBelowFloor { floor, .. } => invalid(format!(
                "Specified ConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{floor}]."
            )),
            Self::NotProvisioned { .. } => (
                "ProvisionedConcurrencyConfigNotFoundException",
                404,
                "No Provisioned Concurrency Config found for this function".to_owned(),
            ),
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
    /// An alias that is a number, `$LATEST`, given twice, or missing.
    #[error(
        "alias {alias:?} cannot be: it is a number or $LATEST, is given twice, or is no alias of \
         the function"
    )]
    BadAlias {
        /// Index of the function.
        function: usize,
        /// The alias.
        alias: String,
    },
    /// An alias of a version that was not published.
    #[error(
        "alias {alias:?} points to version {version}; {versions} are published: raise versions, or \
         point it to one of them"
    )]
    AliasOfNothing {
        /// Index of the function.
        function: usize,
        /// The alias.
        alias: String,
        /// Where it points to.
        version: u32,
        /// How many versions there are.
        versions: u32,
    },
    /// More versions or aliases in all than an account may have.
    #[error("with function {function} the account has more than 2^20 versions, or aliases")]
    TooManyVersions {
        /// Index of the function with which it is too many.
        function: usize,
    },
    /// A window of time without a length.
    #[error("a window of the profile is 0 ns long")]
    EmptyWindow,
    /// A claim that AWS refuses.
    #[error("{refusal}")]
    Refused {
        /// Index of the function.
        function: usize,
        /// The version or alias it was given for; `None` for the reservation.
        qualifier: Option<String>,
        /// Why.
        refusal: Refusal,
    },
}

impl ConfigurationError {
    /// AWS's error code and message for this refusal, where its API would give one.
    pub fn aws(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Refused { refusal, .. } => {
                let (code, _, message) = refusal.aws();
                Some((code, message))
            }
            _ => None,
        }
    }
}

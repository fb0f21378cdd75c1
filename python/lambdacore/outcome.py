"""What became of an invocation: the codes of the outcome column."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ADMITTED", "FIRST_THROTTLED", "THROTTLED", "Outcome"]

#: Codes of throttled outcomes begin here; admitted ones are below.
FIRST_THROTTLED = 16

_CONCURRENT = "ConcurrentInvocationLimitExceeded"
_RESERVED_CONCURRENT = "ReservedFunctionConcurrentInvocationLimitExceeded"


class Outcome(IntEnum):
    """The outcome of one invocation, as it stands in ``result.outcome`` (uint8).

    Admitted codes are below 16, throttled codes from 16 to 127. The numbers are frozen: a
    stored outcome column reads the same in every version. The code for the rate of one caller
    has its number here and is not yet produced.
    """

    PROVISIONED = 1  #: admitted on a provisioned environment
    WARM = 2  #: admitted on an idle environment
    COLD = 3  #: admitted on a new environment, whose init comes before the handler
    RESERVED_ZERO = 16  #: throttled: the reserved concurrency is zero
    RESERVED_CONCURRENCY = 17  #: throttled: the function's reserved pool is full
    UNRESERVED_CONCURRENCY = 18  #: throttled: the account's unreserved pool is full
    SCALING_RATE = 19  #: throttled: no idle environment, and no new one allowed now
    ACCOUNT_RATE = 20  #: throttled: the account's requests per second
    RESERVED_RATE = 21  #: throttled: the requests per second of a reserved function
    ACCOUNT_CONCURRENCY = 22  #: throttled: the account's limit, after a change in mid-run
    CALLER_RATE = 23  #: throttled: the rate of one caller
    PROVISIONED_RATE = 24  #: throttled: a version's requests per second, where none spill over

    @property
    def throttled(self) -> bool:
        """Whether the invocation was refused with a 429."""
        return self >= FIRST_THROTTLED

    @property
    def aws_reason(self) -> str | None:
        """``Reason`` in AWS's 429 response; None for an admission.

        AWS names no reason for the scaling rate. The model takes that of the pool in which
        the function lives: here the unreserved one; for a function with a reservation see
        `aws_reason_for`.
        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
        """
        return self.aws_reason_for(reserved=False)

    def aws_reason_for(self, *, reserved: bool) -> str | None:
        """``Reason`` in AWS's 429 response for a function with or without a reservation."""
        if self is Outcome.SCALING_RATE and reserved:
            return _RESERVED_CONCURRENT
        return _AWS_REASONS.get(self)


_AWS_REASONS = {
    Outcome.RESERVED_ZERO: _RESERVED_CONCURRENT,
    Outcome.RESERVED_CONCURRENCY: _RESERVED_CONCURRENT,
    Outcome.UNRESERVED_CONCURRENCY: _CONCURRENT,
    Outcome.SCALING_RATE: _CONCURRENT,
    Outcome.ACCOUNT_RATE: "FunctionInvocationRateLimitExceeded",
    Outcome.RESERVED_RATE: "ReservedFunctionInvocationRateLimitExceeded",
    Outcome.ACCOUNT_CONCURRENCY: _CONCURRENT,
    Outcome.CALLER_RATE: "CallerRateLimitExceeded",
    Outcome.PROVISIONED_RATE: "FunctionInvocationRateLimitExceeded",
}

#: All that mean the invocation ran, and all that mean it did not.
ADMITTED = tuple(code for code in Outcome if not code.throttled)
THROTTLED = tuple(code for code in Outcome if code.throttled)

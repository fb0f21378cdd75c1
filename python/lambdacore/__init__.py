"""lambdacore: which AWS Lambda concurrency limits does your traffic need?"""

from lambdacore.errors import ConfigurationError, LambdacoreError, SeriesSizeError, TraceError
from lambdacore.trace import Trace

__all__ = ["ConfigurationError", "LambdacoreError", "SeriesSizeError", "Trace", "TraceError"]

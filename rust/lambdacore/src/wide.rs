//! Arithmetic on arrays, in the widest registers that the machine has.

use fearless_simd::{Level, dispatch};

/// Does work in which the compiler can do several numbers at once, compiled once for each set of
/// instructions. The bits of the results are the same on all: no step is fused with another, and
/// none is reordered.
#[inline(always)]
#[allow(clippy::inline_always, clippy::redundant_closure, reason = "it compiles what is inline")]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    dispatch!(Level::new(), simd => fearless_simd::Simd::vectorize(
        simd,
        #[inline(always)]
        || work(),
    ))
}

//! A window in which all is of one version: what is asked row by row elsewhere is known, and its
//! pool stays in registers.

use super::Window;
use crate::Pool;
use crate::invocations::Invocations;
use crate::simulation::{Observer, Span};

/// Decides on every event, as [`decide`](super::pools) does.
#[inline(never)]
pub(super) fn decide(window: &mut Window, own: &mut Pool) -> Span {
    let Window { events, held, .. } = window;
    let mut pool = *own;
    let (before, mut most) = (pool.in_use(), pool.in_use());
    for &event in events.iter() {
        let (run, completes) = (event.run(), event.completes());
        let returned = completes & u32::from(held[run]);
        let taken = pool.exchange(1 - completes, returned);
        held[run] = (taken | returned) as u8;
        most = most.max(pool.in_use());
    }
    *own = pool;
    Span { most: most.wrapping_sub(before), left: pool.in_use().wrapping_sub(before) }
}

/// Tells an observer of the window.
pub(super) fn tell(
    window: &Window,
    span: Span,
    under_way: usize,
    rows: Invocations<'_>,
    observer: &mut impl Observer,
) {
    let target = window.targets[0];
    let held = &window.held[under_way..under_way + rows.len()];
    observer.passed(Some(target.version as usize), span);
    observer.passed(None, span);
    observer.decided_all(target.version as usize, target.when_full, rows, held);
}

impl Window {
    /// Whether all that arrives is of one version, and all that is due.
    pub(super) fn is_of_one_version(&self) -> bool {
        let version = self.targets[0].version;
        self.targets.len() == 1 && self.due.iter().all(|&(_, due)| due == version)
    }
}

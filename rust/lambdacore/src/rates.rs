//! Request rates: gates that count requests by the second (rules 5.1 to 5.7).

use crate::Rates;
use crate::profile::RateWindow;
use crate::windows::{Sliding, Tumbling};

/// A gate of so many requests a second: of the account, of a function with a reservation, or
/// of a version with provisioned concurrency. Without a limit there is no gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateGate {
    /// Requests in a window; `None`: the gate does not exist.
    limit: Option<u64>,
    counted: Counted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Counted {
    Tumbling(Tumbling),
    Sliding(Sliding),
    /// A bucket whose level is counted in parts of a request: one request is as many parts as
    /// the window has nanoseconds, and `limit` parts flow in a nanosecond.
    Bucket {
        level: u128,
        at: u64,
    },
}

impl RateGate {
    /// No gate yet.
    pub(crate) fn new(rates: Rates) -> Self {
        let counted = match rates.window {
            RateWindow::Tumbling => Counted::Tumbling(Tumbling::default()),
            RateWindow::Sliding => Counted::Sliding(Sliding::default()),
            RateWindow::Bucket { .. } => Counted::Bucket { level: 0, at: 0 },
        };
        Self { limit: None, counted }
    }

    /// Changes the limit from now on. A gate that begins to exist is rested; one that goes on
    /// keeps what it counted (a bucket is cut to its new capacity).
    pub(crate) fn set_limit(&mut self, rates: Rates, limit: Option<u64>, now: u64) {
        if self.limit == limit {
            return;
        }
        if self.limit.is_none() {
            *self = Self::new(rates);
        }
        if let (Counted::Bucket { level, at }, Some(new)) = (&mut self.counted, limit) {
            let full = capacity(rates, new);
            *level =
                self.limit.map_or(full, |old| level_at(rates, old, *level, *at, now).min(full));
            *at = now;
        }
        self.limit = limit;
    }

    /// Whether one more request may pass now. Consumes nothing.
    #[inline]
    pub(crate) fn is_open(&self, rates: Rates, now: u64) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        match &self.counted {
            Counted::Tumbling(window) => window.has_room(limit, now),
            Counted::Sliding(window) => window.has_room(limit, rates.second, now),
            Counted::Bucket { level, at } => {
                level_at(rates, limit, *level, *at, now) >= rates.second.into()
            }
        }
    }

    /// The limit and what is counted, of a gate of tumbling windows that exists.
    #[inline]
    pub(crate) fn tumbling(&mut self) -> Option<(u64, &mut Tumbling)> {
        match &mut self.counted {
            Counted::Tumbling(window) => Some((self.limit?, window)),
            _ => None,
        }
    }

    /// Counts a request. A bucket that holds less than a request gives nothing.
    #[inline]
    pub(crate) fn count(&mut self, rates: Rates, now: u64) {
        let Some(limit) = self.limit else {
            return;
        };
        match &mut self.counted {
            Counted::Tumbling(window) => window.count(rates.second, now),
            Counted::Sliding(window) => window.count(rates.second, now),
            Counted::Bucket { level, at } => {
                let now_there = level_at(rates, limit, *level, *at, now);
                let request = u128::from(rates.second);
                *level = if now_there >= request { now_there - request } else { now_there };
                *at = now;
            }
        }
    }
}

fn capacity(rates: Rates, limit: u64) -> u128 {
    match rates.window {
        RateWindow::Bucket { burst } => u128::from(limit) * u128::from(burst),
        RateWindow::Tumbling | RateWindow::Sliding => 0,
    }
}

/// The level of a bucket after what has flowed in since `at`.
fn level_at(rates: Rates, limit: u64, level: u128, at: u64, now: u64) -> u128 {
    (level + u128::from(now - at) * u128::from(limit)).min(capacity(rates, limit))
}

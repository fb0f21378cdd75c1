//! Which of the engines a simulation is to run on, and which it ran on and why.

use std::fmt;

/// How a simulation goes through its events. The results are the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// In windows wherever that is faster.
    #[default]
    Automatic,
    /// Event by event, on the calendar alone.
    Calendar,
    /// In windows wherever that is possible.
    Stream,
}

/// Why invocations were run event by event and not in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Someone wanted it so.
    AskedFor,
    /// The counters are those of the live controller.
    AtomicCounters,
    /// Of the rules, one that is always asked by itself: a ramp of request rates, or rates other
    /// than the documented.
    Rules,
    /// There is provisioned concurrency, or was.
    Provisioned,
    /// Many start cold, so that ends are not known beforehand.
    Cold,
    /// Many had to be looked at one by one anyway: changes are absorbed, or rates met.
    Unusual,
    /// Hardly anything is under way at a time, or admitted, so that nothing has to be put in order.
    Quiet,
    /// What is counted has to be told of every end in order.
    Observed,
    /// There were too few at a time to lay out a window for them.
    Few,
    /// A window would last too long, or too much completes in it.
    Crowded,
}

impl Reason {
    const COUNT: usize = Self::Crowded as usize + 1;
    const ALL: [Self; Self::COUNT] = [
        Self::AskedFor,
        Self::AtomicCounters,
        Self::Rules,
        Self::Provisioned,
        Self::Cold,
        Self::Unusual,
        Self::Quiet,
        Self::Observed,
        Self::Few,
        Self::Crowded,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AskedFor => "asked for",
            Self::AtomicCounters => "atomic counters",
            Self::Unusual => "changes are absorbed, or rates met",
            Self::Quiet => "hardly anything runs at a time, or is admitted",
            Self::Rules => "unusual request rates",
            Self::Provisioned => "provisioned concurrency",
            Self::Cold => "many cold starts, as at the beginning",
            Self::Observed => "every end is looked at",
            Self::Few => "few invocations at a time",
            Self::Crowded => "long gaps, or much completes at once",
        })
    }
}

/// How many invocations a simulation ran in windows, and how many event by event for which reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Invocations that ran in windows.
    pub in_windows: u64,
    by_reason: [u64; Reason::COUNT],
}

impl Ran {
    /// Invocations that ran event by event.
    pub fn event_by_event(&self) -> u64 {
        self.by_reason.iter().sum()
    }

    /// Why most of those that ran event by event did; none where all ran in windows.
    pub fn reason(&self) -> Option<Reason> {
        let counted = Reason::ALL.into_iter().zip(self.by_reason);
        // The first of those that are equal.
        let most = counted.rev().max_by_key(|&(_, rows)| rows);
        most.filter(|&(_, rows)| rows > 0).map(|(reason, _)| reason)
    }

    /// Counts rows: in windows, or for a reason event by event.
    pub(crate) fn count(&mut self, rows: usize, not_in_windows: Option<Reason>) {
        match not_in_windows {
            None => self.in_windows += rows as u64,
            Some(reason) => self.by_reason[reason as usize] += rows as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_place_and_words_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            let same = Reason::ALL.map(|other| other.to_string() == reason.to_string());
            assert_eq!(same.iter().filter(|&&same| same).count(), 1, "{reason}");
        }
    }

    #[test]
    fn the_reason_is_that_of_the_most_and_of_equals_the_first() {
        let mut ran = Ran::default();
        assert_eq!((ran.event_by_event(), ran.reason()), (0, None));
        ran.count(9, None);
        assert_eq!((ran.in_windows, ran.reason()), (9, None));
        ran.count(2, Some(Reason::Crowded));
        ran.count(2, Some(Reason::Few));
        assert_eq!((ran.event_by_event(), ran.reason()), (4, Some(Reason::Few)));
        ran.count(1, Some(Reason::Crowded));
        assert_eq!((ran.event_by_event(), ran.reason()), (5, Some(Reason::Crowded)));
    }
}

//! Traffic that changes between states: on and off, calm and busy.

use super::draws::{Draws, Purpose};
use super::laws::{Drawn, Law, TrafficError, require, whole};
use super::length_biased::chosen;
use super::rates::{FOREVER, Stretch, Stretches};

/// A state of the traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Arrivals a second while it lasts.
    pub rate: f64,
    /// How long a stay in it lasts.
    pub stay: Law,
    /// With what weight each state comes next.
    pub next: Vec<f64>,
}

/// States between which a rate jumps: a semi-Markov modulated Poisson process, and with exponential
/// stays the Markov-modulated one (Fischer and Meier-Hellstern: "The Markov-modulated Poisson
/// process cookbook", Performance Evaluation 18, 1993).
#[derive(Clone, Debug, PartialEq)]
pub struct States {
    all: Vec<State>,
    /// The state in which it begins; `None` as in the long run.
    first: Option<usize>,
    /// The share of time in each, in the long run.
    shares: Vec<f64>,
}

impl States {
    /// Begins at `first` with a whole stay, or as it would be found in the long run.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for rates below 0 or above 10^9, stays shorter than a microsecond in the
    /// mean, weights that do not fit, and states that never come back to one another.
    pub fn new(states: Vec<State>, first: Option<usize>) -> Result<Self, TrafficError> {
        require(!states.is_empty(), "states: at least one")?;
        require(
            first.is_none_or(|first| first < states.len()),
            "states: the first is one of them",
        )?;
        for state in &states {
            require((0.0..=1e9).contains(&state.rate), "states: rates from 0 to 10^9 a second")?;
            require(
                state.stay.mean() >= 1e3,
                "states: stays of a microsecond or more in the mean",
            )?;
            require(state.next.len() == states.len(), "states: one weight a state")?;
            let good = |&weight: &f64| weight >= 0.0 && weight.is_finite();
            require(state.next.iter().all(good), "states: weights from 0 on")?;
            require(state.next.iter().sum::<f64>() > 0.0, "states: some state comes next")?;
        }
        let shares = shares(&states).ok_or(TrafficError("states: each is reached from each"))?;
        Ok(Self { all: states, first, shares })
    }

    /// Arrivals a second in the long run.
    pub(crate) fn rate(&self) -> f64 {
        self.all.iter().zip(&self.shares).map(|(state, share)| state.rate * share).sum()
    }

    /// Arrivals expected in the first `horizon` nanoseconds; a state in which it begins counts for
    /// one mean stay.
    pub(crate) fn expected(&self, horizon: u64) -> f64 {
        let horizon = horizon as f64;
        let (rate, stay) = self.first.map_or((0.0, 0.0), |first| {
            (self.all[first].rate, self.all[first].stay.mean().min(horizon))
        });
        (rate * stay + self.rate() * (horizon - stay)) * 1e-9
    }

    pub(crate) fn start(&self, draws: Draws) -> Visits {
        let choices = draws.purpose(Purpose::State);
        let stays = draws.purpose(Purpose::Holding);
        let stays: Vec<Drawn> = (self.all.iter().enumerate())
            .map(|(i, state)| Drawn::new(&state.stay, stays.part(i as u32), Purpose::Holding))
            .collect();
        let found = draws.purpose(Purpose::Phase);
        let state =
            self.first.unwrap_or_else(|| chosen(self.shares.iter().copied(), found.uniform(0)));
        let stay = &self.all[state].stay;
        let first_stay = match self.first {
            Some(_) => stays[state].at(0),
            None => left_of(stay, &stays[state], found),
        };
        let next = self.all.iter().map(|state| state.next.clone()).collect();
        let rates = self.all.iter().map(|state| state.rate * 1e-9).collect();
        Visits { rates, next, stays, choices, state, stayed: 0, now: 0, first_stay }
    }
}

/// What is left of a stay that is found under way: a long one is found more often, in proportion
/// to its length, and at any of its moments alike. Of an exponential one that is a whole one again.
fn left_of(stay: &Law, stays: &Drawn, found: Draws) -> f64 {
    if stay.is_exponential() {
        return stays.at(0);
    }
    stay.length_biased(&found.purpose(Purpose::Holding), 0) * found.uniform(2)
}

/// Shares of time in the long run: the embedded chain's stationary weights by elimination
/// (Grassmann, Taksar and Heyman, Operations Research 33, 1985: no subtraction, so no
/// cancellation), times the mean stay. `None` where the chain falls apart.
#[allow(clippy::needless_range_loop, reason = "indices of a matrix")]
fn shares(states: &[State]) -> Option<Vec<f64>> {
    let n = states.len();
    let mut chain: Vec<Vec<f64>> = states
        .iter()
        .map(|state| {
            let sum: f64 = state.next.iter().sum();
            state.next.iter().map(|weight| weight / sum).collect()
        })
        .collect();
    for k in (1..n).rev() {
        let leaves: f64 = chain[k][..k].iter().sum();
        if leaves <= 0.0 {
            return None;
        }
        for i in 0..k {
            chain[i][k] /= leaves;
            for j in 0..k {
                chain[i][j] += chain[i][k] * chain[k][j];
            }
        }
    }
    let mut weights = vec![1.0; n];
    for k in 1..n {
        weights[k] = (0..k).map(|i| weights[i] * chain[i][k]).sum();
    }
    let times: Vec<f64> =
        weights.iter().zip(states).map(|(weight, state)| weight * state.stay.mean()).collect();
    let total: f64 = times.iter().sum();
    times.iter().all(|&time| time > 0.0).then(|| times.iter().map(|time| time / total).collect())
}

/// The states as they are visited, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Visits {
    rates: Vec<f64>,
    next: Vec<Vec<f64>>,
    stays: Vec<Drawn>,
    choices: Draws,
    state: usize,
    /// How many were drawn.
    stayed: u64,
    now: u64,
    /// What the first stay has left when it is found.
    first_stay: f64,
}

impl Stretches for Visits {
    fn next_stretch(&mut self) -> Stretch {
        let stay = match self.stayed {
            0 => self.first_stay,
            visit => self.stays[self.state].at(visit),
        };
        let stretch = Stretch {
            start: self.now,
            end: (self.now + whole(stay).max(1)).min(FOREVER),
            rate: self.rates[self.state],
            slope: 0.0,
        };
        self.state =
            chosen(self.next[self.state].iter().copied(), self.choices.uniform(self.stayed));
        self.now = stretch.end;
        self.stayed += 1;
        stretch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rate: f64, seconds: f64, next: &[f64]) -> State {
        State { rate, stay: Law::exponential(seconds).unwrap(), next: next.to_vec() }
    }

    #[test]
    fn shares_are_those_of_a_chain_solved_by_hand() {
        // Stays of 1, 2 and 3 s; from the first to either other alike, from these back.
        let states = vec![
            state(1.0, 1.0, &[0.0, 1.0, 1.0]),
            state(10.0, 2.0, &[1.0, 0.0, 0.0]),
            state(0.0, 3.0, &[1.0, 0.0, 0.0]),
        ];
        let states = States::new(states, None).unwrap();
        // Visits as 2 : 1 : 1, so time as 2 : 2 : 3.
        let by_hand = [2.0 / 7.0, 2.0 / 7.0, 3.0 / 7.0];
        for (share, by_hand) in states.shares.iter().zip(by_hand) {
            assert!((share - by_hand).abs() < 1e-15);
        }
        assert!((states.rate() - 22.0 / 7.0).abs() < 1e-14);
    }

    #[test]
    fn states_that_fall_apart_or_cannot_be_are_refused() {
        let apart = vec![state(1.0, 1.0, &[1.0, 0.0]), state(1.0, 1.0, &[0.0, 1.0])];
        assert!(States::new(apart, None).is_err());
        let trap = vec![state(1.0, 1.0, &[0.0, 1.0]), state(1.0, 1.0, &[0.0, 1.0])];
        assert!(States::new(trap, None).is_err());
        assert!(States::new(vec![state(-1.0, 1.0, &[1.0])], None).is_err());
        assert!(States::new(vec![state(1.0, 1.0, &[])], None).is_err());
        assert!(States::new(vec![state(1.0, 1.0, &[1.0])], Some(1)).is_err());
        assert!(States::new(vec![state(1.0, 0.0, &[1.0])], None).is_err());
    }

    #[test]
    fn visits_follow_without_a_gap_and_share_the_time_as_they_should() {
        let states = vec![state(1.0, 1.0, &[0.0, 1.0]), state(9.0, 3.0, &[1.0, 0.0])];
        let states = States::new(states, None).unwrap();
        let mut visits = states.start(Draws::of(3, "f", 0));
        let (mut now, mut busy) = (0, 0);
        for _ in 0..100_000 {
            let stretch = visits.next_stretch();
            assert_eq!(stretch.start, now);
            now = stretch.end;
            busy += if stretch.rate > 5e-9 { stretch.end - stretch.start } else { 0 };
        }
        assert!((busy as f64 / now as f64 - 0.75).abs() < 0.01);
    }
}

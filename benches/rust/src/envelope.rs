//! What a history of stamped calls proves, whatever happened between the stamps.
//!
//! Each call of a limiter is stamped before and after, and so is each release. When in between
//! a permit changed hands nobody knows; but
//!
//! * it is held at least from the return of the call to the beginning of the release, so more
//!   of *these* intervals at one instant than the limit are a certain **over-admission**;
//! * it is out at most from the beginning of the call to the return of the release, so a
//!   refusal in whose whole time fewer of *these* intervals than the limit are open is
//!   certainly **spurious**. Calls that were themselves refused do not excuse it.
//!
//! What is not found may still be wrong by less than the length of a call; what is found is
//! wrong. Times are compared so that equal stamps never accuse.
//!
//! Limits may change. Lowering one revokes nothing: more holders than the limit are a fault
//! only where one of them came too late. The last of the holders at an instant was let in after
//! its own call began, with all the others there: so there must have been a limit as high as
//! their number between the beginning and the return of that last call.
//!
//! It is a sweep over sorted stamps, O(n log n); stamps that come in sorted runs, one a thread,
//! are merged in nearly linear time.

/// From before an operation to after it, on one clock for all threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The last stamp before it.
    pub called: u64,
    /// The first stamp after it.
    pub returned: u64,
}

/// A permit: how it was taken, how it was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The admitted call.
    pub acquire: Span,
    /// The release.
    pub release: Span,
}

/// The limit over time: at each instant the least and the most that may have been in force.
#[derive(Clone, Debug)]
pub struct Limits(Vec<Step>);

#[derive(Clone, Copy, Debug)]
struct Step {
    from: u64,
    least: u32,
    most: u32,
}

/// What a history proves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Calls that were certainly admitted beyond the limit.
    pub over_admissions: u64,
    /// Refusals while certainly there was room.
    pub spurious: u64,
    /// The most permits that were certainly held at once.
    pub most_held: u32,
    /// When the first fault was found.
    pub first: Option<u64>,
}

impl Limits {
    /// A limit from the beginning on.
    pub fn new(limit: u32) -> Self {
        Self(vec![Step { from: 0, least: limit, most: limit }])
    }

    /// The limit was changed by a call; while it lasted either value may have been in force.
    /// Calls come in the order of their times and do not overlap.
    pub fn change(&mut self, call: Span, limit: u32) {
        let before = self.last();
        let (least, most) = (before.min(limit), before.max(limit));
        self.0.push(Step { from: call.called, least, most });
        self.0.push(Step { from: call.returned, least: limit, most: limit });
    }

    /// All limits higher by so many, and none below zero.
    #[must_use]
    pub fn skewed(&self, by: i32) -> Self {
        let skewed = |step: &Step| Step {
            from: step.from,
            least: step.least.saturating_add_signed(by),
            most: step.most.saturating_add_signed(by),
        };
        Self(self.0.iter().map(skewed).collect())
    }

    /// The limit after all changes.
    pub fn last(&self) -> u32 {
        self.0.last().map_or(0, |step| step.most)
    }

    /// The most that may have been in force at some instant of a span. `at` remembers where the
    /// last question ended; questions come in the order of `returned`.
    fn most(&self, span: Span, at: &mut usize) -> u32 {
        while self.0.get(*at + 1).is_some_and(|step| step.from <= span.returned) {
            *at += 1;
        }
        let mut index = *at;
        let mut most = self.0[index].most;
        // A step that begins at the very stamp of the call leaves the one before possible.
        while index > 0 && self.0[index].from >= span.called {
            index -= 1;
            most = most.max(self.0[index].most);
        }
        most
    }
}

impl Findings {
    fn accuse(&mut self, at: u64) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
    }

    /// Notes refusals that nothing excuses.
    pub fn refuse(&mut self, spurious: &[Span]) {
        self.spurious += spurious.len() as u64;
        for span in spurious {
            self.accuse(span.returned);
        }
    }

    /// Adds what another history, or another pool, has shown.
    pub fn add(&mut self, other: Self) {
        self.over_admissions += other.over_admissions;
        self.spurious += other.spurious;
        self.most_held = self.most_held.max(other.most_held);
        if let Some(at) = other.first {
            self.accuse(at);
        }
    }

    /// Whether nothing is wrong for certain.
    pub fn is_clean(self) -> bool {
        self.over_admissions == 0 && self.spurious == 0
    }
}

/// Holds a pool's history against its limits: permits and refusals, in one slice a thread, or
/// in as many as is convenient.
pub fn check(held: &[&[Held]], refused: &[&[Span]], limits: &Limits) -> Findings {
    let mut findings = over_admissions(held, limits);
    findings.refuse(&outside(refused, &full(held, limits)));
    findings
}

/// Sorted values of something: a stable sort merges the runs that are there.
fn sorted<T, K: Ord + Copy>(slices: &[&[T]], key: impl Fn(&T) -> K) -> Vec<K> {
    let mut keys: Vec<K> = Vec::with_capacity(slices.iter().map(|slice| slice.len()).sum());
    keys.extend(slices.iter().flat_map(|slice| slice.iter()).map(key));
    keys.sort();
    keys
}

/// Calls whose return makes more holders than any limit that may have let them in.
pub fn over_admissions(held: &[&[Held]], limits: &Limits) -> Findings {
    let admitted = sorted(held, |held| (held.acquire.returned, held.acquire.called));
    let releases = sorted(held, |held| held.release.called);
    let mut findings = Findings::default();
    let (mut gone, mut step) = (0, 0);
    for (index, &(returned, called)) in admitted.iter().enumerate() {
        while releases.get(gone).is_some_and(|&release| release <= returned) {
            gone += 1;
        }
        let holders = (index + 1).saturating_sub(gone) as u32;
        findings.most_held = findings.most_held.max(holders);
        if holders > limits.most(Span { called, returned }, &mut step) {
            findings.over_admissions += 1;
            findings.accuse(returned);
        }
    }
    findings
}

/// When a pool may have been full: spans in the order of time, both ends included.
pub fn full(held: &[&[Held]], limits: &Limits) -> Vec<Span> {
    let taken = sorted(held, |held| held.acquire.called);
    let given = sorted(held, |held| held.release.returned);
    let steps = &limits.0;
    let (mut out, mut back, mut step) = (0, 0, 0);
    let mut spans = Vec::new();
    let mut since = (steps[0].least == 0).then_some(0);
    loop {
        let take = taken.get(out).copied().unwrap_or(u64::MAX);
        let give = given.get(back).copied().unwrap_or(u64::MAX);
        let change = steps.get(step + 1).map_or(u64::MAX, |step| step.from);
        // At one instant, what makes it full comes first.
        let now = take.min(give).min(change);
        if now == u64::MAX {
            break;
        }
        if now == take {
            out += 1;
        } else if now == change {
            step += 1;
        } else {
            back += 1;
        }
        let is_full = out - back >= steps[step].least as usize;
        match since {
            None if is_full => since = Some(now),
            Some(called) if !is_full => {
                spans.push(Span { called, returned: now });
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|called| Span { called, returned: u64::MAX }));
    spans
}

/// When two pools may have been full at once.
pub fn both(one: &[Span], other: &[Span]) -> Vec<Span> {
    let mut spans = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let (called, returned) = (a.called.max(b.called), a.returned.min(b.returned));
        if called <= returned {
            spans.push(Span { called, returned });
        }
        if a.returned < b.returned {
            i += 1;
        } else {
            j += 1;
        }
    }
    spans
}

/// The calls in whose whole time there was none of the spans that would excuse a refusal.
pub fn outside(refused: &[&[Span]], excuses: &[Span]) -> Vec<Span> {
    let mut found = Vec::new();
    for calls in refused {
        let (mut at, mut before) = (0, 0);
        for call in *calls {
            // Most often calls come in the order of time, and the next is near.
            if call.called < before {
                at = excuses.partition_point(|span| span.returned < call.called);
            }
            while excuses.get(at).is_some_and(|span| span.returned < call.called) {
                at += 1;
            }
            before = call.called;
            if excuses.get(at).is_none_or(|span| span.called > call.returned) {
                found.push(*call);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;

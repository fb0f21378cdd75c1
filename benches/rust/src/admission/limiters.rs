//! What one would write instead. Each is as good as its idea allows: counters on cache lines of
//! their own, orderings no stronger than needed, permits that give themselves back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A limiter of some pools of the same limit, each with a key from 0 on.
pub trait Limiter: Sync + Sized {
    /// As in the tables.
    const NAME: &'static str;
    /// Whether its calls can be put in one order, each within its own time, in which every
    /// verdict is right.
    const LINEARIZABLE: bool;
    /// What a thread asks through.
    type Handle<'a>
    where
        Self: 'a;
    /// Gives itself back.
    type Permit<'a>
    where
        Self: 'a;
    /// Nothing is out.
    fn new(limit: u32, keys: u32, threads: u32) -> Self;
    /// For a thread, from 0 on.
    fn handle(&self, thread: u32) -> Self::Handle<'_>;
    /// A permit of a key's pool, or `None`: refused.
    fn try_acquire<'a>(&'a self, handle: &Self::Handle<'a>, key: u32) -> Option<Self::Permit<'a>>;
}

/// A counter of permits.
pub trait Counter: Sync {
    /// As [`Limiter::NAME`].
    const NAME: &'static str;
    /// As [`Limiter::LINEARIZABLE`].
    const LINEARIZABLE: bool;
    /// Nothing is out.
    fn new(limit: u32) -> Self;
    /// Takes a permit, if there is one.
    fn take(&self) -> bool;
    /// Gives it back.
    fn give_back(&self);
}

/// One counter a key, two cache lines each, as neighbours are fetched in pairs.
#[derive(Debug)]
pub struct Pools<C>(Box<[Line<C>]>);

#[derive(Debug)]
#[repr(align(128))]
struct Line<C>(C);

/// A permit of a counter.
#[derive(Debug)]
pub struct Permit<'a, C: Counter>(&'a C);

impl<C: Counter> Drop for Permit<'_, C> {
    #[inline]
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<C: Counter> Limiter for Pools<C> {
    const NAME: &'static str = C::NAME;
    const LINEARIZABLE: bool = C::LINEARIZABLE;
    type Handle<'a>
        = ()
    where
        C: 'a;
    type Permit<'a>
        = Permit<'a, C>
    where
        C: 'a;

    fn new(limit: u32, keys: u32, _: u32) -> Self {
        Self((0..keys).map(|_| Line(C::new(limit))).collect())
    }

    fn handle(&self, _: u32) {}

    #[inline]
    fn try_acquire<'a>(&'a self, (): &(), key: u32) -> Option<Permit<'a, C>> {
        let counter = &self.0[key as usize].0;
        counter.take().then(|| Permit(counter))
    }
}

/// The count in an atomic of its own, beside the limit: exact only while that never changes.
#[derive(Debug)]
pub struct CasLoop {
    limit: AtomicU32,
    count: AtomicU32,
}

impl Counter for CasLoop {
    const NAME: &'static str = "cas-loop";
    const LINEARIZABLE: bool = true;

    fn new(limit: u32) -> Self {
        Self { limit: limit.into(), count: 0.into() }
    }

    #[inline]
    fn take(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |count| (count < limit).then_some(count + 1);
        self.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).is_ok()
    }

    #[inline]
    fn give_back(&self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

/// Adds first and takes it back if that was too much: who looks in between sees a permit that
/// nobody holds, and is refused for it.
#[derive(Debug)]
pub struct FetchAddUndo {
    limit: AtomicU32,
    count: AtomicU32,
}

impl Counter for FetchAddUndo {
    const NAME: &'static str = "fetch-add";
    const LINEARIZABLE: bool = false;

    fn new(limit: u32) -> Self {
        Self { limit: limit.into(), count: 0.into() }
    }

    #[inline]
    fn take(&self) -> bool {
        let taken = self.count.fetch_add(1, Ordering::Acquire) < self.limit.load(Ordering::Relaxed);
        if !taken {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    #[inline]
    fn give_back(&self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

/// Limit and count in one word, in a loop; no generation, so of one pool only.
#[derive(Debug)]
pub struct PackedWord(AtomicU64);

impl Counter for PackedWord {
    const NAME: &'static str = "packed-word";
    const LINEARIZABLE: bool = true;

    fn new(limit: u32) -> Self {
        Self(AtomicU64::new(u64::from(limit) << 32))
    }

    #[inline]
    fn take(&self) -> bool {
        let more = |word: u64| ((word as u32) < (word >> 32) as u32).then_some(word + 1);
        self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).is_ok()
    }

    #[inline]
    fn give_back(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// The same, but a refusal is a read-modify-write as well, as ours is: it stands in the one
/// order of the word's changes, on any memory model.
#[derive(Debug)]
pub struct PackedConfirm(PackedWord);

impl Counter for PackedConfirm {
    const NAME: &'static str = "packed-confirm";
    const LINEARIZABLE: bool = true;

    fn new(limit: u32) -> Self {
        Self(PackedWord::new(limit))
    }

    #[inline]
    fn take(&self) -> bool {
        let word = &self.0.0;
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let more = u64::from((seen as u32) < (seen >> 32) as u32);
            match word.compare_exchange(seen, seen + more, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return more == 1,
                Err(now) => seen = now,
            }
        }
    }

    #[inline]
    fn give_back(&self) {
        self.0.give_back();
    }
}

/// Looks, then adds, as services do whose limits "may be exceeded briefly".
#[derive(Debug)]
pub struct CheckThenAct {
    limit: AtomicU32,
    count: AtomicU32,
}

impl Counter for CheckThenAct {
    const NAME: &'static str = "check-then-act";
    const LINEARIZABLE: bool = false;

    fn new(limit: u32) -> Self {
        Self { limit: limit.into(), count: 0.into() }
    }

    #[inline]
    fn take(&self) -> bool {
        let room = self.count.load(Ordering::Acquire) < self.limit.load(Ordering::Relaxed);
        if room {
            self.count.fetch_add(1, Ordering::Acquire);
        }
        room
    }

    #[inline]
    fn give_back(&self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

/// A count behind the lock of the standard library.
#[derive(Debug)]
pub struct Locked(Mutex<Count>);

#[derive(Debug)]
struct Count {
    limit: u32,
    count: u32,
}

impl Locked {
    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Count) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Counter for Locked {
    const NAME: &'static str = "mutex";
    const LINEARIZABLE: bool = true;

    fn new(limit: u32) -> Self {
        Self(Mutex::new(Count { limit, count: 0 }))
    }

    #[inline]
    fn take(&self) -> bool {
        self.with(|pool| {
            let room = pool.count < pool.limit;
            pool.count += u32::from(room);
            room
        })
    }

    #[inline]
    fn give_back(&self) {
        self.with(|pool| pool.count -= 1);
    }
}

/// `tokio::sync::Semaphore`, with `try_acquire` and its own permit.
#[derive(Debug)]
pub struct Semaphores(Box<[Line<Semaphore>]>);

impl Limiter for Semaphores {
    const NAME: &'static str = "semaphore";
    const LINEARIZABLE: bool = true;
    type Handle<'a> = ();
    type Permit<'a> = SemaphorePermit<'a>;

    fn new(limit: u32, keys: u32, _: u32) -> Self {
        Self((0..keys).map(|_| Line(Semaphore::new(limit as usize))).collect())
    }

    fn handle(&self, _: u32) {}

    #[inline]
    fn try_acquire<'a>(&'a self, (): &(), key: u32) -> Option<SemaphorePermit<'a>> {
        self.0[key as usize].0.try_acquire().ok()
    }
}

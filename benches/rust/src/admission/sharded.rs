//! A counter in shards: each thread has a quota of its own, and borrows when that is used up.

use std::sync::atomic::{AtomicU32, Ordering};

use super::limiters::Limiter;

/// The limit is dealt out to shards, one a thread, so it is never exceeded. A thread that finds
/// its own shard full goes through the others' one by one; what is freed behind its back it does
/// not see, and so it may be refused although there always was room.
#[derive(Debug)]
pub struct Sharded {
    shards: Box<[Shard]>,
    threads: u32,
}

#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    quota: u32,
    count: AtomicU32,
}

/// A permit of a shard.
#[derive(Debug)]
pub struct Permit<'a>(&'a Shard);

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Release);
    }
}

impl Limiter for Sharded {
    const NAME: &'static str = "sharded";
    const LINEARIZABLE: bool = false;
    type Handle<'a> = u32;
    type Permit<'a> = Permit<'a>;

    fn new(limit: u32, keys: u32, threads: u32) -> Self {
        let quota = |thread| limit / threads + u32::from(thread < limit % threads);
        let shard = |thread| Shard { quota: quota(thread), count: 0.into() };
        Self { shards: (0..keys).flat_map(|_| (0..threads).map(shard)).collect(), threads }
    }

    fn handle(&self, thread: u32) -> u32 {
        thread
    }

    #[inline]
    fn try_acquire(&self, &thread: &u32, key: u32) -> Option<Permit<'_>> {
        let first = (key * self.threads) as usize;
        let of_key = &self.shards[first..first + self.threads as usize];
        let (before, from_own) = of_key.split_at(thread as usize);
        from_own.iter().chain(before).find_map(|shard| {
            let more = |count| (count < shard.quota).then_some(count + 1);
            let taken = shard.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, more);
            taken.is_ok().then(|| Permit(shard))
        })
    }
}

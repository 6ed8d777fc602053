//! A persistent pool of workers that enter a piece of work together.
//!
//! A whole layer over a whole sequence is one entry: between its time steps the workers meet at a [`Worker::barrier`]
//! that spins briefly and then sleeps, instead of forking and joining once a step. Work is handed out by partition,
//! so what a worker computes never depends on timing.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Turns of a waiting loop before the thread offers its core to others: some tens of microseconds, longer than the
/// imbalance of a time step.
const SPINS: usize = 2_000;

/// Offers of the core before the thread goes to sleep.
const YIELDS: usize = 100;

/// A fixed number of threads, one of them the caller's own.
pub struct Pool {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
    /// Held while a piece of work runs, so that two callers take turns.
    turn: Mutex<()>,
}

/// One of the threads inside a call of [`Pool::run`].
pub struct Worker<'a> {
    index: usize,
    shared: &'a Shared,
}

struct Shared {
    threads: usize,
    /// Counts pieces of work; a change wakes the workers.
    epoch: AtomicUsize,
    job: Mutex<Option<Job>>,
    /// Workers other than the caller that are still in the present piece of work.
    running: AtomicUsize,
    barrier_arrived: AtomicUsize,
    barrier_round: AtomicUsize,
    /// Set when a worker panicked: the others leave their barrier instead of waiting for ever.
    panicked: AtomicBool,
    stop: AtomicBool,
    /// Threads that are about to sleep or asleep: where there are none, nobody need be woken.
    sleepers: AtomicUsize,
    parked: Mutex<()>,
    wake: Condvar,
}

/// The caller's closure, its lifetime erased; valid until `running` is zero, which [`Pool::run`] waits for.
#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(&Worker) + Sync));

// SAFETY: the closure is `Sync`, and the pointer is used only while `Pool::run` keeps it alive.
unsafe impl Send for Job {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool of `threads` threads (at least one), the caller's own among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            threads: threads.max(1),
            epoch: AtomicUsize::new(0),
            job: Mutex::new(None),
            running: AtomicUsize::new(0),
            barrier_arrived: AtomicUsize::new(0),
            barrier_round: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            parked: Mutex::new(()),
            wake: Condvar::new(),
        });
        let handles = (1..shared.threads)
            .map(|index| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("anaphora-{index}"))
                    .spawn(move || shared.serve(index))
                    .expect("the system gives no further thread")
            })
            .collect();
        Self { shared, handles, turn: Mutex::new(()) }
    }

    /// A pool as wide as the machine.
    pub fn with_all_cores() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.shared.threads
    }

    /// Lets every thread run `job` once and returns when all have finished.
    ///
    /// # Panics
    ///
    /// Passes on a panic of the job.
    pub fn run(&self, job: impl Fn(&Worker) + Sync) {
        let _turn = lock(&self.turn);
        let shared = &*self.shared;
        let caller = Worker { index: 0, shared };
        if shared.threads == 1 {
            return job(&caller);
        }
        let job: &(dyn Fn(&Worker) + Sync) = &job;
        // SAFETY: only the lifetime is erased; this function returns or unwinds only after all workers have left.
        let erased: *const (dyn Fn(&Worker) + Sync + 'static) = unsafe { std::mem::transmute(job) };
        *lock(&shared.job) = Some(Job(erased));
        shared.running.store(shared.threads - 1, Ordering::Release);
        shared.epoch.fetch_add(1, Ordering::Release);
        shared.wake_all();

        let outcome = catch_unwind(AssertUnwindSafe(|| job(&caller)));
        if outcome.is_err() {
            shared.panicked.store(true, Ordering::Release);
            shared.wake_all();
        }
        shared.wait_until(|| shared.running.load(Ordering::Acquire) == 0);
        let panicked = shared.panicked.swap(false, Ordering::AcqRel);
        shared.barrier_arrived.store(0, Ordering::Release);
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        assert!(!panicked, "a worker of the pool panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake_all();
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

impl Shared {
    /// The life of a worker thread.
    fn serve(&self, index: usize) {
        let worker = Worker { index, shared: self };
        let mut seen = 0;
        loop {
            self.wait_until(|| {
                self.epoch.load(Ordering::Acquire) != seen || self.stop.load(Ordering::Acquire)
            });
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            seen = self.epoch.load(Ordering::Acquire);
            let job = *lock(&self.job);
            if let Some(Job(job)) = job {
                // SAFETY: `Pool::run` keeps the closure alive until `running` has come down to zero.
                let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(&worker) }));
                if outcome.is_err() {
                    self.panicked.store(true, Ordering::Release);
                }
            }
            self.running.fetch_sub(1, Ordering::AcqRel);
            self.wake_all();
        }
    }

    /// Spins, then yields, then sleeps, until `ready`.
    fn wait_until(&self, ready: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if ready() {
                return;
            }
            std::hint::spin_loop();
        }
        for _ in 0..YIELDS {
            if ready() {
                return;
            }
            std::thread::yield_now();
        }
        let mut parked = lock(&self.parked);
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        // The two fences, here and in `wake_all`: either this thread sees what it waits for, or the other sees that it sleeps.
        fence(Ordering::SeqCst);
        while !ready() {
            parked = self.wake.wait(parked).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Wakes whoever sleeps in [`Shared::wait_until`], without a call to the system where nobody does. Taking the lock closes
    /// the gap between a sleeper's last look and its falling asleep.
    fn wake_all(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            drop(lock(&self.parked));
            self.wake.notify_all();
        }
    }
}

impl Worker<'_> {
    /// This thread's number, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Number of threads in the pool.
    pub fn count(&self) -> usize {
        self.shared.threads
    }

    /// This worker's part of `0..n`, in multiples of `granule` but for the last; parts follow each other by index.
    pub fn share(&self, n: usize, granule: usize) -> Range<usize> {
        share(n, granule, self.index, self.shared.threads)
    }

    /// Waits until every worker has come here.
    pub fn barrier(&self) {
        let shared = self.shared;
        if shared.threads == 1 {
            return;
        }
        let round = shared.barrier_round.load(Ordering::Acquire);
        if shared.barrier_arrived.fetch_add(1, Ordering::AcqRel) + 1 == shared.threads {
            shared.barrier_arrived.store(0, Ordering::Release);
            shared.barrier_round.fetch_add(1, Ordering::AcqRel);
            shared.wake_all();
        } else {
            shared.wait_until(|| {
                shared.barrier_round.load(Ordering::Acquire) != round
                    || shared.panicked.load(Ordering::Acquire)
            });
            if shared.barrier_round.load(Ordering::Acquire) == round {
                panic!("another worker of the pool panicked");
            }
        }
    }
}

/// Part `index` of `count` of `0..n`, in multiples of `granule` but for the last.
pub fn share(n: usize, granule: usize, index: usize, count: usize) -> Range<usize> {
    let blocks = n.div_ceil(granule);
    let edge = |i: usize| (blocks * i / count * granule).min(n);
    edge(index)..edge(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_everything_once() {
        for (n, granule, count) in [(0, 16, 2), (1, 16, 3), (100, 16, 2), (1024, 16, 3), (33, 1, 4)] {
            let parts: Vec<_> = (0..count).map(|i| share(n, granule, i, count)).collect();
            assert_eq!(parts[0].start, 0);
            assert_eq!(parts[count - 1].end, n);
            assert!(parts.windows(2).all(|w| w[0].end == w[1].start));
            assert!(parts.iter().all(|p| p.start % granule == 0 || p.start == n));
        }
    }

    #[test]
    fn barriers_separate_rounds() {
        let pool = Pool::new(3);
        let count = AtomicUsize::new(0);
        for _ in 0..20 {
            count.store(0, Ordering::SeqCst);
            pool.run(|worker| {
                for round in 1..=50 {
                    count.fetch_add(1, Ordering::SeqCst);
                    worker.barrier();
                    assert_eq!(count.load(Ordering::SeqCst), round * worker.count());
                    worker.barrier();
                }
            });
        }
    }

    #[test]
    fn a_panic_in_one_worker_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        for guilty in 0..2 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(|worker| {
                    assert!(worker.index() != guilty, "on purpose");
                    worker.barrier();
                });
            }));
            assert!(outcome.is_err());
        }
        let count = AtomicUsize::new(0);
        pool.run(|worker| {
            count.fetch_add(1, Ordering::SeqCst);
            worker.barrier();
        });
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}

//! Running figures for an observer.

use std::time::Duration;

/// A running mean.
#[derive(Default)]
pub struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// The mean so far; begins anew.
    pub fn take(&mut self) -> f64 {
        let Self { sum, count } = std::mem::take(self);
        sum / f64::from(count.max(1))
    }
}

/// Tokens a second of training steps, the recent ones counting most.
pub struct Rate {
    tokens: f64,
    seconds: f64,
}

impl Rate {
    pub fn new() -> Self {
        Self { tokens: 0.0, seconds: 0.0 }
    }

    pub fn add(&mut self, tokens: usize, time: Duration) {
        const KEEP: f64 = 0.98;
        self.tokens = self.tokens * KEEP + tokens as f64;
        self.seconds = self.seconds * KEEP + time.as_secs_f64();
    }

    pub fn per_second(&self) -> f64 {
        self.tokens / self.seconds.max(1e-9)
    }
}

//! How the blocks of a batch are shared among the workers: by their cost, whatever the sequences' lengths.

use std::ops::Range;

use super::band::{Band, block_range};
use super::{Attention, BLOCK, Batch};

/// A block of one sequence's rows in one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub sequence: usize,
    pub head: usize,
    pub block: usize,
}

/// Units in order, and the cost of all before each, and of all.
#[derive(Debug)]
pub(super) struct Plan {
    pub units: Vec<Unit>,
    before: Vec<u64>,
}

/// The cost of the scores of two blocks: that of all of them, or nothing if no query of the one sees a key of the other.
pub(super) fn cost(band: Band, queries: Range<usize>, keys: Range<usize>) -> u64 {
    let seen = band.block(queries.start, keys.start).columns(0..queries.len(), keys.len());
    (seen.len() * queries.len()) as u64
}

impl Plan {
    fn new(capacity: usize) -> Self {
        let mut before = Vec::with_capacity(capacity + 1);
        before.push(0);
        Self { units: Vec::with_capacity(capacity), before }
    }

    fn push(&mut self, unit: Unit, cost: u64) {
        self.units.push(unit);
        self.before.push(self.before[self.before.len() - 1] + cost);
    }

    /// Blocks of queries, by sequence and head; `position` is the place of a sequence's first query and its number of
    /// keys.
    pub fn of_queries(
        attention: &Attention,
        lengths: &[usize],
        keys: impl Fn(usize) -> (usize, usize),
    ) -> Self {
        let blocks = lengths.iter().map(|length| length.div_ceil(BLOCK)).sum::<usize>();
        let mut plan = Self::new(blocks * attention.heads);
        for (sequence, &length) in lengths.iter().enumerate() {
            let (position, keys) = keys(sequence);
            let band = attention.band(position);
            for head in 0..attention.heads {
                for block in 0..length.div_ceil(BLOCK) {
                    let rows = block_range(block, length);
                    // A block costs something even where it sees nothing.
                    let cost = 1 + cost(band, rows, 0..keys);
                    plan.push(Unit { sequence, head, block }, cost);
                }
            }
        }
        plan
    }

    /// Blocks of keys, by sequence and head of keys, each with all blocks of queries that see it.
    pub fn of_keys(attention: &Attention, batch: &Batch, readers: &Readers) -> Self {
        let lengths = batch.key_sequences().lengths();
        let band = attention.band(0);
        let blocks = lengths.iter().map(|length| length.div_ceil(BLOCK)).sum::<usize>();
        let mut plan = Self::new(blocks * attention.kv_heads);
        for (sequence, &length) in lengths.iter().enumerate() {
            for head in 0..attention.kv_heads {
                for block in 0..length.div_ceil(BLOCK) {
                    let keys = block_range(block, length);
                    let mut sum = 0;
                    for &reader in readers.of(sequence) {
                        let queries = batch.sequences.lengths()[reader];
                        let seen = band.transposed().blocks(keys.clone(), queries);
                        for rows in seen.map(|number| block_range(number, queries)) {
                            sum += cost(band, rows, keys.clone());
                        }
                    }
                    plan.push(Unit { sequence, head, block }, sum * attention.group() as u64);
                }
            }
        }
        plan
    }

    /// The units of worker `index` of `count`: those whose middle lies in its part of the whole cost.
    pub fn share(&self, index: usize, count: usize) -> Range<usize> {
        let total = self.before[self.units.len()];
        let edge = |index: usize| {
            if index == count {
                return self.units.len();
            }
            let limit = 2 * u128::from(total) * index as u128 / count as u128;
            let (mut low, mut high) = (0, self.units.len());
            while low < high {
                let middle = (low + high) / 2;
                if u128::from(self.before[middle] + self.before[middle + 1]) < limit {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        edge(index)..edge(index + 1)
    }

    /// The cost of some successive units.
    pub fn cost(&self, units: Range<usize>) -> u64 {
        self.before[units.end] - self.before[units.start]
    }
}

/// Which sequences of queries read each sequence of keys, in order.
pub(super) struct Readers {
    sorted: Vec<usize>,
    starts: Vec<usize>,
}

impl Readers {
    pub fn new(batch: &Batch) -> Self {
        let sources = batch.key_sequences().lengths().len();
        let queries = batch.sequences.lengths().len();
        let mut sorted: Vec<usize> = (0..queries).collect();
        sorted.sort_by_key(|&sequence| batch.source(sequence));
        let starts = (0..=sources)
            .map(|source| sorted.partition_point(|&sequence| batch.source(sequence) < source))
            .collect();
        Self { sorted, starts }
    }

    pub fn of(&self, source: usize) -> &[usize] {
        &self.sorted[self.starts[source]..self.starts[source + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_each_unit_once_and_are_balanced() {
        let mut plan = Plan::new(0);
        for block in 0..100 {
            plan.push(Unit { sequence: 0, head: 0, block }, block as u64 * 7 % 31);
        }
        for count in 1..7 {
            let shares: Vec<_> = (0..count).map(|index| plan.share(index, count)).collect();
            assert_eq!((shares[0].start, shares[count - 1].end), (0, 100));
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            let fair = plan.cost(0..100) / count as u64;
            assert!(shares.iter().all(|share| plan.cost(share.clone()).abs_diff(fair) <= 31), "{shares:?}");
        }
    }
}

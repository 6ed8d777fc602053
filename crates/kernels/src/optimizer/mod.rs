//! The gradient's norm and optimizers' steps over flat parameters: one file an optimizer.

mod adamw;
mod lion;
mod muon;
mod sgd;

pub use adamw::{AdamW, adamw};
pub use lion::{Lion, lion};
pub use muon::{MatrixRange, Muon, Orthogonalizer, muon};
pub use sgd::{Sgd, sgd};

use std::cell::RefCell;
use std::ops::Range;

use crate::Buffer;
use crate::pool::Pool;
use crate::shared::SharedMut;

/// Values whose squares are summed together; the sums of blocks are then added in order, whatever the threads.
const BLOCK: usize = 4096;

/// The Euclidean norm of all values.
pub fn global_norm(pool: &Pool, values: &[f32]) -> f32 {
    thread_local!(static SUMS: RefCell<Buffer> = RefCell::default());
    SUMS.with(|sums| {
        let (sums, blocks) = (&mut *sums.borrow_mut(), values.len().div_ceil(BLOCK));
        let sums = sums.fit(blocks);
        sum_squares(pool, values, sums);
        sums.iter().map(|&sum| f64::from(sum)).sum::<f64>().sqrt() as f32
    })
}

/// The sums of the squares of blocks of [`BLOCK`] values.
fn sum_squares(pool: &Pool, values: &[f32], sums: &mut [f32]) {
    let blocks = sums.len();
    let shared = SharedMut::new(sums);
    pool.run(|worker| {
        let own = worker.share(blocks, 1);
        // SAFETY: these blocks belong to this worker alone.
        let out = unsafe { shared.part(own.clone()) };
        for (out, block) in out.iter_mut().zip(own) {
            let block = &values[block * BLOCK..((block + 1) * BLOCK).min(values.len())];
            let mut lanes = [0.0f32; 16];
            let (head, tail) = block.as_chunks::<16>();
            for chunk in head {
                lanes.iter_mut().zip(chunk).for_each(|(sum, v)| *sum += v * v);
            }
            *out = lanes.iter().sum::<f32>() + tail.iter().map(|v| v * v).sum::<f32>();
        }
    });
}

/// Calls `step` for one stretch of `own` after the other, with whether it lies in `decayed`, whose ranges are in order and
/// apart.
#[inline(always)]
fn for_each_stretch(own: Range<usize>, decayed: &[Range<usize>], mut step: impl FnMut(Range<usize>, bool)) {
    let mut at = own.start;
    let mut ahead = &decayed[decayed.partition_point(|range| range.end <= at)..];
    while at < own.end {
        let (end, decays) = match ahead {
            [range, rest @ ..] if range.start <= at => {
                ahead = rest;
                (range.end, true)
            }
            [range, ..] => (range.start, false),
            [] => (own.end, false),
        };
        let end = end.min(own.end);
        step(at..end, decays);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_the_share_and_agree_with_the_ranges() {
        let layouts: [&[(usize, usize)]; 5] =
            [&[], &[(0, 20)], &[(3, 5), (9, 10), (14, 20)], &[(0, 7)], &[(18, 20)]];
        for edges in layouts {
            let decayed: Vec<_> = edges.iter().map(|&(start, end)| start..end).collect();
            for start in 0..20 {
                for end in start..=20 {
                    let mut found = Vec::new();
                    for_each_stretch(start..end, &decayed, |stretch, decays| {
                        assert!(!stretch.is_empty());
                        found.extend(stretch.map(|i| (i, decays)));
                    });
                    let inside = |i: usize| decayed.iter().any(|range| range.contains(&i));
                    let expected: Vec<_> = (start..end).map(|i| (i, inside(i))).collect();
                    assert_eq!(found, expected, "{start}..{end} of {decayed:?}");
                }
            }
        }
    }
}

//! First values of weights.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

type Random = Xoshiro256PlusPlus;

/// Uniform in `-bound..bound`.
pub fn uniform(random: &mut Random, values: &mut [f32], bound: f32) {
    values.iter_mut().for_each(|value| *value = (random.random::<f32>() * 2.0 - 1.0) * bound);
}

/// Normal with mean zero (Box, Muller 1958).
pub fn normal(random: &mut Random, values: &mut [f32], deviation: f32) {
    for pair in values.chunks_mut(2) {
        // 1 - u lies in (0, 1]: its logarithm is finite.
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * random.random::<f64>()).sin_cos();
        for (value, part) in pair.iter_mut().zip([cos, sin]) {
            *value = (radius * part) as f32 * deviation;
        }
    }
}

/// Biases of gates that keep what they hold for 1 to `longest - 1` steps, each as likely: the logarithm of that length
/// (Tallec, Ollivier 2018).
pub fn chrono(random: &mut Random, values: &mut [f32], longest: usize) {
    let most = (longest as f32 - 1.0).max(1.0);
    values.iter_mut().for_each(|value| *value = (1.0 + random.random::<f32>() * (most - 1.0)).ln());
}

/// Uniform with the variance `2 / (inputs + outputs)` (Glorot, Bengio 2010).
pub fn xavier(random: &mut Random, values: &mut [f32], inputs: usize, outputs: usize) {
    uniform(random, values, (6.0 / (inputs + outputs) as f32).sqrt());
}

/// Stacked orthogonal matrices `[size, size]` (Saxe, McClelland, Ganguli 2014): rows of normal numbers made orthogonal and
/// of length one by modified Gram-Schmidt.
pub fn orthogonal(random: &mut Random, values: &mut [f32], size: usize) {
    normal(random, values, 1.0);
    std::thread::scope(|scope| {
        for block in values.chunks_exact_mut(size * size) {
            scope.spawn(move || orthogonalize(block, size));
        }
    });
}

fn orthogonalize(block: &mut [f32], size: usize) {
    for i in 0..size {
        let (done, rest) = block.split_at_mut(i * size);
        let row = &mut rest[..size];
        // A row that loses most of its length is left with rounding errors for the most part: it goes through again, and
        // twice is enough (Kahan, in Parlett 1980).
        for _ in 0..2 {
            let before = dot(row, row);
            for earlier in done.chunks_exact(size) {
                let projection = dot(earlier, row);
                row.iter_mut().zip(earlier).for_each(|(value, e)| *value -= projection * e);
            }
            let after = dot(row, row);
            let scale = 1.0 / after.sqrt();
            row.iter_mut().for_each(|value| *value *= scale);
            if after > 0.01 * before {
                break;
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Stacked identity matrices `[size, size]` (Le, Jaitly, Hinton 2015).
pub fn identity(values: &mut [f32], size: usize) {
    values.fill(0.0);
    values
        .chunks_exact_mut(size * size)
        .for_each(|block| block.iter_mut().step_by(size + 1).for_each(|v| *v = 1.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn orthogonal_rows_are_orthonormal() {
        let size = 33;
        let mut values = vec![0.0; 3 * size * size];
        orthogonal(&mut Random::seed_from_u64(1), &mut values, size);
        for block in values.chunks_exact(size * size) {
            let rows: Vec<_> = block.chunks_exact(size).collect();
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    assert!((dot(a, b) - f32::from(i == j)).abs() < 1e-4, "{i} {j}");
                }
            }
        }
    }

    #[test]
    fn normal_numbers_have_their_moments() {
        let mut values = vec![0.0; 40_001];
        normal(&mut Random::seed_from_u64(2), &mut values, 2.0);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.05 && (variance - 4.0).abs() < 0.15, "{mean} {variance}");
    }
}

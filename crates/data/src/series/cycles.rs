//! Cycles in which a series comes back, as its numbers show them.

/// Steps that cycles are looked for in, at most: the last ones.
const STEPS: usize = 16_384;
/// Columns that they are looked for in, at most.
const COLUMNS: usize = 8;
/// The multiples of a cycle that may be a longer one: a week of days, a year of quarters.
const MULTIPLES: std::ops::RangeInclusive<usize> = 2..=12;

/// How strong a cycle is by chance, for each root of the share of the series that it is long: one that the dates have, and the
/// strongest of many.
const CHANCE: [f64; 2] = [0.5, 0.75];

/// A cycle in which a series comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Steps from a moment of it to the same one of the next.
    pub steps: usize,
    /// What the calendar calls it.
    pub name: Option<&'static str>,
}

/// The cycles that show in `values[steps, columns]`, the shortest first, of at most `most` steps: of those that the dates have
/// (`known`, the shortest first), or, where none of them shows, of any length.
pub fn cycles(values: &[f32], columns: usize, known: &[Cycle], most: usize) -> Vec<Cycle> {
    let mut variogram = Variogram::of(values, columns);
    if variogram.columns.is_empty() {
        return Vec::new();
    }
    // One that was not seen four times may as well be chance.
    let most = most.min(variogram.steps() / 4);
    let mut found: Vec<Cycle> = Vec::new();
    for &cycle in known.iter().filter(|cycle| (2..=most).contains(&cycle.steps)) {
        let apart = apart(cycle.steps, &found);
        if variogram.dips(cycle.steps, apart, CHANCE[0]) {
            found.push(cycle);
        }
    }
    if found.is_empty() {
        let unnamed = |steps| Cycle { steps, name: None };
        let Some(first) = variogram.first(most) else { return found };
        found.push(unnamed(first));
        let longer = MULTIPLES.map(|times| first * times).take_while(|&steps| steps <= most);
        found.extend(longer.filter(|&steps| variogram.dips(steps, first, CHANCE[1])).take(1).map(unnamed));
    }
    found
}

/// How far from a cycle lie the steps that it is compared to: half of it; where a shorter cycle divides it, that one, as it is
/// there in all of them.
fn apart(steps: usize, shorter: &[Cycle]) -> usize {
    let within = shorter.iter().rev().find(|cycle| steps.is_multiple_of(cycle.steps));
    within.map_or(steps / 2, |cycle| cycle.steps)
}

/// How different the numbers of a series are by the time between them.
struct Variogram {
    /// Without their trend, in units of their deviation.
    columns: Vec<Vec<f32>>,
    /// What is known so far, by distance.
    at: Vec<Option<f64>>,
}

impl Variogram {
    fn of(values: &[f32], columns: usize) -> Self {
        let stride = columns.div_ceil(COLUMNS);
        let last = &values[values.len() - values.len().min(STEPS * columns)..];
        let column = |index: usize| last.iter().skip(index).step_by(columns).copied().collect::<Vec<f32>>();
        let columns: Vec<Vec<f32>> =
            (0..columns).step_by(stride).filter_map(|index| straightened(column(index))).collect();
        let steps = columns.first().map_or(0, Vec::len);
        Self { columns, at: vec![None; steps] }
    }

    fn steps(&self) -> usize {
        self.at.len()
    }

    /// Half the mean square of how far numbers so many steps apart differ.
    fn at(&mut self, apart: usize) -> f64 {
        let columns = &self.columns;
        *self.at[apart].get_or_insert_with(|| {
            let squares = |column: &Vec<f32>| {
                let pairs = column[apart..].iter().zip(column);
                pairs.map(|(a, b)| f64::from((a - b).powi(2))).sum::<f64>() / (column.len() - apart) as f64
            };
            0.5 * columns.iter().map(squares).sum::<f64>() / columns.len() as f64
        })
    }

    /// By what share numbers a cycle apart differ less than those `apart` more or less than that, also two cycles apart. It is 0 in
    /// noise, and where a series wanders.
    fn strength(&mut self, cycle: usize, apart: usize) -> f64 {
        let [once, twice] = [cycle, 2 * cycle].map(|lag| {
            let around = self.at(lag - apart) + self.at(lag + apart);
            1.0 - 2.0 * self.at(lag) / around.max(f64::MIN_POSITIVE)
        });
        once.min(twice)
    }

    /// Whether a cycle is stronger than chance, and numbers so far apart differ less than those a little more or less apart.
    fn dips(&mut self, cycle: usize, apart: usize, chance: f64) -> bool {
        let near = (apart / 4).max(1);
        let here = self.at(cycle);
        let chance = 0.05 + chance * (cycle as f64 / self.steps() as f64).sqrt();
        here < self.at(cycle - near) && here < self.at(cycle + near) && self.strength(cycle, apart) > chance
    }

    /// The first cycle that is nearly as strong as the strongest.
    fn first(&mut self, most: usize) -> Option<usize> {
        let mut lowest = Vec::new();
        for cycle in 3..=most {
            let near = (cycle / 8).max(1);
            let here = self.at(cycle);
            if (cycle - near..=cycle + near).all(|other| here <= self.at(other))
                && self.dips(cycle, cycle / 2, CHANCE[1])
            {
                lowest.push((cycle, self.strength(cycle, cycle / 2)));
            }
        }
        let strongest = lowest.iter().map(|&(_, strength)| strength).fold(0.0, f64::max);
        lowest.iter().find(|&&(_, strength)| strength > 0.9 * strongest).map(|&(cycle, _)| cycle)
    }
}

/// A column less the straight line through it, in units of its deviation from that; none where it does not deviate.
fn straightened(mut column: Vec<f32>) -> Option<Vec<f32>> {
    if column.len() < 8 {
        return None;
    }
    let count = column.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = column.iter().copied().map(f64::from).sum::<f64>() / count;
    let rise: f64 = column.iter().enumerate().map(|(step, &x)| (step as f64 - middle) * f64::from(x)).sum();
    let slope = rise / (count * (count * count - 1.0) / 12.0);
    let line = |step: usize| mean + slope * (step as f64 - middle);
    let square = |(step, &x): (usize, &f32)| (f64::from(x) - line(step)).powi(2);
    let deviation = (column.iter().enumerate().map(square).sum::<f64>() / count).sqrt();
    // What is left of numbers on a line is the rounding of f32.
    if !deviation.is_finite() || deviation <= 1e-6 * mean.abs().max((slope * count).abs()) {
        return None;
    }
    for (step, x) in column.iter_mut().enumerate() {
        *x = ((f64::from(*x) - line(step)) / deviation) as f32;
    }
    Some(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    const HOURLY: [Cycle; 2] =
        [Cycle { steps: 24, name: Some("day") }, Cycle { steps: 168, name: Some("week") }];

    /// Evenly spread numbers around 0, of deviation 1.
    fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            12f32.sqrt() * ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5)
        }
    }

    fn steps(values: &[f32], known: &[Cycle], most: usize) -> Vec<usize> {
        cycles(values, 1, known, most).iter().map(|cycle| cycle.steps).collect()
    }

    #[test]
    fn a_cycle_is_found_below_noise_and_a_trend() {
        for (seed, period) in [(1, 12usize), (2, 24), (3, 50)] {
            let mut noise = noise(seed);
            let wave = |step: usize| 2.0 * (std::f32::consts::TAU * step as f32 / period as f32).sin();
            let values: Vec<f32> = (0..1500).map(|step| wave(step) + 0.01 * step as f32 + noise()).collect();
            let found = steps(&values, &[], 500)[0];
            assert!(found.abs_diff(period) <= 1, "{found} for {period}");
            assert!(steps(&values, &[], period - 5).is_empty(), "no longer one than asked for");
            // What is three times there may be chance.
            assert!(steps(&values[..3 * period], &[], 500).is_empty());
        }
    }

    #[test]
    fn noise_and_what_wanders_have_hardly_any() {
        let mut chance = 0;
        for seed in 1..=20 {
            let mut noise = noise(seed);
            let values: Vec<f32> = (0..2000).map(|_| noise()).collect();
            let mut sum = 0.0;
            let mut wander = |step: &f32| {
                sum += step;
                sum
            };
            let walk: Vec<f32> = values.iter().map(&mut wander).collect();
            for values in [values, walk] {
                let found = steps(&values, &HOURLY, 1000);
                assert!(!found.contains(&24) && !found.contains(&168), "seed {seed}: {found:?}");
                chance += usize::from(!found.is_empty());
            }
        }
        assert!(chance <= 2, "{chance} of 40 series of chance have a cycle");
    }

    #[test]
    fn days_and_weeks_are_told_apart() {
        let hours = builtin::seasonal(1, 24 * 7 * 10);
        assert_eq!(steps(&hours.values, &HOURLY, 1000), [24, 168]);
        assert_eq!(steps(&hours.values, &HOURLY, 100), [24]);
        assert!(steps(&hours.values, &[], 1000).contains(&168));
        // Days alone, each like the one before: a week is nothing of its own.
        let mut noise = noise(5);
        let wave = |step: usize| 2.0 * (std::f32::consts::TAU * step as f32 / 24.0).sin();
        let days: Vec<f32> = (0..4000).map(|step| wave(step) + noise()).collect();
        assert_eq!(steps(&days, &HOURLY, 1000), [24]);
    }

    #[test]
    fn what_says_nothing_has_none() {
        let line: Vec<f32> = (0..300).map(|step| 3.0 + 0.5 * step as f32).collect();
        let gap: Vec<f32> =
            (0..300).map(|step| if step == 7 { f32::NAN } else { (step % 7) as f32 }).collect();
        for values in [&[][..], &[1.0, 2.0], &[4.0; 300], &line, &gap] {
            assert!(steps(values, &HOURLY, 1000).is_empty() && steps(values, &[], 1000).is_empty());
        }
        // A column that stands still says nothing of the others.
        let both: Vec<f32> = (0..300).flat_map(|step| [1.0, (step % 7) as f32]).collect();
        assert_eq!(cycles(&both, 2, &[], 50)[0].steps, 7);
    }
}

//! Another sampling rate, by interpolation with a windowed sinc.

use super::{AudioError, RATES, Sound};

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 32.0;
/// Where the band ends that is kept, as a share of the lower rate's half.
const ROLLOFF: f64 = 0.945;

/// Brings sound to a rate; at the same rate it is given back as it is.
///
/// Each sample is a sum over the old ones, weighted by a sinc under a Hann window, which lets nothing pass above half
/// the lower rate (Smith, "Digital Audio Resampling Home Page", 2002). Before the beginning and behind the end is silence.
///
/// # Errors
/// A rate, had or wanted, outside [`RATES`].
pub fn resample(sound: Sound, rate: u32) -> Result<Sound, AudioError> {
    if let Some(rate) = [sound.rate, rate].into_iter().find(|rate| !RATES.contains(rate)) {
        return Err(AudioError::Rate { rate });
    }
    if sound.rate == rate {
        return Ok(sound);
    }
    let (old, new) = (u64::from(sound.rate), u64::from(rate));
    let common = gcd(old, new);
    // Sample i lies at i * old / new: the fraction takes as many values as the reduced denominator.
    let (old, new) = (old / common, new / common);
    let kernel = Kernel::new(old, new);
    let count = (sound.samples.len() as u64 * new).div_ceil(old);
    let mut phases: Vec<Option<Vec<f32>>> = vec![None; new as usize];
    let samples = (0..count).map(|index| {
        let (place, phase) = (index * old / new, (index * old % new) as usize);
        let taps = phases[phase].get_or_insert_with(|| kernel.taps(phase as f64 / new as f64));
        let first = place as i64 - kernel.reach;
        let skip = (-first).max(0) as usize;
        let begin = first.max(0) as usize;
        let taps = taps.get(skip..).unwrap_or_default();
        sound.samples[begin.min(sound.samples.len())..]
            .iter()
            .zip(taps)
            .map(|(sample, tap)| sample * tap)
            .sum()
    });
    Ok(Sound { rate, samples: samples.collect() })
}

struct Kernel {
    /// The cutoff as a share of the old rate's half.
    cutoff: f64,
    /// Old samples that count on each side.
    reach: i64,
}

impl Kernel {
    fn new(old: u64, new: u64) -> Kernel {
        let cutoff = ROLLOFF * (new as f64 / old as f64).min(1.0);
        Kernel { cutoff, reach: (CROSSINGS / cutoff).ceil() as i64 }
    }

    /// Weights of the old samples from `reach` before to `reach` behind, for a new one at this fraction; their sum is 1.
    fn taps(&self, fraction: f64) -> Vec<f32> {
        let weight = |index: i64| {
            let turns = (index as f64 - fraction) * self.cutoff;
            let window = (std::f64::consts::FRAC_PI_2 * turns / CROSSINGS).cos().powi(2);
            let sinc = if turns == 0.0 {
                1.0
            } else {
                (turns * std::f64::consts::PI).sin() / (turns * std::f64::consts::PI)
            };
            if turns.abs() < CROSSINGS { sinc * window } else { 0.0 }
        };
        let weights: Vec<f64> = (-self.reach..=self.reach).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| (weight / sum) as f32).collect()
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

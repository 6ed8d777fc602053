//! Log-mel frames: how loud each of some bands of pitch is, a hundred times a second.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use super::{AudioError, Sound};
use crate::frames::Frames;

/// The mel scale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelScale {
    /// 2595 log10(1 + f / 700), filters with a peak of 1: HTK's, and torchaudio's default.
    Htk,
    /// Linear below 1 kHz, logarithmic above, filters of equal area: Slaney's Auditory Toolbox, and librosa's default.
    #[default]
    Slaney,
}

/// Which frames are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MelOptions {
    /// Length of the window, in seconds.
    pub window: f64,
    /// From one frame to the next, in seconds.
    pub hop: f64,
    /// Bands.
    pub bands: usize,
    /// The lowest band's lower edge, in Hz.
    pub low: f64,
    /// The highest band's upper edge, in Hz; half the rate where not given.
    pub high: Option<f64>,
    /// The scale of pitch.
    pub scale: MelScale,
}

impl Default for MelOptions {
    /// 40 bands of 25 ms every 10 ms.
    fn default() -> Self {
        MelOptions { window: 0.025, hop: 0.01, bands: 40, low: 0.0, high: None, scale: MelScale::default() }
    }
}

impl MelOptions {
    /// The pitch of the middle of each band in Hz, of sound at a rate.
    pub fn centres(&self, rate: u32) -> Vec<f64> {
        let edges = (self.low, self.high.unwrap_or(f64::from(rate) / 2.0));
        (1..=self.bands).map(|band| corner(self.scale, self.bands, edges, band)).collect()
    }
}

/// What is needed to make log-mel frames of sound at one rate.
pub struct LogMel {
    rate: u32,
    hop: usize,
    /// A Hann window in the middle of the transform's length.
    window: Vec<f32>,
    /// Weights of the spectrum's lines in each band: the first line and those from there.
    bands: Vec<(usize, Vec<f32>)>,
    transform: Arc<dyn RealToComplex<f32>>,
}

impl LogMel {
    /// Prepares for sound at a rate.
    ///
    /// # Errors
    /// Options that make no sense at this rate: a window or hop below a sample or above ten seconds, no band or more
    /// than lines in the spectrum, edges out of order or above half the rate.
    pub fn new(rate: u32, options: &MelOptions) -> Result<LogMel, AudioError> {
        let nyquist = f64::from(rate) / 2.0;
        let (low, high) = (options.low, options.high.unwrap_or(nyquist));
        let samples = |name, seconds: f64| {
            let samples = (seconds * f64::from(rate)).round();
            if seconds <= 10.0 && samples >= 1.0 {
                return Ok(samples as usize);
            }
            let message = format!("a {name} of {seconds} s at {rate} Hz, a sample to ten seconds are needed");
            Err(AudioError::Options(message))
        };
        let (length, hop) = (samples("window", options.window)?, samples("hop", options.hop)?);
        let size = length.next_power_of_two().max(2);
        if !(0.0 <= low && low < high && high <= nyquist) {
            let message =
                format!("bands from {low} to {high} Hz, they have to lie between 0 and {nyquist} Hz");
            return Err(AudioError::Options(message));
        }
        if options.bands == 0 || options.bands > size / 2 + 1 {
            let message =
                format!("{} bands, 1 to {} are needed with this window", options.bands, size / 2 + 1);
            return Err(AudioError::Options(message));
        }
        let before = (size - length) / 2;
        let hann = |index: usize| (0.5 - 0.5 * (TAU * index as f64 / length as f64).cos()) as f32;
        let mut window = vec![0.0; size];
        (0..length).for_each(|index| window[before + index] = hann(index));
        let bands =
            filters(options.scale, options.bands, (low, high), f64::from(rate) / size as f64, size / 2 + 1);
        let transform = RealFftPlanner::new().plan_fft_forward(size);
        Ok(LogMel { rate, hop, window, bands, transform })
    }

    /// The window's values: as many as samples go into one transform.
    pub fn window(&self) -> &[f32] {
        &self.window
    }

    /// Samples from one frame to the next.
    pub fn hop(&self) -> usize {
        self.hop
    }

    /// For each band the first line of the spectrum that counts, and the weights of the lines from there.
    pub fn bands(&self) -> &[(usize, Vec<f32>)] {
        &self.bands
    }

    /// Frames of a sound, `[1 + samples / hop, bands]`: natural logarithms of each band's power, at least ln 1e-10.
    ///
    /// The middle of frame `i` lies at `i` hops, with silence before the beginning and behind the end, as librosa does.
    ///
    /// # Errors
    /// A sound of another rate.
    pub fn frames(&self, sound: &Sound) -> Result<Frames, AudioError> {
        if sound.rate != self.rate {
            let message =
                format!("a sound of {} Hz where one of {} is needed, resample it", sound.rate, self.rate);
            return Err(AudioError::Options(message));
        }
        let half = self.window.len() / 2;
        let count = 1 + sound.samples.len() / self.hop;
        let (mut input, mut spectrum) = (self.transform.make_input_vec(), self.transform.make_output_vec());
        let mut values = Vec::with_capacity(count * self.bands.len());
        for frame in 0..count {
            let middle = frame * self.hop;
            for (index, (value, window)) in input.iter_mut().zip(&self.window).enumerate() {
                let sample = (middle + index).checked_sub(half).and_then(|at| sound.samples.get(at));
                *value = sample.map_or(0.0, |sample| sample * window);
            }
            self.transform
                .process(&mut input, &mut spectrum)
                .expect("the buffers have the transform's lengths");
            values.extend(self.bands.iter().map(|(first, weights)| {
                let lines = spectrum[*first..].iter().map(Complex::norm_sqr);
                let power: f32 = lines.zip(weights).map(|(power, weight)| power * weight).sum();
                power.max(1e-10).ln()
            }));
        }
        Ok(Frames { width: self.bands.len(), values })
    }
}

/// Triangles over a spectrum whose lines lie `spacing` Hz apart, their corners equally far apart in mels.
fn filters(
    scale: MelScale,
    bands: usize,
    edges: (f64, f64),
    spacing: f64,
    lines: usize,
) -> Vec<(usize, Vec<f32>)> {
    let band = |index: usize| {
        let [left, peak, right] = [0, 1, 2].map(|offset| corner(scale, bands, edges, index + offset));
        let area = if scale == MelScale::Slaney { 2.0 / (right - left) } else { 1.0 };
        let weight = |line: usize| {
            let hertz = line as f64 * spacing;
            area * ((hertz - left) / (peak - left)).min((right - hertz) / (right - peak)).max(0.0)
        };
        let first = ((left / spacing).floor() as usize).min(lines);
        let last = ((right / spacing).ceil() as usize + 1).clamp(first, lines);
        (first, (first..last).map(|line| weight(line) as f32).collect())
    };
    (0..bands).map(band).collect()
}

/// A corner of the triangles over so many bands, in Hz: band `index` goes from this to the one after the next.
fn corner(scale: MelScale, bands: usize, (low, high): (f64, f64), index: usize) -> f64 {
    let (low, high) = (scale.mels(low), scale.mels(high));
    scale.hertz(low + (high - low) * index as f64 / (bands + 1) as f64)
}

/// Slaney's scale turns from linear to logarithmic at 1 kHz, with 27 mels to a factor of 6.4.
const TURN: f64 = 1000.0;
const LINEAR: f64 = 200.0 / 3.0;

impl MelScale {
    fn mels(self, hertz: f64) -> f64 {
        match self {
            MelScale::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
            MelScale::Slaney if hertz < TURN => hertz / LINEAR,
            MelScale::Slaney => TURN / LINEAR + (hertz / TURN).ln() * 27.0 / 6.4f64.ln(),
        }
    }

    fn hertz(self, mels: f64) -> f64 {
        match self {
            MelScale::Htk => 700.0 * (10f64.powf(mels / 2595.0) - 1.0),
            MelScale::Slaney if mels < TURN / LINEAR => mels * LINEAR,
            MelScale::Slaney => TURN * ((mels - TURN / LINEAR) * 6.4f64.ln() / 27.0).exp(),
        }
    }
}

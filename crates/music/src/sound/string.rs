//! A plucked string as a sum of its modes.
//!
//! Each mode is a decaying sine: a phasor turned and shrunk a little at each sample. A string
//! plucked at a share β of its length excites mode k by sin(πkβ)/k² in displacement (Fletcher and
//! Rossing, *The Physics of Musical Instruments*, 2.7); higher modes die sooner and lie a little
//! sharp, by stiffness. Modes above 0.45 of the sample rate are left out, so nothing aliases.

/// Modes that are summed at most.
const MODES: usize = 16;
/// Modes that are turned together, as one vector; groups that have died away are left out.
const GROUP: usize = 4;
/// Where the string is plucked.
const PLUCK: f32 = 0.28;
/// Stiffness: mode k lies at k·√(1 + Bk²).
const STIFFNESS: f32 = 0.000_12;
/// Rise of the tone in seconds.
const ATTACK: f32 = 0.004;
/// Time constant of the tone once it is let go, in seconds.
const RELEASE: f32 = 0.09;
/// What is so quiet, against the loudest mode, that it is left out: −80 dB.
const INAUDIBLE: f32 = 1e-4;

/// Adds a note to `left` and `right`, which begin where it does.
///
/// `held` is its length in samples before it is let go; it rings on beyond, as far as there is room.
pub(super) fn pluck(left: &mut [f32], right: &mut [f32], note: &Pluck) {
    let rate = note.sample_rate;
    let mut modes = Modes::new(note);
    let attack = (ATTACK * rate) as usize;
    let release = (-1.0 / (RELEASE * rate)).exp();
    let mut let_go = 1.0f32;
    let (gain_left, gain_right) = gains(note.pan);
    for (index, (left, right)) in left.iter_mut().zip(right).enumerate() {
        let rise = if index < attack {
            0.5 - 0.5 * (std::f32::consts::PI * index as f32 / attack as f32).cos()
        } else {
            1.0
        };
        if index >= note.held {
            let_go *= release;
        }
        let sample = modes.next() * rise * let_go;
        *left += sample * gain_left;
        *right += sample * gain_right;
        if index % 256 == 255 && !modes.drop_inaudible(INAUDIBLE * note.gain / let_go) {
            break;
        }
    }
}

/// What is plucked.
pub(super) struct Pluck {
    pub sample_rate: f32,
    /// Fundamental in hertz.
    pub frequency: f32,
    /// Samples until it is let go.
    pub held: usize,
    /// Loudness, 0 to 1; louder notes are brighter too.
    pub gain: f32,
    /// −1 for left to 1 for right.
    pub pan: f32,
}

/// Gains of equal power for a place between left and right.
fn gains(pan: f32) -> (f32, f32) {
    let angle = (pan.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4;
    (angle.cos(), angle.sin())
}

/// The modes as phasors, in groups of lanes.
struct Modes {
    groups: [Group; MODES / GROUP],
    /// How many groups can still be heard; the higher modes die first.
    active: usize,
}

/// Some modes: where each phasor stands, and by what it is multiplied at each sample.
#[derive(Clone, Copy, Default)]
struct Group {
    re: [f32; GROUP],
    im: [f32; GROUP],
    turn_re: [f32; GROUP],
    turn_im: [f32; GROUP],
}

impl Modes {
    fn new(note: &Pluck) -> Self {
        let mut groups = [Group::default(); MODES / GROUP];
        // Low strings ring longer: about 2.5 s for middle C, less by the octave above.
        let ring = 2.5 * (261.6 / note.frequency).powf(0.6);
        for mode in 0..MODES {
            let k = (mode + 1) as f32;
            let frequency = k * note.frequency * (1.0 + STIFFNESS * k * k).sqrt();
            if frequency > 0.45 * note.sample_rate {
                break;
            }
            // Velocity (rather than displacement) of the string, softened by a finger's width.
            let pluck = (std::f32::consts::PI * k * PLUCK).sin() / k;
            let softness = (-(k - 1.0) * (0.30 - 0.12 * note.gain)).exp();
            let decay = (-(1.0 + 0.25 * k + 0.035 * k * k) / (ring * note.sample_rate)).exp();
            let angle = std::f32::consts::TAU * frequency / note.sample_rate;
            let (group, lane) = (&mut groups[mode / GROUP], mode % GROUP);
            group.re[lane] = note.gain * pluck * softness;
            group.turn_re[lane] = decay * angle.cos();
            group.turn_im[lane] = decay * angle.sin();
        }
        Self { groups, active: MODES / GROUP }
    }

    /// The sum of the modes at the next sample.
    fn next(&mut self) -> f32 {
        let mut sum = [0.0; GROUP];
        for group in &mut self.groups[..self.active] {
            for (lane, sum) in sum.iter_mut().enumerate() {
                let (re, im) = (group.re[lane], group.im[lane]);
                group.re[lane] = re * group.turn_re[lane] - im * group.turn_im[lane];
                group.im[lane] = re * group.turn_im[lane] + im * group.turn_re[lane];
                *sum += im;
            }
        }
        sum.iter().sum()
    }

    /// Leaves out the groups in which no mode is louder than a limit; whether any is left.
    fn drop_inaudible(&mut self, limit: f32) -> bool {
        let quiet = |g: &Group| g.re.iter().zip(&g.im).all(|(re, im)| re * re + im * im < limit * limit);
        while self.active > 0 && quiet(&self.groups[self.active - 1]) {
            self.active -= 1;
        }
        self.active > 0
    }
}

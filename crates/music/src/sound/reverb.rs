//! A small room: a feedback delay network of eight lines (Jot and Chaigne, AES 90, 1991), mixed by
//! a Householder matrix, with the treble damped on each way round.

/// Delays in samples at 44,100 a second; with no common divisor, so that echoes do not pile up.
const DELAYS: [usize; 8] = [1103, 1277, 1427, 1571, 1747, 1907, 2083, 2251];

/// Time in which the room's echo falls by 60 dB, in seconds.
const DECAY: f32 = 1.1;

/// Share of the previous sample in each line's low-pass.
const DAMPING: f32 = 0.35;

/// Adds reverberation to a stereo signal in place; `wet` is its share.
pub(super) fn reverberate(left: &mut [f32], right: &mut [f32], sample_rate: f32, wet: f32) {
    let wet = wet.clamp(0.0, 1.0);
    if wet == 0.0 {
        return;
    }
    let mut lines = DELAYS.map(|d| vec![0.0f32; (d as f32 * sample_rate / 44_100.0).max(1.0) as usize]);
    let gains: [f32; 8] =
        std::array::from_fn(|i| 0.001f32.powf(lines[i].len() as f32 / (DECAY * sample_rate)));
    let mut heads = [0usize; 8];
    let mut low = [0.0f32; 8];
    for (left, right) in left.iter_mut().zip(right) {
        let mut out = [0.0f32; 8];
        for i in 0..8 {
            low[i] = lines[i][heads[i]] * (1.0 - DAMPING) + low[i] * DAMPING;
            out[i] = low[i] * gains[i];
        }
        let mean = out.iter().sum::<f32>() / 4.0;
        for i in 0..8 {
            let input = if i % 2 == 0 { *left } else { *right };
            lines[i][heads[i]] = input + out[i] - mean;
            heads[i] += 1;
            if heads[i] == lines[i].len() {
                heads[i] = 0;
            }
        }
        *left += wet * (out[0] - out[2] + out[4] - out[6]);
        *right += wet * (out[1] - out[3] + out[5] - out[7]);
    }
}

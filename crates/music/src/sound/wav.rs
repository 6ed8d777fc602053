//! WAV files.

use super::Audio;
use std::io::Cursor;

/// Writes sound as a WAV file of 16-bit stereo.
pub fn write_wav(audio: &Audio) -> Vec<u8> {
    write(audio.sample_rate, 2, audio.left.iter().zip(&audio.right).flat_map(|(left, right)| [*left, *right]))
}

/// Writes both sides of a sound as one: a WAV file of 16 bits, half as large.
pub fn write_mono_wav(audio: &Audio) -> Vec<u8> {
    write(audio.sample_rate, 1, audio.left.iter().zip(&audio.right).map(|(left, right)| (left + right) / 2.0))
}

fn write(sample_rate: u32, channels: u16, samples: impl Iterator<Item = f32>) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Vec::new();
    let written = (|| {
        let mut writer = hound::WavWriter::new(Cursor::new(&mut bytes), spec)?;
        for sample in samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        writer.finalize()
    })();
    debug_assert!(written.is_ok(), "memory takes everything: {written:?}");
    bytes
}

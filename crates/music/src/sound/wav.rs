//! WAV files.

use super::Audio;
use std::io::Cursor;

/// Writes sound as a WAV file of 16-bit stereo.
pub fn write_wav(audio: &Audio) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: audio.sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Vec::new();
    let written = (|| {
        let mut writer = hound::WavWriter::new(Cursor::new(&mut bytes), spec)?;
        for (left, right) in audio.left.iter().zip(&audio.right) {
            for sample in [left, right] {
                writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
            }
        }
        writer.finalize()
    })();
    debug_assert!(written.is_ok(), "memory takes everything: {written:?}");
    bytes
}

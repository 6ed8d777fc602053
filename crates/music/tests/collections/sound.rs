//! What is rendered: loud enough, clean, in tune, the same each time; and SoundFonts, sound and damaged.

use anaphora_music::sound::{
    Audio, SoundError, SynthOptions, render, render_soundfont, write_mono_wav, write_wav,
};
use anaphora_music::{Score, abc};
use proptest::prelude::*;

fn score(body: &str) -> Score {
    abc::parse_tune(&format!("X:1\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n{body}\n")).0.score()
}

fn peak(audio: &Audio) -> f32 {
    audio.left.iter().chain(&audio.right).fold(0.0, |p, s| p.max(s.abs()))
}

/// Strength of a frequency in a stretch of sound, by Goertzel's sum.
fn strength(samples: &[f32], rate: u32, frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / f64::from(rate);
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, &s)| {
        let (sin, cos) = (step * i as f64).sin_cos();
        (re + f64::from(s) * cos, im + f64::from(s) * sin)
    });
    re.hypot(im) / samples.len() as f64
}

#[test]
fn a_piece_is_loud_clean_and_the_same_each_time() {
    let score = score("\"C\"CEGc|[CEG]4|\"G\"B,DGB|c4|]");
    let audio = render(&score, &SynthOptions::default()).unwrap();
    assert!((peak(&audio) - 0.707).abs() < 1e-3, "peak {}", peak(&audio));
    assert!(audio.seconds() > 8.0 && audio.seconds() < 12.0);
    let mean = audio.left.iter().sum::<f32>() / audio.left.len() as f32;
    assert!(mean.abs() < 1e-3, "mean {mean}");
    let step = audio.left.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.25, "a jump of {step} would be a click");
    // Each tenth of a second of the eight has sound in it, and the very end has none.
    for tenth in audio.left[..8 * 44_100].chunks(4410) {
        assert!(tenth.iter().any(|s| s.abs() > 0.02));
    }
    assert!(audio.left.iter().rev().take(100).all(|s| s.abs() < 1e-4));
    assert_eq!(render(&score, &SynthOptions::default()).unwrap(), audio);
}

#[test]
fn notes_are_in_tune_at_any_rate() {
    for sample_rate in [8_000, 44_100, 96_000] {
        let options = SynthOptions { sample_rate, reverb: 0.0, ..SynthOptions::default() };
        let audio = render(&score("A4|"), &options).unwrap();
        let middle = &audio.left[sample_rate as usize / 10..sample_rate as usize];
        let at = |frequency| strength(middle, sample_rate, frequency);
        for wrong in [415.3, 434.0, 446.0, 466.2] {
            assert!(at(440.0) > 4.0 * at(wrong), "{sample_rate}: {wrong}");
        }
    }
}

#[test]
fn silence_stays_silent_and_bounds_hold() {
    let silent = render(&score("z4|"), &SynthOptions::default()).unwrap();
    assert_eq!(peak(&silent), 0.0);
    let short = SynthOptions { longest: 1.0, ..SynthOptions::default() };
    assert!(matches!(render(&score("C4|"), &short), Err(SoundError::TooLong { .. })));
    let slow = SynthOptions { sample_rate: 100, ..SynthOptions::default() };
    assert!(matches!(render(&score("C4|"), &slow), Err(SoundError::SampleRate(100))));
    // Above half the sample rate there is nothing that could be heard.
    let low = SynthOptions { sample_rate: 8_000, ..SynthOptions::default() };
    assert_eq!(peak(&render(&score("g''''4|"), &low).unwrap()), 0.0);
}

#[test]
fn a_wav_file_holds_the_samples() {
    let audio = render(&score("CE|"), &SynthOptions::default()).unwrap();
    let bytes = write_wav(&audio);
    let mut reader = hound::WavReader::new(bytes.as_slice()).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 44_100, 16));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(samples.len(), 2 * audio.left.len());
    let largest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!((23_100..23_200).contains(&largest), "−3 dB of full scale, not {largest}");
    for (pair, left) in samples.chunks(2).zip(&audio.left) {
        assert!((f32::from(pair[0]) / 32767.0 - left).abs() < 1e-4);
    }
    let mono = write_mono_wav(&audio);
    let mut reader = hound::WavReader::new(mono.as_slice()).unwrap();
    assert_eq!(reader.spec().channels, 1);
    let mixed: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(mixed.len(), audio.left.len());
    for (mixed, pair) in mixed.iter().zip(samples.chunks(2)) {
        assert!((i32::from(*mixed) * 2 - i32::from(pair[0]) - i32::from(pair[1])).abs() <= 2);
    }
}

/// A SoundFont of one instrument: a looped sine of 100 samples, at A4 with 44,100 samples a second.
fn soundfont() -> Vec<u8> {
    fn chunk(id: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut out = id.to_vec();
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }
    fn list(id: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"LIST", &[id.to_vec(), chunks.concat()].concat())
    }
    fn name(text: &str) -> Vec<u8> {
        let mut out = text.as_bytes().to_vec();
        out.resize(20, 0);
        out
    }
    let words = |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let longs = |values: &[u32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let sine = |i: usize| (12_000.0 * (std::f64::consts::TAU * i as f64 / 100.0).sin()) as i16;
    let mut wave: Vec<u8> = (0..400).flat_map(|i| sine(i).to_le_bytes()).collect();
    wave.resize(wave.len() + 2 * 46, 0);
    let phdr =
        [name("Sine"), words(&[0, 0, 0]), longs(&[0; 3]), name("EOP"), words(&[0, 0, 1]), longs(&[0; 3])];
    let inst = [name("Sine"), words(&[0]), name("EOI"), words(&[1])];
    let shdr = [
        name("Sine"),
        longs(&[0, 400, 100, 300, 44_100]),
        vec![69, 0],
        words(&[0, 1]),
        name("EOS"),
        longs(&[0; 5]),
        vec![0, 0],
        words(&[0, 0]),
    ];
    let body = [
        b"sfbk".to_vec(),
        list(b"INFO", &[chunk(b"ifil", &words(&[2, 1])), chunk(b"INAM", b"Sine\0\0")]),
        list(b"sdta", &[chunk(b"smpl", &wave)]),
        list(
            b"pdta",
            &[
                chunk(b"phdr", &phdr.concat()),
                chunk(b"pbag", &words(&[0, 0, 1, 0])),
                chunk(b"pmod", &[0; 10]),
                // Generator 41: the instrument.
                chunk(b"pgen", &words(&[41, 0, 0, 0])),
                chunk(b"inst", &inst.concat()),
                chunk(b"ibag", &words(&[0, 0, 2, 0])),
                chunk(b"imod", &[0; 10]),
                // Generators 54 and 53: looped, and the sample.
                chunk(b"igen", &words(&[54, 1, 53, 0, 0, 0])),
                chunk(b"shdr", &shdr.concat()),
            ],
        ),
    ];
    chunk(b"RIFF", &body.concat())
}

#[test]
fn a_soundfont_plays_in_tune() {
    let options = SynthOptions::default();
    let audio = render_soundfont(&score("A4|"), &mut soundfont().as_slice(), &options).unwrap();
    assert!((peak(&audio) - 0.707).abs() < 1e-3);
    // The wave repeats every 100 samples, 441 times a second, and is played as A4.
    let middle = &audio.left[10_000..40_000];
    assert!(strength(middle, 44_100, 441.0) > 10.0 * strength(middle, 44_100, 466.2));
}

#[test]
fn what_is_no_soundfont_is_refused() {
    let options = SynthOptions::default();
    for bytes in [b"".as_slice(), b"RIFF", b"not a font at all"] {
        let result = render_soundfont(&score("A4|"), &mut &*bytes, &options);
        assert!(matches!(result, Err(SoundError::SoundFont(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// Whatever a damaged file says, there is sound or an error.
    #[test]
    fn a_damaged_soundfont_does_no_harm(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut font = soundfont();
        // The tables begin here; the wave before them may hold anything.
        let tables = font.windows(4).position(|id| id == b"pdta").unwrap() - 8;
        let at = tables + at.index(font.len() - tables);
        font[at] = value;
        if let Ok(audio) = render_soundfont(&score("A/"), &mut font.as_slice(), &SynthOptions::default()) {
            prop_assert!(audio.left.iter().all(|s| s.is_finite()));
        }
    }
}

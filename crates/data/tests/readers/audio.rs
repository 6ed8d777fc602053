//! Sound.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::path::Path;

use anaphora_data::audio::{
    AudioError, LogMel, MelOptions, MelScale, Recording, Sound, list_takes, parse_wav, read_wav, resample,
};
use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

use crate::{data, folder};

fn wav(channels: u16, bits: u16, format: SampleFormat, samples: &[f32]) -> Vec<u8> {
    let spec = WavSpec { channels, sample_rate: 8000, bits_per_sample: bits, sample_format: format };
    let mut content = Cursor::new(vec![]);
    let mut writer = WavWriter::new(&mut content, spec).unwrap();
    for &sample in samples {
        match format {
            SampleFormat::Float => writer.write_sample(sample).unwrap(),
            SampleFormat::Int => {
                writer.write_sample((f64::from(sample) * 2f64.powi(i32::from(bits) - 1)) as i32).unwrap();
            }
        }
    }
    writer.finalize().unwrap();
    content.into_inner()
}

fn parse(content: &[u8], rate: Option<u32>) -> Result<Recording, AudioError> {
    parse_wav(content, Path::new("a.wav"), rate)
}

#[test]
fn each_kind_of_sample_is_read() {
    let samples = [0.0, 0.5, -0.5, 0.25, -1.0, 0.75];
    for (bits, format) in
        [8, 16, 24, 32].map(|bits| (bits, SampleFormat::Int)).into_iter().chain([(32, SampleFormat::Float)])
    {
        let read = parse(&wav(1, bits, format, &samples), None).unwrap();
        assert_eq!((read.sound.rate, read.channels, read.file_rate), (8000, 1, 8000));
        assert_eq!(read.sound.samples, samples, "{bits} bits");
        let stereo = parse(&wav(2, bits, format, &samples), None).unwrap();
        assert_eq!(stereo.sound.samples, [0.25, -0.125, -0.125]);
    }
}

/// A WAV file of one channel at 8,000 Hz whose format chunk has these fields, and what follows them.
fn wav_of(tag: u16, width: u16, bits: u16, more: &[u8], data: &[u8]) -> Vec<u8> {
    let size = |length: usize| (length as u32).to_le_bytes();
    let numbers = [tag.to_le_bytes(), 1u16.to_le_bytes()].concat();
    let rates = [size(8000), size(8000 * usize::from(width))].concat();
    let format = [numbers, rates, [width.to_le_bytes(), bits.to_le_bytes()].concat(), more.to_vec()].concat();
    let padding = &[0; 1][..data.len() % 2];
    let chunks =
        [b"WAVEfmt ", &size(format.len())[..], &format, b"data", &size(data.len()), data, padding].concat();
    [b"RIFF", &size(chunks.len())[..], &chunks].concat()
}

/// What follows the fields of an extensible format.
fn extension(valid: u16, tag: u8) -> Vec<u8> {
    let guid: &[u8] = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
    [&[22, 0], &valid.to_le_bytes()[..], &[4, 0, 0, 0], &[tag, 0], guid].concat()
}

#[test]
fn a_quiet_sound_is_quiet_in_each_kind_of_file() {
    // A thousandth and a half of full scale.
    for value in [0.001f64, 0.5, -0.5] {
        let integer = |bytes: usize, valid: u32| {
            let scaled = (value * 2f64.powi(valid as i32 - 1)).round() as i32;
            (scaled << (32 - valid)).to_le_bytes()[4 - bytes..].to_vec()
        };
        let unsigned = [(value * 128.0 + 128.0).round() as u8];
        for (name, file, off) in [
            ("8 bits", wav_of(1, 1, 8, &[], &unsigned), 1.0 / 256.0),
            ("16 bits", wav_of(1, 2, 16, &[], &integer(2, 16)), 1e-4),
            ("24 bits", wav_of(1, 3, 24, &[], &integer(3, 24)), 1e-6),
            ("32 bits", wav_of(1, 4, 32, &[], &integer(4, 32)), 1e-6),
            ("12 bits in 16", wav_of(1, 2, 12, &[], &integer(2, 12)), 1e-3),
            ("8 bits, extensible", wav_of(0xFFFE, 1, 8, &extension(8, 1), &unsigned), 1.0 / 256.0),
            ("16 bits, extensible", wav_of(0xFFFE, 2, 16, &extension(16, 1), &integer(2, 16)), 1e-4),
            ("20 bits in 24", wav_of(0xFFFE, 3, 24, &extension(20, 1), &integer(3, 20)), 1e-5),
            ("24 bits in 32", wav_of(0xFFFE, 4, 32, &extension(24, 1), &integer(4, 24)), 1e-6),
            ("32 bits, extensible", wav_of(0xFFFE, 4, 32, &extension(32, 1), &integer(4, 32)), 1e-6),
            ("no valid bits", wav_of(0xFFFE, 3, 24, &extension(0, 1), &integer(3, 24)), 1e-6),
            ("float", wav_of(3, 4, 32, &[], &(value as f32).to_le_bytes()), 1e-9),
            (
                "float, extensible",
                wav_of(0xFFFE, 4, 32, &extension(32, 3), &(value as f32).to_le_bytes()),
                1e-9,
            ),
            ("double", wav_of(3, 8, 64, &[], &value.to_le_bytes()), 1e-9),
        ] {
            let read = parse(&file, None).unwrap_or_else(|error| panic!("{name}: {error}")).sound;
            assert_eq!((read.rate, read.samples.len()), (8000, 1), "{name}");
            assert!(
                (f64::from(read.samples[0]) - value).abs() <= off,
                "{name}: {} for {value}",
                read.samples[0]
            );
        }
    }
}

#[test]
fn what_was_written_to_a_pipe_is_read_to_its_end() {
    let samples: Vec<f32> = (0..50).map(|index| index as f32 / 64.0).collect();
    let whole = wav(1, 16, SampleFormat::Int, &samples);
    for (riff, data) in
        [(0, 0), (36, 0), (u32::MAX, u32::MAX), (0x7FFF_FFFF, 0x7FFF_FFDB), (u32::MAX, u32::MAX - 36)]
    {
        let mut file = whole.clone();
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[40..44].copy_from_slice(&data.to_le_bytes());
        assert_eq!(parse(&file, None).unwrap().sound.samples, samples, "{riff:X} {data:X}");
        file.push(7);
        assert_eq!(parse(&file, None).unwrap().sound.samples, samples, "half a sample is none");
    }
}

fn tone(rate: u32, hertz: f64, seconds: f64) -> Sound {
    let sample = |index: u32| (TAU * hertz * f64::from(index) / f64::from(rate)).sin() as f32;
    Sound { rate, samples: (0..(f64::from(rate) * seconds) as u32).map(sample).collect() }
}

#[test]
fn another_rate_keeps_the_tone_and_nothing_above_it() {
    for (from, to) in [(44_100, 8000), (8000, 16_000), (22_050, 44_100), (48_000, 16_000), (8000, 7999)] {
        let resampled = resample(tone(from, 440.0, 0.5), to).unwrap();
        let wanted = tone(to, 440.0, 0.5);
        assert!(resampled.samples.len().abs_diff(wanted.samples.len()) <= 1);
        let inner = to as usize / 20..to as usize * 9 / 20;
        for index in inner {
            assert!(
                (resampled.samples[index] - wanted.samples[index]).abs() < 2e-4,
                "{from} to {to}, {index}"
            );
        }
    }
    let high = resample(tone(44_100, 4300.0, 0.5), 8000).unwrap();
    assert!(high.samples[400..3600].iter().all(|sample| sample.abs() < 1e-3));
    let constant = resample(Sound { rate: 11_025, samples: vec![0.5; 2000] }, 8000).unwrap();
    assert!(constant.samples[200..1200].iter().all(|sample| (sample - 0.5).abs() < 1e-6));
}

#[test]
fn the_recording_says_that_it_was_resampled() {
    let read = parse(&wav(1, 16, SampleFormat::Int, &[0.5; 800]), Some(16_000)).unwrap();
    assert_eq!((read.file_rate, read.sound.rate, read.sound.samples.len()), (8000, 16_000, 1600));
}

#[test]
fn log_mel_frames_are_those_of_librosa() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("goldens/mel.json")).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let samples = numbers(&golden["samples"]).iter().map(|sample| sample / 32768.0).collect();
    let sound = Sound { rate: 8000, samples };
    for (name, options) in [
        ("slaney", MelOptions { bands: 30, ..Default::default() }),
        (
            "htk",
            MelOptions {
                bands: 20,
                low: 60.0,
                high: Some(3800.0),
                scale: MelScale::Htk,
                ..Default::default()
            },
        ),
    ] {
        let frames = LogMel::new(8000, &options).unwrap().frames(&sound).unwrap();
        let wanted: Vec<Vec<f32>> = golden[name].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!((frames.len(), frames.width), (wanted.len(), options.bands));
        for (index, wanted) in wanted.iter().enumerate() {
            for (found, wanted) in frames.frame(index).iter().zip(wanted) {
                assert!((found - wanted).abs() < 2e-4, "{name}, frame {index}: {found} instead of {wanted}");
            }
        }
    }
}

#[test]
fn bands_have_the_pitch_of_their_middle() {
    // Four places equally far apart in mels below 4 kHz, by the scales' formulas in Python.
    for (scale, known) in [
        (MelScale::Slaney, [468.85, 937.70, 1_520.84, 2_466.45]),
        (MelScale::Htk, [324.47, 799.33, 1_494.31, 2_511.43]),
    ] {
        let found = MelOptions { bands: 4, scale, ..MelOptions::default() }.centres(8_000);
        assert!(
            found.iter().zip(known).all(|(found, known)| (found / known - 1.0).abs() < 1e-3),
            "{found:?}"
        );
    }
}

#[test]
fn each_bad_file_and_option_has_its_sentence() {
    let whole = wav(2, 16, SampleFormat::Int, &[0.5; 100]);
    let message = |content: &[u8]| parse(content, None).unwrap_err().to_string();
    assert_eq!(message(&whole[..144]), "a.wav: the file ends after 50 of 100 samples, get it anew");
    assert!(message(b"RIFF").starts_with("a.wav: no WAV file that can be read"));
    assert!(message(b"no wave at all, but text of some length to be read").starts_with("a.wav: no WAV file"));
    assert_eq!(
        message(&wav(1, 16, SampleFormat::Int, &[])),
        "a.wav: the recording has no sample, at least one is needed"
    );
    let nan = wav(1, 32, SampleFormat::Float, &[0.0, f32::NAN]);
    assert_eq!(message(&nan), "a.wav: sample 1 is not finite, a number is needed");
    let error = parse(&whole, Some(0)).unwrap_err().to_string();
    assert_eq!(error, "a rate of 0 Hz, 100 to 768000 Hz are needed");
    let plain = MelOptions::default();
    for options in [
        MelOptions { window: 0.0, ..plain },
        MelOptions { hop: f64::NAN, ..plain },
        MelOptions { bands: 0, ..plain },
        MelOptions { bands: 1000, ..plain },
        MelOptions { high: Some(5000.0), ..plain },
        MelOptions { low: -1.0, ..plain },
    ] {
        assert!(LogMel::new(8000, &options).is_err(), "{options:?}");
    }
    for (file, reason) in [
        (wav_of(7, 1, 8, &[], &[0]), "it is compressed by the µ-law"),
        (wav_of(6, 1, 8, &[], &[0]), "it is compressed by the A-law"),
        (wav_of(0xFFFE, 4, 32, &[], &[0; 4]), "its samples are of format 0xFFFE"),
        (wav_of(1, 8, 64, &[], &[0; 8]), "its samples have 8 bytes each"),
        (
            wav_of(1, 4, 24, &[], &[0; 4]),
            "its samples have 24 bits in 4 bytes each, without saying which of them",
        ),
        (wav_of(1, 2, 16, &[], &[0; 3]), "its 3 bytes of samples are no whole number of blocks of 2"),
        (whole[..36].to_vec(), "it has no samples, a data chunk is needed"),
    ] {
        assert!(message(&file).ends_with(&format!("({reason})")), "{}", message(&file));
    }
    let folder = folder(&[("_x.wav", b"")]);
    let error = list_takes(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("one like 7_george_12.wav (label, speaker, take) is needed"), "{error}");
}

#[test]
fn names_say_what_is_heard() {
    let folder = folder(&[
        ("yes.wav", b""),
        ("no_3.wav", b""),
        ("no_ann.wav", b""),
        ("a.txt", b""),
        ("7_a_b_1.wav", b""),
    ]);
    let takes = list_takes(folder.path()).unwrap();
    let all: Vec<_> = takes.iter().map(|t| (t.label.as_str(), t.speaker.as_deref(), t.take)).collect();
    assert_eq!(
        all,
        [("7", Some("a_b"), Some(1)), ("no", None, Some(3)), ("no", Some("ann"), None), ("yes", None, None)]
    );
}

#[test]
fn spoken_digits() {
    let Some(folder) = data("audio/fsdd") else { return };
    let takes = list_takes(&folder).unwrap();
    assert_eq!(takes.len(), 900);
    assert_eq!(takes.iter().filter(|take| take.take.unwrap() < 5).count(), 300);
    let mel = LogMel::new(8000, &MelOptions::default()).unwrap();
    for take in takes.iter().step_by(50) {
        let read = read_wav(&take.path, None).unwrap();
        assert_eq!((read.channels, read.file_rate), (1, 8000));
        let frames = mel.frames(&read.sound).unwrap();
        assert_eq!(frames.len(), 1 + read.sound.samples.len() / 80);
        assert!(frames.values.iter().all(|value| value.is_finite()));
        assert_eq!(read.sound.raw_frames(64).unwrap().len(), read.sound.samples.len().div_ceil(64));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_sound_or_refused(
        changes in proptest::collection::vec((0usize..60, any::<u8>()), 0..4), end in 0usize..260, rate in proptest::option::of(any::<u32>()),
    ) {
        let mut content = wav(2, 16, SampleFormat::Int, &[0.5; 100]);
        changes.iter().for_each(|&(at, byte)| content[at] = byte);
        content.truncate(end);
        if let Ok(read) = parse(&content, rate) {
            prop_assert!(!read.sound.samples.is_empty());
        }
    }
}

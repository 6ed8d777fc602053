//! Music as written and as played: ABC notation ↔ score ↔ MIDI → sound.
//!
//! * [`abc`] reads ABC tolerantly, keeps what is on the page (a [`abc::Tune`]), checks it as a
//!   musician would, and writes it back in a normal form;
//! * [`Score`] is what is heard: notes with a start, a duration, a pitch and a velocity, after
//!   repeats, ties, tuplets and accidentals have been worked out;
//! * [`midi`] turns a score into a Standard MIDI File and back;
//! * [`sound`] plays a score into a WAV file, by a built-in synthesiser or by a SoundFont.
//!
//! ```
//! use anaphora_music::{abc, midi, sound};
//!
//! let (tune, problems) = abc::parse_tune("X:1\nT:Scale\nM:4/4\nL:1/4\nK:D\nDEFG|ABcd|]\n");
//! assert!(problems.is_empty());
//! let score = tune.score();
//! assert_eq!(score.parts[0].notes[2].pitch, 66); // F is sharp in D major
//! let file = midi::write(&score);
//! assert_eq!(&file[..4], b"MThd");
//! let audio = sound::render(&score, &sound::SynthOptions::default()).unwrap();
//! assert!(audio.seconds() > 4.0);
//! ```

pub mod abc;
mod key;
mod metre;
pub mod midi;
mod problem;
mod score;
pub mod sound;

pub use key::{Key, Mode, Tonic};
pub use metre::Metre;
pub use problem::Problem;
pub use score::{Note, Part, Score, TICKS_PER_QUARTER, TICKS_PER_WHOLE, Tempo, Ticks, pitch_name};

//! The forms of a tune in files: ABC, MIDI and sound.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::run::atomic::write_atomic;
use anaphora_music::{Score, TICKS_PER_QUARTER, Ticks, abc, midi, sound};

use crate::error::{Failure, Result};

/// A form of a tune in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Notation as text
    Abc,
    /// Notes for synthesisers and notation programs
    Midi,
    /// Sound
    Wav,
}

impl Format {
    /// The ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Abc => "abc",
            Self::Midi => "mid",
            Self::Wav => "wav",
        }
    }
}

/// Makes sound of scores, by a SoundFont or by the built-in synthesiser.
pub struct Player {
    soundfont: Option<(PathBuf, Vec<u8>)>,
}

impl Player {
    /// Reads the SoundFont, where there is one.
    pub fn new(soundfont: Option<&Path>) -> Result<Self> {
        let read = |path: &Path| -> Result<_> {
            Ok((path.to_owned(), fs::read(path).map_err(Failure::io("read", path))?))
        };
        Ok(Self { soundfont: soundfont.map(read).transpose()? })
    }

    /// The content of a WAV file.
    fn wav(&self, score: &Score) -> Result<Vec<u8>> {
        let options = sound::SynthOptions::default();
        let audio = match &self.soundfont {
            None => sound::render(score, &options).map_err(Failure::failed)?,
            Some((path, font)) => sound::render_soundfont(score, &mut &font[..], &options)
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?,
        };
        Ok(sound::write_wav(&audio))
    }
}

/// A tune as notation and as what is heard.
pub struct Tune {
    /// Its title; may be empty.
    pub title: String,
    /// ABC notation.
    pub abc: String,
    /// Its notes.
    pub score: Score,
}

impl Tune {
    /// A tune in ABC, to be written in a normal form.
    pub fn from_abc(tune: &abc::Tune) -> Self {
        let title = tune.titles.first().cloned().unwrap_or_default();
        Self { title, abc: abc::write(tune), score: tune.score() }
    }

    /// The tune of a MIDI file. Where that was played by hand, the notation is of the nearest sixteenths and triplets.
    pub fn from_midi(bytes: &[u8]) -> Result<Self, midi::ReadError> {
        const BY_HAND: Ticks = TICKS_PER_QUARTER / 12;
        const WRITTEN: Ticks = TICKS_PER_QUARTER / 48;
        let score = midi::read(bytes)?;
        let title = score.title.clone().unwrap_or_default();
        let mut notation = score.clone();
        let mut notes = score.parts.iter().flat_map(|part| &part.notes);
        if !notes.all(|note| note.start.is_multiple_of(WRITTEN) && note.end().is_multiple_of(WRITTEN)) {
            notation.quantise(BY_HAND);
        }
        Ok(Self { title, abc: abc::write(&abc::from_score(&notation)), score })
    }

    /// How many notes sound.
    pub fn notes(&self) -> usize {
        self.score.parts.iter().map(|part| part.notes.len()).sum()
    }

    /// Writes a file in a format, whole or not at all.
    pub fn write(&self, format: Format, player: &Player, path: &Path) -> Result<()> {
        match format {
            Format::Abc => Ok(write_atomic(path, |writer| writer.write_all(self.abc.as_bytes()))?),
            Format::Midi | Format::Wav => write_score(&self.score, format, player, path),
        }
    }
}

/// Writes what is heard to a file in a format, whole or not at all; notation is made of it where that is asked for.
pub fn write_score(score: &Score, format: Format, player: &Player, path: &Path) -> Result<()> {
    let content = match format {
        Format::Abc => abc::write(&abc::from_score(score)).into_bytes(),
        Format::Midi => midi::write(score),
        Format::Wav => player.wav(score)?,
    };
    Ok(write_atomic(path, |writer| writer.write_all(&content))?)
}

/// A title as a part of a file's name: lower case, words joined by hyphens, at most some forty characters.
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !matches!(c, '\'' | '’') && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.chars().count() >= 40 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_of_files() {
        assert_eq!(slug("The Rakes of Mallow"), "the-rakes-of-mallow");
        assert_eq!(slug("  O'Carolan's \"Concerto\" (No. 2)  "), "ocarolans-concerto-no-2");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("Ó Súilleabháin"), "ó-súilleabháin");
        assert_eq!(slug("?!"), "");
        assert!(slug(&"long ".repeat(50)).chars().count() <= 40);
    }
}

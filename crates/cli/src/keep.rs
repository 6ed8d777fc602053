//! Generated pieces in files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::run::atomic::write_atomic;
use anaphora_music::abc;

use crate::error::{Failure, Result};
use crate::formats::{Format, Player, Tune, slug};
use crate::output::FreeNames;

/// Writes pieces to files, without ever writing over one.
pub struct Keeper {
    /// None where nothing is to be kept.
    folder: Option<PathBuf>,
    music: bool,
    /// What tunes are written as besides their text.
    formats: Vec<Format>,
    player: Player,
    names: FreeNames,
}

impl Keeper {
    /// Keeps pieces in `folder`, tunes also as MIDI and sound.
    pub fn new(
        folder: Option<PathBuf>,
        music: bool,
        midi: bool,
        wav: bool,
        soundfont: Option<&Path>,
    ) -> Result<Self> {
        let formats = [(Format::Midi, midi), (Format::Wav, wav)];
        let formats = formats.into_iter().filter(|(_, wanted)| *wanted).map(|(format, _)| format).collect();
        Ok(Self { folder, music, formats, player: Player::new(soundfont)?, names: FreeNames::default() })
    }

    /// Writes a piece and says where; a text without a note is no sound.
    pub fn keep(&mut self, text: &str) -> Result<Vec<PathBuf>> {
        let Some(folder) = self.folder.clone() else { return Ok(Vec::new()) };
        fs::create_dir_all(&folder).map_err(Failure::io("create", &folder))?;
        let tune = self.music.then(|| Tune::from_abc(&abc::parse_tune(text).0));
        let title = tune.as_ref().map(|tune| slug(&tune.title)).filter(|title| !title.is_empty());
        let (fallback, extension) =
            if self.music { ("tune", Format::Abc.extension()) } else { ("piece", "txt") };
        let stem = self.free_stem(&folder, title.as_deref().unwrap_or(fallback), extension);
        let path = |extension: &str| folder.join(format!("{stem}.{extension}"));

        let mut files = vec![path(extension)];
        let notation = self.music.then(|| normal_form(text)).flatten();
        let content = notation.as_deref().unwrap_or(text);
        write_atomic(&files[0], |writer| writer.write_all(content.as_bytes()))?;
        if let Some(tune) = tune.filter(|tune| tune.notes() > 0) {
            for &format in &self.formats {
                files.push(path(format.extension()));
                tune.write(format, &self.player, &files[files.len() - 1])?;
            }
        }
        Ok(files)
    }

    /// A name under which no file would be written over.
    fn free_stem(&mut self, folder: &Path, name: &str, extension: &str) -> String {
        let endings: Vec<&str> =
            [extension].into_iter().chain(self.formats.iter().map(|format| format.extension())).collect();
        self.names.find(name, |stem| {
            endings.iter().any(|ending| folder.join(format!("{stem}.{ending}")).symlink_metadata().is_ok())
        })
    }
}

/// A complete tune with its repeats written out as they are understood, so that every program plays it alike.
fn normal_form(text: &str) -> Option<String> {
    let mut tune = abc::parse_complete(text).ok()?;
    tune.make_repeats_explicit();
    Some(abc::write(&tune))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_title_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let mut keeper = Keeper::new(Some(out.clone()), true, true, false, None).unwrap();
        let tune = "X:1\nT:The Gale\nM:4/4\nL:1/4\nK:C\nCDEF|\n";
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            files.iter().map(|file| file.strip_prefix(&out).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(keeper.keep(tune).unwrap()), ["the-gale.abc", "the-gale.mid"]);
        fs::write(out.join("the-gale-2.mid"), "mine").unwrap();
        assert_eq!(names(keeper.keep(tune).unwrap()), ["the-gale-3.abc", "the-gale-3.mid"]);
        let written = fs::read_to_string(out.join("the-gale-3.abc")).unwrap();
        assert_eq!(abc::parse_tune(&written).0.score(), abc::parse_tune(tune).0.score());
        assert_eq!(names(keeper.keep("no tune").unwrap()), ["tune.abc"], "no notes, no sound");
    }
}

//! A score: the notes that are heard, in the order and at the times they are heard.

use crate::{Key, Metre};

/// A length of musical time or a position in it.
///
/// Every note value down to a 256th, its dots, triplets, quintuplets and septuplets are whole
/// numbers of ticks; other divisions are rounded to the nearest.
pub type Ticks = u64;

/// Ticks in a quarter note: 2⁶·3²·5·7, the largest such product that a MIDI file can state.
pub const TICKS_PER_QUARTER: Ticks = 20_160;

/// Ticks in a whole note.
pub const TICKS_PER_WHOLE: Ticks = 4 * TICKS_PER_QUARTER;

/// How fast the beat goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tempo {
    /// Length of the beat that is counted.
    pub beat: Ticks,
    /// Beats in a minute, above zero.
    pub per_minute: f64,
    /// The tempo in words, such as `Allegro`, where the source has it.
    pub text: Option<String>,
}

impl Tempo {
    /// Quarter notes in a minute.
    pub fn quarters_per_minute(&self) -> f64 {
        self.per_minute * self.beat as f64 / TICKS_PER_QUARTER as f64
    }
}

impl Default for Tempo {
    /// 120 quarter notes a minute, as MIDI has it where nothing is said.
    fn default() -> Self {
        Self { beat: TICKS_PER_QUARTER, per_minute: 120.0, text: None }
    }
}

/// One sounding note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// When it begins, from the start of the score.
    pub start: Ticks,
    /// How long it is held, at least one tick.
    pub duration: Ticks,
    /// MIDI pitch, 0 to 127; 60 is middle C.
    pub pitch: u8,
    /// MIDI velocity, 1 to 127.
    pub velocity: u8,
}

impl Note {
    /// When it ends.
    pub fn end(&self) -> Ticks {
        self.start + self.duration
    }
}

/// The notes of one voice or instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Name of the voice; may be empty.
    pub name: String,
    /// General MIDI instrument, 0 to 127.
    pub program: u8,
    /// Notes in order of start, then pitch.
    pub notes: Vec<Note>,
}

/// A piece as it is heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Title, where there is one.
    pub title: Option<String>,
    /// Tempo from each position on, in order; before the first, [`Tempo::default`].
    pub tempos: Vec<(Ticks, Tempo)>,
    /// Metre from each position on, in order.
    pub metres: Vec<(Ticks, Metre)>,
    /// Key from each position on, in order.
    pub keys: Vec<(Ticks, Key)>,
    /// The parts, which sound together.
    pub parts: Vec<Part>,
}

impl Score {
    /// When the last note ends.
    pub fn end(&self) -> Ticks {
        self.parts.iter().flat_map(|p| &p.notes).map(Note::end).max().unwrap_or(0)
    }

    /// Moves every beginning and end to the nearest multiple of `grid`, which is at least 1; a note
    /// keeps at least one. For what was played by hand, `TICKS_PER_QUARTER / 12` keeps sixteenths
    /// and triplets.
    pub fn quantise(&mut self, grid: Ticks) {
        let grid = grid.max(1);
        let nearest = |at: Ticks| (at + grid / 2) / grid * grid;
        for part in &mut self.parts {
            for note in &mut part.notes {
                let (start, end) = (nearest(note.start), nearest(note.end()));
                note.start = start;
                note.duration = end.saturating_sub(start).max(grid);
            }
            part.notes.sort();
            part.notes.dedup_by_key(|n| (n.start, n.pitch));
        }
        self.tempos.iter_mut().for_each(|t| t.0 = nearest(t.0));
        self.metres.iter_mut().for_each(|m| m.0 = nearest(m.0));
        self.keys.iter_mut().for_each(|k| k.0 = nearest(k.0));
    }

    /// The notes of all parts with their beginnings and ends in seconds from the start, in order of beginning, then pitch.
    pub fn in_seconds(&self) -> Vec<(f64, f64, Note)> {
        let mut notes: Vec<Note> = self.parts.iter().flat_map(|part| &part.notes).copied().collect();
        notes.sort();
        let mut positions: Vec<Ticks> = notes.iter().flat_map(|note| [note.start, note.end()]).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut clock = self.clock();
        let seconds: Vec<f64> = positions.iter().map(|&position| clock.seconds_at(position)).collect();
        let at = |position| seconds[positions.binary_search(&position).unwrap_or(0)];
        notes.into_iter().map(|note| (at(note.start), at(note.end()), note)).collect()
    }

    /// Converts positions, given in ascending order, to seconds from the start.
    pub(crate) fn clock(&self) -> Clock<'_> {
        Clock { rest: &self.tempos, position: 0, seconds: 0.0, quarters_per_minute: 120.0 }
    }
}

/// Walks a tempo map once; see [`Score::clock`].
#[derive(Clone)]
pub(crate) struct Clock<'a> {
    rest: &'a [(Ticks, Tempo)],
    position: Ticks,
    seconds: f64,
    quarters_per_minute: f64,
}

impl Clock<'_> {
    /// Seconds at `position`, which must not lie before the position asked for last.
    pub(crate) fn seconds_at(&mut self, position: Ticks) -> f64 {
        while let Some(((change, tempo), rest)) = self.rest.split_first()
            && *change <= position
        {
            self.advance(*change);
            self.quarters_per_minute = tempo.quarters_per_minute();
            self.rest = rest;
        }
        self.advance(position);
        self.seconds
    }

    fn advance(&mut self, position: Ticks) {
        let quarters = position.saturating_sub(self.position) as f64 / TICKS_PER_QUARTER as f64;
        self.seconds += quarters * 60.0 / self.quarters_per_minute;
        self.position = self.position.max(position);
    }
}

/// Moves a pitch by octaves into the range of MIDI.
pub(crate) fn into_range(pitch: i16) -> u8 {
    match pitch {
        0..=127 => pitch as u8,
        ..0 => pitch.rem_euclid(12) as u8,
        _ => (116 + (pitch - 116).rem_euclid(12)) as u8,
    }
}
/// The name of a MIDI pitch with its octave: `C4` for 60, sharps for the black keys.
pub fn pitch_name(pitch: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[usize::from(pitch) % 12], i16::from(pitch) / 12 - 1)
}

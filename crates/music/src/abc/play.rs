//! From a tune as written to the score that is heard.

use super::accompaniment::{self, Harmony};
use super::chords::Symbol;
use super::jump::jumps;
use super::unroll::unroll;
use super::{Element, Item, Sound, Tune, Voice};
use crate::{Key, Metre, Note, Part, Score, Ticks};
use std::collections::BTreeMap;

/// Velocities of a weak, a strong and the first beat, as `abc2midi` has them.
const VELOCITIES: [u8; 3] = [80, 95, 105];

/// What is played besides the notes as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Playing {
    /// Whether grace notes sound; they take up to a third of the note that follows.
    pub grace_notes: bool,
    /// Whether chord symbols sound, as a part of their own.
    pub chord_symbols: bool,
}

impl Default for Playing {
    fn default() -> Self {
        Self { grace_notes: true, chord_symbols: true }
    }
}

impl Tune {
    /// The tune as it is heard, with grace notes and chord symbols.
    pub fn score(&self) -> Score {
        self.score_with(Playing::default())
    }

    /// The tune as it is heard.
    pub fn score_with(&self, playing: Playing) -> Score {
        let mut score = Score {
            title: self.titles.first().cloned(),
            metres: Vec::new(),
            keys: Vec::new(),
            tempos: self.tempo.iter().map(|t| (0, t.clone())).collect(),
            parts: Vec::new(),
        };
        // A reader has been told of jumps that are not followed.
        let jumps = jumps(self).unwrap_or_else(|_| vec![None; self.voices.len()]);
        let orders: Vec<_> = self
            .voices
            .iter()
            .zip(&jumps)
            .map(|(voice, jump)| unroll(voice, self.part_order.as_deref(), jump.as_ref()))
            .collect();
        let mut players: Vec<Player> = self.voices.iter().map(|v| Player::new(self, v, playing)).collect();
        // Stretches of one part of the order are played by every voice before the next part begins.
        let last_part = orders.iter().flat_map(|o| &o.stretches).map(|s| s.part).max().unwrap_or(0);
        let mut next = vec![0; players.len()];
        for part in 0..=last_part {
            let begin = players.iter().map(|p| p.now).max().unwrap_or(0);
            for ((player, order), next) in players.iter_mut().zip(&orders).zip(&mut next) {
                player.begin_part(begin);
                while let Some(stretch) = order.stretches.get(*next).filter(|s| s.part == part) {
                    player.play(stretch.items.clone());
                    *next += 1;
                }
            }
        }
        let mut harmony = Vec::new();
        for (index, mut player) in players.into_iter().enumerate() {
            if index == 0 {
                score.metres = player.metres;
                score.keys = player.keys;
            }
            score.tempos.append(&mut player.tempos);
            harmony.append(&mut player.harmony);
            player.notes.sort();
            let voice = player.voice;
            let name = voice.name.clone().unwrap_or_else(|| voice.id.clone());
            score.parts.push(Part { name, program: 0, notes: player.notes });
        }
        score.tempos.sort_by_key(|t| t.0);
        if harmony.iter().any(|h| matches!(h, Harmony::Symbol(_, Some(_)))) {
            score.parts.push(accompaniment::part(harmony, score.end()));
        }
        score
    }
}

/// What holds before item `at`, in a list that begins with what holds from item 0 on.
fn in_force<T>(changes: &[(usize, T)], at: usize) -> &T {
    &changes[changes.partition_point(|change| change.0 <= at) - 1].1
}

/// Plays one voice.
struct Player<'a> {
    voice: &'a Voice,
    playing: Playing,
    now: Ticks,
    bar_start: Ticks,
    /// What is missing at the front of this bar, where it is a pick-up.
    bar_offset: Ticks,
    /// Where the longest of the overlaid lines of this bar ends.
    bar_end: Ticks,
    metre: Metre,
    /// The metres and keys on the page, each with the index of the item from which on it holds.
    metre_changes: Vec<(usize, Metre)>,
    key_changes: Vec<(usize, Key)>,
    /// The same for the semitones from what is written to what sounds.
    transpositions: Vec<(usize, i16)>,
    transpose: i16,
    notes: Vec<Note>,
    /// Notes waiting for the end of their tie, by pitch: index in `notes`.
    tied: BTreeMap<u8, usize>,
    grace: Vec<&'a Sound>,
    staccato: bool,
    metres: Vec<(Ticks, Metre)>,
    keys: Vec<(Ticks, Key)>,
    tempos: Vec<(Ticks, crate::Tempo)>,
    harmony: Vec<Harmony>,
}

impl<'a> Player<'a> {
    fn new(tune: &Tune, voice: &'a Voice, playing: Playing) -> Self {
        let mut metre_changes = vec![(0, tune.metre.clone())];
        let mut key_changes = vec![(0, tune.key.clone().unwrap_or_default())];
        let mut transpositions = vec![(0, voice.transpose)];
        for (index, item) in voice.items.iter().enumerate() {
            match &item.element {
                Element::Metre(metre) => metre_changes.push((index + 1, metre.clone())),
                Element::Key(key) => key_changes.push((index + 1, key.clone())),
                Element::Transpose(semitones) => transpositions.push((index + 1, *semitones)),
                _ => {}
            }
        }
        Self {
            metre_changes,
            key_changes,
            transpositions,
            transpose: voice.transpose,
            voice,
            playing,
            now: 0,
            bar_start: 0,
            bar_offset: 0,
            bar_end: 0,
            metre: tune.metre.clone(),
            notes: Vec::new(),
            tied: BTreeMap::new(),
            grace: Vec::new(),
            staccato: false,
            metres: vec![(0, tune.metre.clone())],
            keys: tune.key.iter().map(|k| (0, k.clone())).collect(),
            tempos: Vec::new(),
            harmony: vec![Harmony::Bar(0, tune.metre.clone())],
        }
    }

    fn begin_part(&mut self, at: Ticks) {
        self.now = at;
        self.bar_start = at;
        self.bar_end = at;
    }

    fn play(&mut self, range: std::ops::Range<usize>) {
        let start = range.start;
        let items = &self.voice.items[range];
        self.resume(start);
        self.bar_offset = self.missing(items);
        for (index, item) in items.iter().enumerate() {
            match &item.element {
                Element::Sound(sound) => self.sound(sound),
                Element::Rest { length, .. } => self.rest(length.played),
                Element::BarRest { duration, .. } => self.rest(*duration),
                Element::Grace(sounds) => self.grace = sounds.iter().collect(),
                Element::Bar(_) => {
                    self.now = self.now.max(self.bar_end);
                    self.bar_start = self.now;
                    self.bar_end = self.now;
                    self.bar_offset = self.missing(&items[index + 1..]);
                    self.harmony.push(Harmony::Bar(self.now, self.metre.clone()));
                }
                Element::Overlay => {
                    self.bar_end = self.bar_end.max(self.now);
                    self.now = self.bar_start;
                }
                Element::ChordSymbol(text) if self.playing.chord_symbols => {
                    let chord = match Symbol::read(text) {
                        Symbol::Chord(chord) => Some(chord),
                        Symbol::Silence | Symbol::Unknown => None,
                        Symbol::Alternative | Symbol::Words => continue,
                    };
                    self.harmony.push(Harmony::Symbol(self.now, chord));
                }
                Element::Decoration(name) if name == "." => self.staccato = true,
                Element::Metre(metre) => {
                    self.metre = metre.clone();
                    self.metres.push((self.now, metre.clone()));
                    self.harmony.push(Harmony::Bar(self.now, metre.clone()));
                }
                Element::Key(key) => self.keys.push((self.now, key.clone())),
                Element::Transpose(semitones) => self.transpose = *semitones,
                Element::Tempo(tempo) => self.tempos.push((self.now, tempo.clone())),
                _ => {}
            }
        }
    }

    /// Takes up metre, key and transposition as they stand on the page before item `at`: a repeat may lead back to
    /// before their last change.
    fn resume(&mut self, at: usize) {
        self.transpose = *in_force(&self.transpositions, at);
        let metre = in_force(&self.metre_changes, at).clone();
        if metre != self.metre {
            self.metre = metre.clone();
            self.metres.push((self.now, metre.clone()));
            self.harmony.push(Harmony::Bar(self.now, metre));
        }
        let key = in_force(&self.key_changes, at);
        if self.keys.last().is_some_and(|(_, last)| last != key) {
            self.keys.push((self.now, key.clone()));
        }
    }

    /// How much the bar at the front of `items` falls short of the metre, where it does.
    fn missing(&self, items: &[Item]) -> Ticks {
        let Some(full) = self.metre.bar() else { return 0 };
        let mut length = 0;
        for item in items {
            if matches!(item.element, Element::Bar(_) | Element::Overlay) {
                break;
            }
            length += item.element.duration().unwrap_or(0);
            if length >= full {
                break;
            }
        }
        full.saturating_sub(length)
    }

    fn rest(&mut self, duration: Ticks) {
        self.now += duration;
        self.tied.clear();
        self.staccato = false;
    }

    fn sound(&mut self, sound: &Sound) {
        let position = self.now - self.bar_start;
        let accent = self.metre.accent(position + self.bar_offset);
        let velocity = VELOCITIES[usize::from(accent)];
        let end = self.now + sound.length.played;
        let start = self.grace_notes(sound.length.played, velocity);
        let held = end - start;
        let duration = if std::mem::take(&mut self.staccato) { held.div_ceil(2) } else { held };
        let mut tied = BTreeMap::new();
        for tone in &sound.tones {
            let pitch = crate::score::into_range(i16::from(tone.pitch) + self.transpose);
            let index = match self.tied.remove(&pitch) {
                Some(index) if self.notes[index].end() == start => {
                    self.notes[index].duration += duration;
                    index
                }
                _ => {
                    self.notes.push(Note { start, duration, pitch, velocity });
                    self.notes.len() - 1
                }
            };
            if tone.tie {
                tied.insert(pitch, index);
            }
        }
        self.tied = tied;
        self.now = end;
    }

    /// Plays the waiting grace notes at the cost of the note that follows; gives its new start.
    fn grace_notes(&mut self, available: Ticks, velocity: u8) -> Ticks {
        let grace = std::mem::take(&mut self.grace);
        let written: Ticks = grace.iter().map(|s| s.length.written).sum();
        if !self.playing.grace_notes || grace.is_empty() {
            return self.now;
        }
        // As short as a 64th each where that fits, and never more than a third of the note.
        let total = (grace.len() as Ticks * crate::TICKS_PER_WHOLE / 64).min(available / 3);
        let mut done = 0;
        let mut start = self.now;
        for sound in &grace {
            done += sound.length.written;
            let end = self.now + total * done / written;
            for tone in sound.tones.iter().filter(|_| end > start) {
                let pitch = crate::score::into_range(i16::from(tone.pitch) + self.transpose);
                self.notes.push(Note { start, duration: end - start, pitch, velocity });
            }
            start = end;
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use crate::abc::parse_tune;
    use crate::{Metre, TICKS_PER_QUARTER};

    #[test]
    fn a_repeat_goes_back_to_the_metre_and_key_of_its_beginning() {
        let (tune, _) = parse_tune("X:1\nM:3/4\nL:1/4\nK:G\n|:GAB|[M:2/4][K:D]dc:|\n");
        let score = tune.score();
        let at = |quarters: u64| quarters * TICKS_PER_QUARTER;
        let (three, two) = (Metre::new(3, 4), Metre::new(2, 4));
        let metres = vec![(at(0), three.clone()), (at(3), two.clone()), (at(5), three), (at(8), two)];
        assert_eq!(score.metres, metres);
        let sharps: Vec<_> = score.keys.iter().map(|(at, key)| (*at, key.sharps())).collect();
        assert_eq!(sharps, [(at(0), 1), (at(3), 2), (at(5), 1), (at(8), 2)]);
    }

    #[test]
    fn grace_notes_take_from_the_next_note() {
        let (tune, _) = parse_tune("X:1\nM:4/4\nL:1/4\nK:C\nC{de}f C2|\n");
        let notes = &tune.score().parts[0].notes;
        let pitches: Vec<u8> = notes.iter().map(|n| n.pitch).collect();
        assert_eq!(pitches, [60, 74, 76, 77, 60]);
        assert!(notes.windows(2).all(|w| w[0].end() == w[1].start), "without a gap");
        assert_eq!(notes[3].end(), 2 * TICKS_PER_QUARTER);
    }

    #[test]
    fn accents_fall_on_the_beat() {
        let (tune, _) = parse_tune("X:1\nM:6/8\nL:1/8\nK:C\nC|CCC CCC|\n");
        let velocities: Vec<u8> = tune.score().parts[0].notes.iter().map(|n| n.velocity).collect();
        assert_eq!(velocities, [80, 105, 80, 80, 95, 80, 80], "the pick-up is weak");
    }
}

//! From a tune as written to the score that is heard.

use super::accompaniment::{self, Harmony};
use super::unroll::unroll;
use super::{Element, Item, Sound, Tune, Voice};
use crate::{Metre, Note, Part, Score, Ticks};
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
            metres: vec![(0, self.metre.clone())],
            keys: self.key.iter().map(|k| (0, k.clone())).collect(),
            tempos: self.tempo.iter().map(|t| (0, t.clone())).collect(),
            parts: Vec::new(),
        };
        let orders: Vec<_> = self.voices.iter().map(|v| unroll(v, self.part_order.as_deref())).collect();
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
                score.metres.append(&mut player.metres);
                score.keys.append(&mut player.keys);
            }
            score.tempos.append(&mut player.tempos);
            harmony.append(&mut player.harmony);
            player.notes.sort();
            let voice = player.voice;
            let name = voice.name.clone().unwrap_or_else(|| voice.id.clone());
            score.parts.push(Part { name, program: 0, notes: player.notes });
        }
        score.tempos.sort_by_key(|t| t.0);
        if harmony.iter().any(|h| matches!(h, Harmony::Symbol(..))) {
            score.parts.push(accompaniment::part(harmony, score.end()));
        }
        score
    }
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
    notes: Vec<Note>,
    /// Notes waiting for the end of their tie, by pitch: index in `notes`.
    tied: BTreeMap<u8, usize>,
    grace: Vec<&'a Sound>,
    staccato: bool,
    metres: Vec<(Ticks, Metre)>,
    keys: Vec<(Ticks, crate::Key)>,
    tempos: Vec<(Ticks, crate::Tempo)>,
    harmony: Vec<Harmony>,
}

impl<'a> Player<'a> {
    fn new(tune: &Tune, voice: &'a Voice, playing: Playing) -> Self {
        Self {
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
            metres: Vec::new(),
            keys: Vec::new(),
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
        let items = &self.voice.items[range];
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
                    if let Some(chord) = accompaniment::Chord::parse(text) {
                        self.harmony.push(Harmony::Symbol(self.now, chord));
                    }
                }
                Element::Decoration(name) if name == "." => self.staccato = true,
                Element::Metre(metre) => {
                    self.metre = metre.clone();
                    self.metres.push((self.now, metre.clone()));
                    self.harmony.push(Harmony::Bar(self.now, metre.clone()));
                }
                Element::Key(key) => self.keys.push((self.now, key.clone())),
                Element::Tempo(tempo) => self.tempos.push((self.now, tempo.clone())),
                _ => {}
            }
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
            let pitch = crate::score::into_range(i16::from(tone.pitch) + self.voice.transpose);
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
                let pitch = crate::score::into_range(i16::from(tone.pitch) + self.voice.transpose);
                self.notes.push(Note { start, duration: end - start, pitch, velocity });
            }
            start = end;
        }
        start
    }
}

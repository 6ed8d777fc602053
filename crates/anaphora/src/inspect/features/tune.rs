//! What the characters of a tune in ABC mean.

use anaphora_music::abc::{Element, parse_tune};
use anaphora_music::{TICKS_PER_QUARTER, TICKS_PER_WHOLE};

use super::Features;

/// Bars of a phrase in most of the tunes that are written so.
const PHRASE: usize = 4;

/// A place of the music, which holds from one sign to the next.
#[derive(Clone, Copy, Default)]
struct Place {
    is_note: bool,
    is_rest: bool,
    is_bar_line: bool,
    is_on_beat: bool,
    is_tonic: bool,
    is_fifth: bool,
    /// Quarter notes since the bar line.
    in_bar: f32,
    /// The bar of the phrase, from 0.
    of_phrase: f32,
    /// MIDI pitch of the highest note.
    pitch: f32,
}

/// Adds the properties of each character of a tune: those of the sign that it is a part of.
pub fn add(features: &mut Features, text: &str) {
    let (tune, _) = parse_tune(text);
    let count = text.chars().count();
    // The place of the first character of each line.
    let mut lines = vec![0];
    lines.extend(text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1));
    let tonic = tune.key.as_ref().and_then(|key| key.tonic).map(|tonic| tonic.step);
    let beat = match tune.metre.fraction() {
        Some((_, unit)) if tune.metre.is_compound() => 3 * TICKS_PER_WHOLE / u64::from(unit),
        Some((_, unit)) => TICKS_PER_WHOLE / u64::from(unit),
        None => TICKS_PER_QUARTER,
    };
    let mut signs: Vec<(usize, Place)> = Vec::new();
    for voice in &tune.voices {
        let (mut in_bar, mut bar, mut has_sounded) = (0, 0, false);
        for item in &voice.items {
            let line = (item.line as usize).saturating_sub(tune.line.max(1) as usize);
            let Some(start) = lines.get(line) else { continue };
            let at = start + (item.column as usize).saturating_sub(1);
            let is_bar_line = matches!(item.element, Element::Bar(_));
            let mut place = Place {
                is_bar_line,
                in_bar: in_bar as f32 / TICKS_PER_QUARTER as f32,
                of_phrase: (bar % PHRASE) as f32,
                pitch: f32::NAN,
                ..Place::default()
            };
            match &item.element {
                Element::Sound(sound) => {
                    let degree =
                        |tone: &anaphora_music::abc::Tone| tonic.map(|tonic| (tone.step + 7 - tonic) % 7);
                    place.is_note = true;
                    place.is_tonic = sound.tones.iter().any(|tone| degree(tone) == Some(0));
                    place.is_fifth = sound.tones.iter().any(|tone| degree(tone) == Some(4));
                    place.pitch = sound.tones.iter().map(|tone| tone.pitch).max().map_or(f32::NAN, f32::from);
                }
                Element::Rest { .. } | Element::BarRest { .. } => place.is_rest = true,
                _ => {}
            }
            place.is_on_beat = (place.is_note || place.is_rest) && in_bar % beat == 0;
            signs.push((at, place));
            if let Some(duration) = item.element.duration() {
                in_bar += duration;
                has_sounded = true;
            }
            if is_bar_line {
                // An upbeat or a line at the beginning closes no bar.
                bar += usize::from(has_sounded);
                (in_bar, has_sounded) = (0, false);
            }
        }
    }
    signs.sort_by_key(|(at, _)| *at);
    let first = signs.first().map_or(count, |(at, _)| *at);
    let first_of_line = lines.iter().rev().find(|start| **start <= first).copied().unwrap_or(0);
    let mut places =
        vec![Place { pitch: f32::NAN, in_bar: f32::NAN, of_phrase: f32::NAN, ..Place::default() }; count];
    for (index, (at, place)) in signs.iter().enumerate() {
        let end = signs.get(index + 1).map_or(count, |(next, _)| *next).min(count);
        places.get_mut(*at..end.max(*at)).into_iter().flatten().for_each(|to| *to = *place);
    }
    // A sign ends with its line, and what stands between signs is none.
    for (at, c) in text.chars().enumerate() {
        if c.is_whitespace() {
            let place = &mut places[at];
            (place.is_note, place.is_rest, place.is_bar_line) = (false, false, false);
            (place.is_tonic, place.is_fifth, place.is_on_beat) = (false, false, false);
            place.pitch = f32::NAN;
        }
    }
    let flag = |of: fn(&Place) -> bool| places.iter().map(of).collect::<Vec<bool>>();
    features.flags.extend([
        ("header", (0..count).map(|at| at < first_of_line).collect()),
        ("note", flag(|place| place.is_note)),
        ("rest", flag(|place| place.is_rest)),
        ("bar line", flag(|place| place.is_bar_line)),
        ("on a beat", flag(|place| place.is_on_beat)),
        ("tonic", flag(|place| place.is_tonic)),
        ("fifth", flag(|place| place.is_fifth)),
    ]);
    features.numbers.extend([
        ("place in the bar", places.iter().map(|place| place.in_bar).collect()),
        ("bar of the phrase", places.iter().map(|place| place.of_phrase).collect()),
        ("pitch", places.iter().map(|place| place.pitch).collect()),
    ]);
}

//! Writes a score as a Standard MIDI File.

use super::PERCUSSION;
use crate::{Score, TICKS_PER_QUARTER, Tempo, Ticks};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};

/// Ticks in a quarter note of the file where that is exact; else the score's own are kept.
const USUAL_DIVISION: Ticks = 480;

/// Writes a score as a Standard MIDI File of format 1: a track with title, tempo, metre and key,
/// and a track for each part.
pub fn write(score: &Score) -> Vec<u8> {
    let division = division(score);
    let scale = TICKS_PER_QUARTER / division;
    let title = score.title.clone().unwrap_or_default();
    let mut tracks = vec![conductor(score, &title).finish(scale)];
    for (index, part) in score.parts.iter().enumerate() {
        let channel = index as u8 % 15;
        let channel = channel + u8::from(channel >= PERCUSSION);
        let mut track = Track::default();
        if !part.name.is_empty() {
            track.meta(0, MetaMessage::TrackName(part.name.as_bytes()));
        }
        track.message(0, channel, MidiMessage::ProgramChange { program: u7::from(part.program & 127) });
        for note in &part.notes {
            let (key, vel) = (u7::from(note.pitch & 127), u7::from(note.velocity.clamp(1, 127)));
            track.message(note.start, channel, MidiMessage::NoteOn { key, vel });
            track.message(note.end(), channel, MidiMessage::NoteOff { key, vel: u7::from(64) });
        }
        tracks.push(track.finish(scale));
    }
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(division as u16)));
    let mut out = Vec::new();
    let written = Smf { header, tracks }.write_std(&mut out);
    debug_assert!(written.is_ok(), "a vector takes everything");
    out
}

/// The usual division where every time in the score is a whole number of its ticks.
fn division(score: &Score) -> Ticks {
    let step = TICKS_PER_QUARTER / USUAL_DIVISION;
    let notes = score.parts.iter().flat_map(|p| &p.notes);
    let whole = notes.into_iter().all(|n| n.start.is_multiple_of(step) && n.duration.is_multiple_of(step));
    if whole { USUAL_DIVISION } else { TICKS_PER_QUARTER }
}

fn conductor<'a>(score: &'a Score, title: &'a str) -> Track<'a> {
    let mut track = Track::default();
    if !title.is_empty() {
        track.meta(0, MetaMessage::TrackName(title.as_bytes()));
    }
    if score.tempos.first().is_none_or(|t| t.0 > 0) {
        track.meta(0, tempo_message(&Tempo::default()));
    }
    for (at, tempo) in &score.tempos {
        track.meta(*at, tempo_message(tempo));
    }
    for (at, metre) in &score.metres {
        if let Some((beats, unit)) = metre.fraction() {
            let clocks = if metre.is_compound() { 3 * 96 / unit } else { 96 / unit };
            track.meta(
                *at,
                MetaMessage::TimeSignature(
                    beats.min(255) as u8,
                    unit.ilog2() as u8,
                    clocks.clamp(1, 255) as u8,
                    8,
                ),
            );
        }
    }
    for (at, key) in &score.keys {
        let minor = key.mode == crate::Mode::Minor;
        track.meta(*at, MetaMessage::KeySignature(key.sharps().clamp(-7, 7), minor));
    }
    track
}

fn tempo_message(tempo: &Tempo) -> MetaMessage<'static> {
    let micros =
        (60e6 / tempo.quarters_per_minute()).round().clamp(1.0, f64::from(u24::max_value().as_int()));
    MetaMessage::Tempo(u24::from(micros as u32))
}

/// Events with their times in the score.
#[derive(Default)]
struct Track<'a> {
    events: Vec<(Ticks, u8, TrackEventKind<'a>)>,
}

impl<'a> Track<'a> {
    fn meta(&mut self, at: Ticks, message: MetaMessage<'a>) {
        self.events.push((at, 0, TrackEventKind::Meta(message)));
    }

    fn message(&mut self, at: Ticks, channel: u8, message: MidiMessage) {
        // At one time what ends comes before what begins.
        let rank = match message {
            MidiMessage::NoteOff { .. } => 1,
            MidiMessage::NoteOn { .. } => 2,
            _ => 0,
        };
        self.events.push((at, rank, TrackEventKind::Midi { channel: u4::from(channel), message }));
    }

    /// Orders the events and turns times into differences.
    fn finish(mut self, scale: Ticks) -> Vec<TrackEvent<'a>> {
        self.events.sort_by_key(|e| (e.0, e.1));
        let mut out = Vec::with_capacity(self.events.len() + 1);
        let mut now = 0;
        for (at, _, kind) in self.events {
            let mut delta = at / scale - now;
            // A silence too long for one difference is bridged by empty texts.
            let most = Ticks::from(u28::max_value().as_int());
            while delta > most {
                let kind = TrackEventKind::Meta(MetaMessage::Text(b""));
                out.push(TrackEvent { delta: u28::max_value(), kind });
                delta -= most;
            }
            out.push(TrackEvent { delta: u28::from(delta as u32), kind });
            now = at / scale;
        }
        out.push(TrackEvent { delta: u28::from(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
        out
    }
}

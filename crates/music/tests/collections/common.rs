//! Playing a tune by ourselves and by Debian's `abc2midi`, to compare.
//!
//! `abc2midi` adds expression of its own, which is switched off: `-NGRA` (grace notes), `-NGUI`
//! (chord symbols), `-NFER` (fermatas held double), `-NFNP` (dynamics), and `chordattack 0` (chords
//! broken by some ticks). It begins one tick late and ends each note one tick early.

use anaphora_music::abc::{self, Playing};
use anaphora_music::{Score, midi};
use midly::{MidiMessage, Smf, Timing, TrackEventKind};
use std::collections::HashMap;
use std::process::Command;

/// Onset and duration in 480ths of a quarter note, and pitch.
pub type Event = (i64, i64, u8);

const DIVISION: i64 = 480;

pub fn abc2midi_is_there() -> bool {
    let there = Command::new("abc2midi").arg("-ver").output().is_ok();
    if !there {
        eprintln!("skipped: abc2midi is not installed");
    }
    there
}

/// What `abc2midi` plays; `None` where it writes no file.
pub fn theirs(tune: &str) -> Option<Vec<Event>> {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("tune.abc"), folder.path().join("tune.mid"));
    // The directive is to stand in the body, behind the K: field.
    let mut text = String::new();
    let mut given = false;
    for line in tune.lines() {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("K:") && !given {
            text.push_str("%%MIDI chordattack 0\n");
            given = true;
        }
    }
    std::fs::write(&source, text).unwrap();
    Command::new("abc2midi")
        .arg(&source)
        .arg("-o")
        .arg(&target)
        .args(["-NGRA", "-NGUI", "-NFER", "-NFNP", "-silent"])
        .output()
        .unwrap();
    let mut events = read(&std::fs::read(target).ok()?);
    for event in &mut events {
        event.0 -= 1;
        event.1 += 1;
    }
    Some(events)
}

pub fn ours(tune: &str) -> Vec<Event> {
    let (tune, _) = abc::parse_tune(tune);
    let score: Score = tune.score_with(Playing { grace_notes: false, chord_symbols: false });
    read(&midi::write(&score))
}

fn read(bytes: &[u8]) -> Vec<Event> {
    let smf = Smf::parse(bytes).unwrap();
    let Timing::Metrical(division) = smf.header.timing else { panic!("a division is stated") };
    let scale =
        |t: i64| (t * DIVISION * 2 + i64::from(division.as_int())) / (2 * i64::from(division.as_int()));
    let mut events = Vec::new();
    for track in &smf.tracks {
        let mut now = 0;
        let mut on: HashMap<(u8, u8), Vec<i64>> = HashMap::new();
        for event in track {
            now += i64::from(event.delta.as_int());
            let TrackEventKind::Midi { channel, message } = event.kind else { continue };
            match message {
                MidiMessage::NoteOn { key, vel } if vel > 0 => {
                    on.entry((channel.as_int(), key.as_int())).or_default().push(now);
                }
                MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                    let begun = on.get_mut(&(channel.as_int(), key.as_int())).unwrap().remove(0);
                    events.push((scale(begun), scale(now) - scale(begun), key.as_int()));
                }
                _ => {}
            }
        }
    }
    events.sort_unstable();
    events
}

/// Whether both are the same notes, but for a tick of rounding.
pub fn same(ours: &[Event], theirs: &[Event]) -> bool {
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(a, b)| a.2 == b.2 && (a.0 - b.0).abs() <= 1 && (a.1 - b.1).abs() <= 2)
}

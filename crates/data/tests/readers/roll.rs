//! Piano rolls and events.

use std::path::Path;

use anaphora_data::events::{Decoded, Event, EventOptions};
use anaphora_data::roll::{Note, parse_chorales, range, read_chorales, to_chords, to_frames, to_notes};
use proptest::prelude::*;

use crate::data;

fn note(start: f64, end: f64, pitch: u8, velocity: u8) -> Note {
    Note { start, end, pitch, velocity }
}

#[test]
fn notes_and_frames() {
    let notes =
        [note(0.0, 1.0, 60, 80), note(0.0, 0.5, 64, 80), note(1.0, 1.01, 67, 80), note(1.5, 2.0, 60, 80)];
    let chords = to_chords(&notes, 0.5).unwrap();
    assert_eq!(chords, [vec![60, 64], vec![60], vec![67], vec![60]]);
    let mut back = notes;
    back[2].end = 1.5;
    assert_eq!(to_notes(&chords, 0.5, 80), back);
    assert_eq!(range(&chords), Some((60, 67)));
    let (frames, outside) = to_frames(&chords, 60, 64);
    assert_eq!((frames.len(), frames.width, outside), (4, 5, 1));
    assert_eq!(frames.frame(0), [1.0, 0.0, 0.0, 0.0, 1.0]);
    for bad in [
        note(-1.0, 1.0, 60, 1),
        note(1.0, 1.0, 60, 1),
        note(0.0, f64::NAN, 60, 1),
        note(0.0, 1.0, 128, 1),
        note(0.0, 1.0, 1, 0),
    ] {
        assert!(to_chords(&[bad], 0.5).unwrap_err().to_string().starts_with("note 1 lasts from "), "{bad:?}");
    }
    assert!(
        to_chords(&notes, 0.0).is_err()
            && to_chords(&notes, 1e-9).is_err()
            && to_chords(&notes, f64::NAN).is_err()
    );
}

#[test]
fn events_of_the_paper() {
    let options = EventOptions::default();
    assert_eq!(options.vocabulary(), 388);
    let notes = [note(0.0, 1.5, 60, 64), note(0.5, 1.5, 64, 64)];
    let events: Vec<Event> =
        options.encode(&notes).unwrap().into_iter().map(|id| options.event(id).unwrap()).collect();
    use Event::*;
    assert_eq!(events, [Velocity(15), On(60), Shift(50), On(64), Shift(100), Off(60), Off(64)]);
    for id in 0..388 {
        assert_eq!(options.id(options.event(id).unwrap()), Some(id));
    }
    assert_eq!((options.event(388), options.id(Shift(101)), options.id(Velocity(32))), (None, None, None));
    let stray = options.decode([999, 128 + 60, 60, 60]);
    assert_eq!(stray, Decoded { notes: vec![note(0.0, 0.01, 60, 62)], stray: 3 });
    assert!(EventOptions { longest: 0, ..options }.encode(&notes).is_err());
    assert!(EventOptions { velocities: 128, ..options }.encode(&notes).is_err());
}

#[test]
fn each_velocity_lies_in_the_range_of_its_middle() {
    for velocities in 1..=127 {
        let options = EventOptions { velocities, ..Default::default() };
        for velocity in 1..=127 {
            let once = options.quantise(&[note(0.0, 1.0, 60, velocity)]).unwrap();
            assert_eq!(options.quantise(&once).unwrap(), once, "{velocity} of {velocities}");
            let width = 127u32.div_ceil(velocities);
            assert!(
                u32::from(once[0].velocity.abs_diff(velocity)) <= width / 2,
                "{velocity} of {velocities}"
            );
        }
    }
}

#[test]
fn bad_chorales() {
    let message = |text: &str| parse_chorales(text.as_bytes(), Path::new("a.json")).unwrap_err().to_string();
    assert!(
        message("{\"train\": []}")
            .starts_with("a.json: missing field `valid` at line 1 column 13; an object is needed")
    );
    assert_eq!(
        message("{\"train\": [[[60]], [[], [61, 300]]], \"valid\": [], \"test\": []}"),
        "a.json, train piece 2, frame 2: the pitch 300, pitches from 0 to 127 are needed"
    );
}

#[test]
fn chorales() {
    let Some(file) = data("music/jsb-chorales-quarter.json") else { return };
    let read = read_chorales(&file).unwrap();
    assert_eq!([&read.train, &read.valid, &read.test].map(Vec::len), [229, 76, 77]);
    let frames: Vec<_> = read.train.iter().flatten().cloned().collect();
    let (low, high) = range(&frames).unwrap();
    assert!(low >= 36 && high <= 96, "{low} to {high}");
    assert_eq!(to_frames(&frames, 21, 108).1, 0);
    for piece in read.test.iter().filter(|piece| piece.last().is_some_and(|chord| !chord.is_empty())) {
        let notes = to_notes(piece, 1.0, 64);
        assert_eq!(&to_chords(&notes, 1.0).unwrap(), piece);
        let events = EventOptions { step: 1.0, ..Default::default() };
        let decoded = events.decode(events.encode(&notes).unwrap());
        assert_eq!((decoded.notes, decoded.stray), (events.quantise(&notes).unwrap(), 0));
    }
}

fn any_notes() -> impl Strategy<Value = Vec<Note>> {
    let any = (0.0f64..20.0, 0.001f64..4.0, 55u8..65, 1u8..=127);
    proptest::collection::vec(any.prop_map(|(start, length, p, v)| note(start, start + length, p, v)), 0..30)
}

proptest! {
    #[test]
    fn notes_come_back_as_stated(notes in any_notes(), longest in 1u32..200, velocities in 1u32..=127) {
        let options = EventOptions { longest, velocities, ..Default::default() };
        let ids = options.encode(&notes).unwrap();
        let decoded = options.decode(ids.iter().copied());
        prop_assert_eq!(decoded.stray, 0);
        prop_assert_eq!(&decoded.notes, &options.quantise(&notes).unwrap());
        // What has been quantised once stays as it is.
        prop_assert_eq!(options.encode(&decoded.notes).unwrap(), ids);
        let near = |a: f64, b: f64| (a - b).abs() <= 0.5 * options.step + 1e-9;
        for one in &decoded.notes {
            prop_assert!(notes.iter().any(|n| n.pitch == one.pitch && near(n.start, one.start)));
        }
    }

    #[test]
    fn any_ids_are_notes(ids in proptest::collection::vec(0u32..400, 0..200)) {
        let options = EventOptions::default();
        let decoded = options.decode(ids);
        let again = options.decode(options.encode(&decoded.notes).unwrap());
        prop_assert_eq!((again.notes, again.stray), (decoded.notes, 0));
    }

    #[test]
    fn any_text_is_pieces_or_refused(text in "\\PC{0,30}|\\{\"train\":\\[(\\[\\[[0-9,]{0,6}\\]\\]){0,2}\\],\"valid\":\\[\\],\"test\":\\[\\]\\}") {
        let _ = parse_chorales(text.as_bytes(), Path::new("any"));
    }

    #[test]
    fn frames_come_back(notes in any_notes(), step in 0.05f64..1.0) {
        let chords = to_chords(&notes, step).unwrap();
        prop_assert_eq!(to_chords(&to_notes(&chords, step, 64), step).unwrap(), chords);
    }
}

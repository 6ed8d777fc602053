//! Every tune of a real collection through every form: ABC, score, MIDI and back.
//!
//! Where the data are not there, the test says so and passes.

use anaphora_music::{Score, Ticks, abc, midi};

fn notes(score: &Score) -> Vec<(Ticks, Ticks, u8)> {
    let all = score.parts.iter().flat_map(|p| &p.notes);
    let mut notes: Vec<_> = all.map(|n| (n.start, n.duration, n.pitch)).collect();
    notes.sort_unstable();
    notes
}

#[test]
fn every_tune_comes_through() {
    let Some(text) = crate::irish::collection() else { return };
    let (tunes, problems) = abc::parse(&text);
    assert_eq!(tunes.len(), 804);
    // Two empty lines behind a header, three lines with fields that stand where they should not.
    assert_eq!(problems.len(), 6, "{problems:?}");
    for tune in &tunes {
        let score = tune.score();
        let title = tune.titles.join(", ");
        assert!(score.parts[0].notes.len() > 30, "{title}");
        let (again, problems) = abc::parse_tune(&abc::write(tune));
        assert_eq!(problems, [], "{title}");
        assert_eq!(again.score(), score, "{title}");
        let file = midi::read(&midi::write(&score)).unwrap();
        assert_eq!(notes(&file), notes(&score), "{title}");
        let (from_midi, problems) = abc::parse_tune(&abc::write(&abc::from_score(&file)));
        assert_eq!(problems, [], "{title}");
        assert_eq!(notes(&from_midi.score()), notes(&score), "{title}");
    }
    // Of these two come from lines with "M:" in the wrong place; the rest are slips in the source.
    let wrong: Vec<_> = tunes.iter().filter(|t| !t.bar_problems().is_empty()).collect();
    assert!(wrong.len() <= 14, "{}", wrong.len());
}

#[test]
fn tunes_of_a_real_collection_are_complete() {
    let Some(text) = crate::irish::collection() else { return };
    let pieces = abc::split(&text);
    let complete = pieces.iter().filter(|p| abc::parse_complete(p.text).is_ok()).count();
    println!("{complete} of {} tunes are complete", pieces.len());
    assert!(complete >= 785, "{complete}");
}

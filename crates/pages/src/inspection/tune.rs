//! The tune that a model of tunes has read.

use anaphora::inspect::Inspection;
use anaphora_music::abc;
use serde_json::Value;

use super::text::Pieces;
use crate::chart::{Sounding, Tune};

/// The notes of an inspection's tune, each with the step that wrote it; none where nothing of it sounds.
pub fn tune(inspection: &Inspection, text: Option<&Pieces>) -> Option<Tune> {
    let abc = inspection.about.get("abc").and_then(Value::as_str)?;
    let (tune, _) = abc::parse_tune(abc);
    // Where each line begins, in characters, and where each step ends.
    let mut lines = vec![0];
    lines.extend(abc.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1));
    let mut ends = Vec::new();
    for piece in text.map(|text| &text.pieces[..]).unwrap_or_default() {
        ends.push(ends.last().copied().unwrap_or(0) + piece.chars().count());
    }
    let step = |line: u32, column: u32| {
        let at = lines.get(line.saturating_sub(1) as usize)? + column.saturating_sub(1) as usize;
        let step = ends.partition_point(|&end| end <= at);
        (step < ends.len()).then_some(step)
    };
    let notes: Vec<Sounding> = tune
        .heard()
        .into_iter()
        .map(|heard| Sounding {
            start: heard.start,
            seconds: heard.end - heard.start,
            pitch: heard.pitch,
            step: step(heard.line, heard.column),
        })
        .collect();
    (!notes.is_empty()).then(|| Tune { title: String::new(), abc: abc.to_owned(), notes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn notes_know_the_steps_that_wrote_them() {
        let abc = "X:1\nL:1/4\nK:D\n|:D ^E:|\n";
        let mut inspection = Inspection::default();
        inspection.about.insert("abc".into(), json!(abc));
        // The end of a piece in front, then a character a step.
        let pieces: Vec<String> =
            std::iter::once(String::new()).chain(abc.chars().map(String::from)).collect();
        let tune = tune(&inspection, Some(&Pieces { pieces: pieces.clone(), between: "" })).expect("notes");
        let steps: Vec<&str> =
            tune.notes.iter().map(|note| &pieces[note.step.expect("a step")][..]).collect();
        assert_eq!(steps, ["D", "^", "D", "^"]);
        assert_eq!(tune.notes.iter().map(|note| note.pitch).collect::<Vec<_>>(), [62, 65, 62, 65]);
        assert_eq!(tune.notes[3].start, 1.5);
    }
}

//! The tune that a model of tunes has read.

use anaphora::inspect::Inspection;
use serde_json::Value;

use super::sentence;
use crate::chart::{Sounding, Tune};

/// The notes that an inspection is about, each with the step that wrote it; none where there are none.
pub fn tune(inspection: &Inspection) -> Option<Tune> {
    let about = |key: &str| inspection.about.get(key);
    let note = |note: &Value| {
        Some(Sounding {
            start: note["start"].as_f64()?,
            seconds: note["seconds"].as_f64()?,
            pitch: note["pitch"].as_u64()?.try_into().ok()?,
            step: note["step"].as_u64().map(|step| step as usize),
        })
    };
    let notes: Vec<Sounding> = about("notes")?.as_array()?.iter().filter_map(note).collect();
    let abc = about("abc").and_then(Value::as_str).unwrap_or_default().to_owned();
    let problems = about("problems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let problems = problems.iter().filter_map(|problem| problem.as_str().map(sentence)).collect();
    (!notes.is_empty()).then(|| Tune { title: String::new(), abc, notes, problems })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn notes_are_those_that_the_inspection_is_about() {
        let mut inspection = Inspection::default();
        assert!(tune(&inspection).is_none());
        let notes = json!([{"start": 0.0, "seconds": 0.5, "pitch": 62, "step": 9}]);
        inspection.about.insert("notes".into(), notes);
        inspection
            .about
            .insert("problems".into(), json!(["the tune, line 4, column 2: a length of nothing"]));
        let tune = tune(&inspection).expect("a note");
        assert_eq!((tune.notes[0].pitch, tune.notes[0].step, tune.notes[0].seconds), (62, Some(9), 0.5));
        assert_eq!(tune.problems, ["The tune, line 4, column 2: a length of nothing."]);
    }
}

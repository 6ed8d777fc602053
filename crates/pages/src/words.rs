//! What people call the program's tasks.

use std::collections::BTreeMap;

/// What each task does, by the program's word for it; where it depends on what is read, that stands behind a blank: `text`, `numbers`,
/// `sound`, `picture`.
const TASKS: [(&str, &str); 16] = [
    ("text", "Write text"),
    ("music", "Write tunes"),
    ("chorales", "Write chords"),
    ("events", "Write played music"),
    ("classify", "Classify"),
    ("classify text", "Classify texts"),
    ("classify numbers", "Classify rows of numbers"),
    ("classify sound", "Classify sounds"),
    ("classify picture", "Classify pictures"),
    ("regress", "Estimate a number"),
    ("tag", "Tag words"),
    ("translate", "Translate"),
    ("caption", "Describe pictures"),
    ("forecast", "Forecast a series"),
    ("trajectory", "Follow paths"),
    ("memory", "Test memory"),
];

/// The names of all tasks, for the page's script.
pub fn tasks() -> BTreeMap<&'static str, &'static str> {
    TASKS.into()
}

/// The name of a task; the program's word where it has none.
pub fn task(word: &str) -> &str {
    TASKS.iter().find(|(known, _)| *known == word).map_or(word, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use anaphora::recipe::{Task, words};

    use super::*;

    #[test]
    fn every_task_has_a_name() {
        for word in words::<Task>().iter().filter(|word| **word != "auto") {
            assert_ne!(task(word), *word);
        }
    }
}

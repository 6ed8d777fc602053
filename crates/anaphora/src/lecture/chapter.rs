//! Chapters: a statement, how it was tried, and what came out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::picture::Picture;
use crate::recipe::words;

/// The chapters, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Id {
    /// History says where a ball goes.
    Ball,
    /// Four shapes of sequence tasks.
    Shapes,
    /// A state that is passed on.
    Recurrence,
    /// Symbols become vectors.
    Embedding,
    /// What is asked of a sequence model.
    Demands,
    /// Gradients that vanish and explode.
    Gradients,
    /// What is done against it.
    Remedies,
    /// The gates of an LSTM.
    Gates,
    /// Tunes, a note after the other.
    Music,
    /// Opinions: many words in, one label out.
    Sentiment,
    /// Bottleneck, one step at a time, short memory.
    Limits,
    /// Attention is search.
    Search,
    /// Order has to be put in.
    Position,
    /// Heads that look for different things.
    Heads,
    /// Attention in the place of recurrence.
    Transformer,
    /// The same idea elsewhere.
    Everywhere,
}

impl Id {
    /// All of them in the order of the lecture.
    pub const ALL: [Self; 16] = [
        Self::Ball,
        Self::Shapes,
        Self::Recurrence,
        Self::Embedding,
        Self::Demands,
        Self::Gradients,
        Self::Remedies,
        Self::Gates,
        Self::Music,
        Self::Sentiment,
        Self::Limits,
        Self::Search,
        Self::Position,
        Self::Heads,
        Self::Transformer,
        Self::Everywhere,
    ];

    /// The chapter of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        words::<Self>()[self as usize]
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A statement of the lecture, tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Which one it is.
    pub id: Id,
    /// A few words for a list.
    pub title: String,
    /// What the lecture says.
    pub statement: String,
    /// How it was tried.
    pub experiment: String,
    /// How to read the pictures.
    pub reading: String,
    /// What the experiment does not show.
    pub limits: String,
    /// What of it comes from a file of one's own, and what from built-in data and why.
    pub data: String,
    /// What a file of one's own is to it.
    pub own_file: OwnFile,
    /// The commands, a line each, that try the same: they run as they are, one after the other in an empty folder.
    pub command: String,
    /// The trainings that it looks at.
    pub trainings: Vec<Trained>,
    /// What was measured.
    pub figures: BTreeMap<String, f64>,
    /// What was measured by the clock: another run has others.
    pub times: BTreeMap<String, f64>,
    /// Whether the statement holds here; none where the figures do not decide it.
    pub held: Option<bool>,
    /// What was asked of the figures.
    pub checks: Vec<Check>,
    /// What is to be said beside it, a sentence each.
    pub notes: Vec<String>,
    /// What is to be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
    /// How long it took, its trainings included.
    pub seconds: f64,
}

/// What a file of one's own is to a chapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnFile {
    /// Figures that are asked for are of it, all or some.
    Decides,
    /// It is in pictures alone; what is asked for is measured on built-in data.
    Shown,
    /// It is not read.
    #[default]
    Unread,
}

/// A training that a chapter looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trained {
    /// The name of its run.
    pub run: String,
    /// Optimizer steps that it has.
    pub steps: u64,
    /// Steps for which the experiment is written.
    pub full: u64,
}

/// What a figure has to be for a statement to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is asked, as a clause.
    pub what: String,
    /// The figure.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// On which side of the threshold it has to be.
    pub side: Side,
    /// The threshold.
    #[serde(deserialize_with = "null_is_nan")]
    pub threshold: f64,
    /// How far it is from it; below zero on the wrong side.
    #[serde(deserialize_with = "null_is_nan")]
    pub distance: f64,
    /// How unsure the figure is: a distance below that decides nothing.
    pub unsure: f64,
    /// Whether it was measured by the clock: another call has another figure.
    pub timed: bool,
    /// Whether it is so; none where that is not sure.
    pub held: Option<bool>,
}

/// A side of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// As high, or higher.
    AtLeast,
    /// As low, or lower.
    AtMost,
}

/// JSON has no NaN: `serde_json` writes `null` for it.
fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Check {
    /// Asks that a figure, which may be wrong by `unsure`, is at least the threshold.
    pub fn at_least(what: impl Into<String>, value: f64, threshold: f64, unsure: f64) -> Self {
        Self::new(what.into(), value, Side::AtLeast, threshold, unsure)
    }

    /// Asks that a figure, which may be wrong by `unsure`, is at most the threshold.
    pub fn at_most(what: impl Into<String>, value: f64, threshold: f64, unsure: f64) -> Self {
        Self::new(what.into(), value, Side::AtMost, threshold, unsure)
    }

    /// The same of a figure that was measured by the clock.
    pub fn timed(self) -> Self {
        Self { timed: true, ..self }
    }

    fn new(what: String, value: f64, side: Side, threshold: f64, unsure: f64) -> Self {
        let distance = match side {
            Side::AtLeast => value - threshold,
            Side::AtMost => threshold - value,
        };
        // What is no number decides nothing.
        let sure = distance.is_finite() && (unsure == 0.0 || distance.abs() >= unsure);
        let held = sure.then_some(distance >= 0.0);
        Self { what, value, side, threshold, distance, unsure, timed: false, held }
    }
}

/// Whether a statement holds that asks for all of these: not where one does not, and not surely where one is not sure. Nothing asked
/// decides nothing.
pub fn verdict(checks: &[Check]) -> Option<bool> {
    if checks.iter().any(|check| check.held == Some(false)) {
        return Some(false);
    }
    (!checks.is_empty() && checks.iter().all(|check| check.held == Some(true))).then_some(true)
}

/// The standard error of a share that was found in so many examples.
pub fn standard_error(share: f64, examples: usize) -> f64 {
    // Laplace's rule: a share of none or all is not sure either.
    let examples = examples as f64;
    let share = (share * examples + 1.0) / (examples + 2.0);
    (share * (1.0 - share) / examples.max(1.0)).sqrt()
}

impl Chapter {
    /// A chapter of which nothing is tried yet.
    pub fn new(id: Id, title: &str, statement: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            statement: statement.to_owned(),
            experiment: String::new(),
            reading: String::new(),
            limits: String::new(),
            data: String::new(),
            own_file: OwnFile::default(),
            command: String::new(),
            trainings: Vec::new(),
            figures: BTreeMap::new(),
            times: BTreeMap::new(),
            held: None,
            checks: Vec::new(),
            notes: Vec::new(),
            pictures: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Adds a figure; what is no number is left out.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.into(), value);
        }
    }

    /// Adds a figure of the clock.
    pub fn time(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.times.insert(name.into(), value);
        }
    }

    /// Sets the commands, in their order.
    pub fn commands(&mut self, commands: impl IntoIterator<Item = String>) {
        self.command = commands.into_iter().collect::<Vec<_>>().join("\n");
    }

    /// Where trainings were cut, which and how far, as a sentence.
    pub fn cut(&self) -> Option<String> {
        let cut = self.trainings.iter().filter(|training| training.steps < training.full);
        let cut: Vec<String> =
            cut.map(|Trained { run, steps, full }| format!("{run} {steps} of {full}")).collect();
        let all = cut.join(", ");
        (!cut.is_empty()).then(|| {
            format!("Cut short, in steps trained of those that the experiment is written for: {all}.")
        })
    }

    /// Adds what is asked; all that is asked decides.
    pub fn check(&mut self, check: Check) {
        self.checks.push(check);
        self.held = verdict(&self.checks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_in_the_order_of_the_lecture() {
        assert_eq!(Id::ALL.len(), words::<Id>().len());
        for (index, id) in Id::ALL.into_iter().enumerate() {
            assert_eq!((id as usize, Id::named(id.name())), (index, Some(id)));
        }
        assert_eq!(
            (Id::Ball.name(), Id::Everywhere.name(), Id::named("balls")),
            ("ball", "everywhere", None)
        );
    }

    #[test]
    fn a_figure_holds_on_its_side_and_where_it_is_sure() {
        let least = |value, unsure| Check::at_least("", value, 0.5, unsure);
        assert_eq!((least(0.5, 0.0).held, least(0.499, 0.0).held), (Some(true), Some(false)));
        assert_eq!((least(0.65, 0.1).held, least(0.55, 0.1).held), (Some(true), None));
        assert_eq!((least(0.45, 0.1).held, least(0.3, 0.1).held), (None, Some(false)));
        assert!((least(0.3, 0.1).distance + 0.2).abs() < 1e-12);
        let most = |value| Check::at_most("", value, 0.01, 0.0);
        assert_eq!(
            (most(0.002).held, most(0.01).held, most(0.16).held),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!((most(f64::NAN).held, most(f64::INFINITY).held), (None, None));
    }

    #[test]
    fn a_statement_holds_where_all_that_is_asked_does() {
        let of = |held: Option<bool>| Check { held, ..Check::at_least("", 1.0, 0.0, 0.0) };
        let (yes, no, unsure) = (of(Some(true)), of(Some(false)), of(None));
        assert_eq!(verdict(&[yes.clone(), yes.clone()]), Some(true));
        assert_eq!(verdict(&[yes.clone(), unsure.clone()]), None);
        assert_eq!(verdict(&[no, unsure, yes]), Some(false));
        assert_eq!(verdict(&[]), None);
    }

    #[test]
    fn a_share_is_surer_the_more_was_tried() {
        assert!((standard_error(0.5, 100) - 0.05).abs() < 1e-3);
        assert!(standard_error(1.0, 100) > 0.005 && standard_error(1.0, 100) < standard_error(0.9, 100));
        assert!(standard_error(0.0, 0).is_finite());
    }

    #[test]
    fn trainings_that_were_cut_are_told_in_numbers() {
        let mut chapter = Chapter::new(Id::Ball, "", "");
        let trained = |run: &str, steps, full| Trained { run: run.into(), steps, full };
        chapter.trainings = vec![trained("whole", 300, 300), trained("longer", 600, 300)];
        assert_eq!(chapter.cut(), None);
        chapter.trainings.push(trained("cut", 60, 300));
        let cut = chapter.cut().unwrap();
        assert!(cut.ends_with("written for: cut 60 of 300."), "{cut}");
    }

    #[test]
    fn what_is_no_number_survives_being_written() {
        let check = Check::at_most("x", f64::NAN, 1.0, 0.0);
        let text = serde_json::to_string(&check).unwrap();
        let again: Check = serde_json::from_str(&text).unwrap();
        assert!(again.value.is_nan() && again.held.is_none(), "{text}");
    }
}

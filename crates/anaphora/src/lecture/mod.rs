//! The lecture: what a lecture on sequence models states, each statement tried on this machine.
//!
//! A [`Chapter`] is one statement with its experiment. It says what was done, what was measured, and whether the statement holds
//! by these figures; that is computed, and a statement that does not hold is shown as such. Experiments are sized in steps by
//! [`Settings::minutes`], never by the clock, so that the same settings give the same figures.

mod ball;
mod chapter;
mod demands;
mod embedding;
mod everywhere;
mod gates;
mod gradients;
mod heads;
mod lab;
mod language;
mod limits;
mod music;
mod opinions;
pub mod picture;
mod position;
mod recurrence;
mod remedies;
mod search;
mod sentiment;
mod shapes;
mod transformer;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anaphora_data::error::counted;
use anaphora_data::{TextEvent, Texts};
use serde::{Deserialize, Serialize};

pub use chapter::{Chapter, Check, Id, OwnFile, Side, Trained, verdict};
pub use picture::Picture;

use crate::recipe::Task;
use crate::run::Source;
use crate::run::atomic::write_atomic;
use crate::{Error, Result, tasks};
use lab::{Lab, Training, create};

/// What is asked of a lecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Tunes or a text that the chapters on language learn from; none for built-in tunes.
    pub file: Option<PathBuf>,
    /// The folder that it is written to.
    pub out: PathBuf,
    /// About how long all chapters are to take on two cores.
    pub minutes: f64,
    /// The chapters to be tried; none for all.
    pub only: Vec<Id>,
    /// Where all randomness starts from.
    pub seed: u32,
    /// Threads to compute with, 0 for one a core; figures do not hang on it.
    pub threads: usize,
}

impl Settings {
    /// How much is tried.
    fn effort(&self) -> Effort {
        Effort(self.minutes / FULL)
    }

    /// The name of the file of one's own.
    fn file_name(&self) -> Option<String> {
        let name = self.file.as_deref()?.file_name().unwrap_or_default();
        Some(name.to_string_lossy().into_owned())
    }
}

/// Minutes for which the sizes of all experiments are written.
const FULL: f64 = 10.0;

/// How much is tried, as a share of what the experiments are written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort(f64);

impl Effort {
    /// Steps of a training that has `full` in the time that experiments are written for.
    pub fn steps(self, full: u64) -> u64 {
        ((full as f64 * self.0).round() as u64).max(4)
    }

    /// The seconds that are planned for what takes `full`.
    fn seconds(self, full: f64) -> f64 {
        full * self.0
    }
}

/// All chapters that are tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lecture {
    /// The name of the file of one's own that chapters were tried on; none where all data are built in.
    pub file: Option<String>,
    /// Steps of the trainings, as a share of those that the experiments are written for.
    pub share_of_steps: f64,
    /// The chapters in the order of the lecture.
    pub chapters: Vec<Chapter>,
    /// How long their experiments took.
    pub seconds: f64,
}

impl Lecture {
    /// What is to be said of all chapters, a sentence each: which ones a file changed, and that trainings were cut.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let with = |own_file: OwnFile| -> String {
            let found = self.chapters.iter().filter(|chapter| chapter.own_file == own_file);
            found.map(|chapter| chapter.id.name()).collect::<Vec<_>>().join(", ")
        };
        if let Some(file) = &self.file {
            let parts = [
                (OwnFile::Decides, format!("{file} decides, in whole or in part, ")),
                (OwnFile::Shown, format!("{file} is shown, but does not decide, in ")),
                (OwnFile::Unread, format!("{file} changes nothing in ")),
            ];
            let parts = parts.into_iter().map(|(own_file, begins)| (begins, with(own_file)));
            notes.extend(
                parts.filter(|(_, all)| !all.is_empty()).map(|(begins, all)| format!("{begins}{all}.")),
            );
        }
        if self.share_of_steps < 1.0 && self.chapters.iter().any(|chapter| chapter.cut().is_some()) {
            notes.push(format!(
                "Trainings were cut to {:.0} % of the steps that the experiments are written for: models have hardly begun to learn, or are \
                 not done. A statement that does not hold here may do so because of that; each chapter says how far its models were trained.",
                (100.0 * self.share_of_steps).max(1.0)
            ));
        }
        notes
    }
}

/// What happens while a lecture is given.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Work goes on.
    Progress {
        /// On which chapter.
        chapter: Id,
        /// With what.
        what: &'a str,
        /// The share of all that is done.
        done: f64,
        /// How long the rest will take, by the speed so far.
        left: Option<Duration>,
    },
    /// A chapter is done.
    Finished {
        /// What came out.
        chapter: &'a Chapter,
        /// Whether it was kept from an earlier call.
        kept: bool,
    },
}

/// An experiment.
struct Experiment {
    id: Id,
    data: Data,
    /// The trainings that it needs.
    trainings: fn(&Settings) -> Result<Vec<Training>>,
    /// About how long its own work takes on two cores, in the time that experiments are written for.
    seconds: f64,
    /// Tries the statement.
    hold: fn(&mut Lab) -> Result<Chapter>,
}

/// What a chapter learns from.
struct Data {
    own_file: OwnFile,
    /// What is of a file of one's own, where one is named; empty where nothing is.
    of_file: &'static str,
    /// What is of built-in data whatever is named, and why; empty where nothing is.
    built_in: &'static str,
}

impl Data {
    /// All that is learnt is in the file.
    const fn file() -> Self {
        Self { own_file: OwnFile::Decides, of_file: "all that is learnt and read here", built_in: "" }
    }

    /// Nothing is of the file, for a reason.
    const fn built_in(built_in: &'static str) -> Self {
        Self { own_file: OwnFile::Unread, of_file: "", built_in }
    }

    /// What comes from where, for people.
    fn told(&self, file: Option<&str>) -> String {
        let of_file = file.filter(|_| self.own_file != OwnFile::Unread);
        let of_file = of_file.map(|file| format!("From {file}: {}.", self.of_file));
        let built_in = match (self.built_in, file) {
            ("", Some(_)) => None,
            ("", None) => Some("Built-in tunes; a file that is named takes their place.".to_owned()),
            (what, _) => Some(format!("From built-in data: {what}.")),
        };
        of_file.into_iter().chain(built_in).collect::<Vec<_>>().join(" ")
    }
}

/// In the order of the lecture.
const EXPERIMENTS: [Experiment; 16] = [
    ball::EXPERIMENT,
    shapes::EXPERIMENT,
    recurrence::EXPERIMENT,
    embedding::EXPERIMENT,
    demands::EXPERIMENT,
    gradients::EXPERIMENT,
    remedies::EXPERIMENT,
    gates::EXPERIMENT,
    music::EXPERIMENT,
    sentiment::EXPERIMENT,
    limits::EXPERIMENT,
    search::EXPERIMENT,
    position::EXPERIMENT,
    heads::EXPERIMENT,
    transformer::EXPERIMENT,
    everywhere::EXPERIMENT,
];

/// The file of a lecture's figures.
pub const RESULTS: &str = "results.json";
/// The folder of chapters that are done.
const CHAPTERS: &str = "chapters";
/// The fewest characters of a file that language models are to learn from.
const LEAST: usize = 10_000;
/// The file by which a lecture's folder is known.
const MARK: &str = ".lecture";

/// A chapter as it is kept, with what it was made with.
#[derive(Serialize, Deserialize)]
struct Kept {
    made_with: MadeWith,
    chapter: Chapter,
}

/// What figures hang on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct MadeWith {
    program: String,
    minutes: f64,
    seed: u32,
    file: Option<Source>,
}

/// Tries the statements that are asked for and writes what comes out to the folder. Chapters that are there with the same settings
/// are kept, and a training that was cut short goes on.
///
/// # Errors
/// A file that is neither tunes nor text, a folder that holds something else or cannot be written, what can go wrong in a training,
/// and [`Error::Stopped`] where the observer breaks: what is done is kept for the next call.
pub fn give(settings: &Settings, observer: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<Lecture> {
    let source = settings.file.as_deref().map(readable).transpose()?;
    refuse_foreign(&settings.out)?;
    create(&settings.out)?;
    write_atomic(settings.out.join(MARK), |_| Ok(()))?;
    let _lock = crate::run::lock(&settings.out)?;
    // What does not read the file does not hang on it.
    let made_with = |experiment: &Experiment| MadeWith {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        minutes: settings.minutes,
        seed: settings.seed,
        file: source.clone().filter(|_| experiment.data.own_file != OwnFile::Unread),
    };
    create(&settings.out.join(CHAPTERS))?;
    let wanted = |id: Id| settings.only.is_empty() || settings.only.contains(&id);
    let (mut known, mut open) = (Vec::new(), Vec::new());
    for experiment in &EXPERIMENTS {
        let kept = kept(&path_of(&settings.out, experiment.id), &made_with(experiment));
        match kept.filter(|chapter| chapter.id == experiment.id) {
            Some(chapter) => known.push(chapter),
            None if wanted(experiment.id) => open.push(experiment),
            None => {}
        }
    }
    let mut trainings: Vec<Training> = Vec::new();
    for experiment in &open {
        for training in (experiment.trainings)(settings)? {
            if !trainings.iter().any(|known| known.name == training.name) {
                trainings.push(training);
            }
        }
    }
    let own = |experiment: &Experiment| settings.effort().seconds(experiment.seconds);
    let mut lab = Lab::new(settings, trainings, open.iter().map(|open| own(open)).sum(), observer);
    for chapter in known.iter().filter(|chapter| wanted(chapter.id)) {
        lab.tell(&Event::Finished { chapter, kept: true })?;
    }
    for experiment in open {
        let started = Instant::now();
        lab.turn_to(experiment.id);
        let mut chapter = (experiment.hold)(&mut lab)?;
        lab.done(own(experiment));
        chapter.seconds = started.elapsed().as_secs_f64();
        chapter.own_file = experiment.data.own_file;
        chapter.data = experiment.data.told(settings.file_name().as_deref());
        chapter.trainings = trained(experiment, settings)?;
        let kept = Kept { made_with: made_with(experiment), chapter };
        let text = serde_json::to_vec(&kept).expect("plain data always serialise");
        write_atomic(path_of(&settings.out, experiment.id), |writer| {
            std::io::Write::write_all(writer, &text)
        })?;
        lab.tell(&Event::Finished { chapter: &kept.chapter, kept: false })?;
        known.push(kept.chapter);
        known.sort_by_key(|chapter| chapter.id);
        write_results(settings, &known)?;
    }
    write_results(settings, &known)
}

/// How far the trainings of an experiment go, and how far they would where they are not cut.
fn trained(experiment: &Experiment, settings: &Settings) -> Result<Vec<Trained>> {
    let full = Settings { minutes: FULL, ..settings.clone() };
    let pairs = (experiment.trainings)(settings)?.into_iter().zip((experiment.trainings)(&full)?);
    Ok(pairs
        .map(|(own, full)| Trained { run: own.name.to_owned(), steps: own.steps, full: full.steps })
        .collect())
}

/// Writes the figures of chapters, and gives the lecture that they are.
fn write_results(settings: &Settings, chapters: &[Chapter]) -> Result<Lecture> {
    let seconds = chapters.iter().map(|chapter| chapter.seconds).sum();
    let lecture = Lecture {
        file: settings.file_name(),
        share_of_steps: settings.effort().0,
        chapters: chapters.to_vec(),
        seconds,
    };
    let figures = |chapter: &Chapter| Chapter { pictures: Vec::new(), ..chapter.clone() };
    let without = Lecture { chapters: chapters.iter().map(figures).collect(), ..lecture.clone() };
    write_json(&settings.out.join(RESULTS), &without)?;
    Ok(lecture)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain data always serialise");
    text.push(b'\n');
    write_atomic(path, |writer| std::io::Write::write_all(writer, &text))
}

fn path_of(out: &Path, id: Id) -> PathBuf {
    out.join(CHAPTERS).join(format!("{id}.json"))
}

/// A chapter that was made with the same settings.
fn kept(path: &Path, made_with: &MadeWith) -> Option<Chapter> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.made_with == *made_with).then_some(kept.chapter)
}

/// A file of tunes or a text.
fn readable(path: &Path) -> Result<Source> {
    let (task, found) = tasks::of_data(path, Default::default())?;
    match task {
        Task::Music | Task::Text => {
            let texts = Texts::open(path, None)?;
            let (mut pieces, mut characters) = (0, 0);
            texts.replay(|event| {
                match event {
                    TextEvent::Begin { .. } => pieces += 1,
                    TextEvent::Text(text) => {
                        characters += text.chars().filter(|c| !c.is_whitespace()).count()
                    }
                    TextEvent::End => {}
                }
                Ok::<_, Error>(())
            })?;
            if characters < LEAST {
                let found =
                    format!("it has {} in {}", counted(characters, "character"), counted(pieces, "piece"));
                let reason =
                    format!("{found}, and {LEAST} characters are the least that the lecture learns from");
                return Err(Error::Malformed { path: path.to_owned(), reason });
            }
            Source::of(path)
        }
        _ => {
            let reason = format!("it {found}, and the lecture learns from tunes (ABC) or a text");
            Err(Error::Malformed { path: path.to_owned(), reason })
        }
    }
}

/// Refuses a folder with files that are no lecture's.
fn refuse_foreign(out: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(out) else { return Ok(()) };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let names: Vec<String> = names.collect();
    match names.first() {
        Some(found) if !names.iter().any(|name| name == MARK) => {
            Err(Error::FolderInUse { path: out.to_owned(), found: found.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(minutes: f64) -> Settings {
        Settings { file: None, out: "lecture".into(), minutes, only: Vec::new(), seed: 1, threads: 1 }
    }

    #[test]
    fn each_statement_has_an_experiment() {
        assert!(EXPERIMENTS.iter().map(|experiment| experiment.id).eq(Id::ALL));
    }

    #[test]
    fn trainings_of_one_name_are_one_and_their_recipes_are_read() {
        let mut known: Vec<Training> = Vec::new();
        for experiment in &EXPERIMENTS {
            for training in (experiment.trainings)(&settings(10.0)).unwrap() {
                let mut recipe = training.recipe(1).unwrap();
                if recipe.data.builtin.is_none() {
                    recipe.data.train = Some("made".into());
                }
                recipe.validate().unwrap();
                recipe.refuse_unread().unwrap();
                // As flags of a command line each must have an effect.
                for (field, _) in &training.fields {
                    recipe
                        .refuse_field(field)
                        .unwrap_or_else(|refused| panic!("{}: {refused}", training.name));
                }
                match known.iter().find(|other| other.name == training.name) {
                    Some(other) => assert_eq!(*other, training, "{}", experiment.id),
                    None => known.push(training),
                }
            }
        }
        assert!(known.len() > 20);
    }

    #[test]
    fn experiments_are_sized_by_the_minutes_alone() {
        let steps = |minutes: f64| {
            let all =
                EXPERIMENTS.iter().flat_map(|experiment| (experiment.trainings)(&settings(minutes)).unwrap());
            all.map(|training| training.recipe(1).unwrap().training.steps.unwrap()).sum::<u64>()
        };
        let (full, fifth) = (steps(10.0), steps(2.0));
        assert!((full as f64 / fifth as f64 - 5.0).abs() < 0.01, "{full} {fifth}");
        assert!(Effort(1e-9).steps(1_000) > 0);
    }
}

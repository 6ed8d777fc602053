//! What experiments work with: trainings that are kept, a clock, and someone who watches.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Effort, Event, Id, Settings};
use crate::model::Compute;
use crate::recipe::{Field, Precision, Recipe};
use crate::run::atomic::write_atomic;
use crate::run::{Run, Source};
use crate::training::{self, Budget, Ended};
use crate::{Device, Error, Result};

/// The folder of trainings in that of a lecture.
const RUNS: &str = "runs";

/// A training that chapters need; those that need one of the same name share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The name of its run.
    pub name: &'static str,
    /// Its optimizer steps.
    pub steps: u64,
    /// About how long it takes on two cores.
    seconds: f64,
    /// The fields of its recipe that are set, and their values.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The file that it learns from, where that is made for it.
    made: Option<Made>,
}

/// A file that is made for a training: its name, and what makes its text.
type Made = (&'static str, fn() -> String);

/// Fields of a recipe that are set, and their values.
pub type Fields = &'static [(&'static str, &'static str)];

impl Training {
    /// A training of so many steps that sets these fields; it takes about `seconds` on two cores. All else is as in any training, but
    /// that it always comes to its last step.
    pub fn new(
        name: &'static str,
        steps: u64,
        seconds: f64,
        fields: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.push(("training.steps", steps.to_string()));
        Self { name, steps, seconds, fields, made: None }
    }

    /// A training on a file that is made for it.
    pub fn on(self, file: &'static str, text: fn() -> String) -> Self {
        Self { made: Some((file, text)), ..self }
    }

    /// The value of a field that is set.
    fn setting(&self, field: &str) -> Option<String> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.clone())
    }

    /// The flag of a command line that names its built-in data; none where it learns from a file that is made.
    pub fn builtin(&self) -> Option<String> {
        self.setting("data.builtin").map(|builtin| format!("--builtin {builtin}"))
    }

    /// The recipe. It does not hang on the machine: products are in single precision.
    pub fn recipe(&self, seed: u32) -> Result<Recipe> {
        let mut recipe = Recipe::for_settings(|field| self.setting(field));
        for (field, value) in &self.fields {
            recipe.set(field, value)?;
        }
        let training = &mut recipe.training;
        let steps = training.steps.unwrap_or(1);
        (training.seed, training.precision, training.patience) = (seed, Precision::F32, 0);
        if self.setting("training.validate_every").is_none() {
            training.validate_every = steps.div_ceil(10);
        }
        training.checkpoint_every = steps.div_ceil(4);
        Ok(recipe)
    }

    /// The command that trains so on `data`, which is a path, or a flag such as `--builtin tunes`.
    pub fn command(&self, data: &str) -> String {
        let mut command = format!("anaphora train {data}");
        for (path, value) in &self.fields {
            if matches!(*path, "data.builtin" | "data.train" | "training.validate_every") {
                continue;
            }
            let flag = if *path == "task" { Some("task") } else { flag(path) };
            let value = if value.contains(' ') { format!("\"{value}\"") } else { value.clone() };
            // A switch takes no value on a command line.
            let is_switch = matches!(value.as_str(), "true" | "false");
            command += &match flag.filter(|_| !is_switch) {
                Some(flag) => format!(" --{flag} {value}"),
                None => format!(" --set {path}={value}"),
            };
        }
        format!("{command} --out runs/{}", self.name)
    }
}

/// The flag of a recipe's field.
fn flag(path: &str) -> Option<&'static str> {
    Field::find(path).ok()?.flag.map(|flag| flag.name)
}

/// A place to work in.
pub struct Lab<'a> {
    /// What was asked for.
    pub settings: &'a Settings,
    /// How much is to be tried.
    pub effort: Effort,
    trainings: Vec<Training>,
    observer: &'a mut dyn FnMut(&Event) -> ControlFlow<()>,
    chapter: Id,
    clock: Clock,
}

/// What is done and what is left, in seconds as planned.
struct Clock {
    started: Instant,
    /// Planned for all that is to be done.
    planned: f64,
    /// Planned for what is done.
    done: f64,
}

impl Clock {
    /// The share that is done, with `part` more seconds, and how long the rest will take at the speed so far; unknown at the beginning.
    fn at(&self, part: f64) -> (f64, Option<Duration>) {
        let done = self.done + part;
        let share = if self.planned > 0.0 { (done / self.planned).min(1.0) } else { 1.0 };
        let elapsed = self.started.elapsed().as_secs_f64();
        let left = elapsed * (self.planned - done).max(0.0) / done;
        let known = share > 0.02 || elapsed > 10.0;
        (share, known.then(|| Duration::try_from_secs_f64(left).ok()).flatten())
    }
}

impl<'a> Lab<'a> {
    /// A place for `chapters` that need `trainings`; the chapters' own work is planned to take `seconds`.
    pub fn new(
        settings: &'a Settings,
        trainings: Vec<Training>,
        seconds: f64,
        observer: &'a mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Self {
        let planned = seconds + trainings.iter().map(|training| training.seconds).sum::<f64>();
        let clock = Clock { started: Instant::now(), planned, done: 0.0 };
        Self { settings, effort: settings.effort(), trainings, observer, chapter: Id::Ball, clock }
    }

    /// Turns to a chapter.
    pub fn turn_to(&mut self, chapter: Id) {
        self.chapter = chapter;
    }

    /// Counts planned seconds as done.
    pub fn done(&mut self, seconds: f64) {
        self.clock.done += seconds;
    }

    /// Passes an event on.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the observer breaks.
    pub fn tell(&mut self, event: &Event) -> Result<()> {
        match (self.observer)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        }
    }

    /// Says what is done now, of which so many planned seconds are over.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the observer breaks.
    pub fn progress(&mut self, what: &str, part: f64) -> Result<()> {
        let (done, left) = self.clock.at(part);
        self.tell(&Event::Progress { chapter: self.chapter, what, done, left })
    }

    /// The folder of a lecture's run.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.settings.out.join(RUNS).join(name)
    }

    /// A file beside the runs, for data that are made.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.settings.out.join(RUNS).join(name);
        // What is there is not touched: a run that goes on looks whether its data are the same.
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(path);
        }
        create(path.parent().unwrap_or(Path::new(".")))?;
        write_atomic(&path, |writer| std::io::Write::write_all(writer, text.as_bytes()))?;
        Ok(path)
    }

    /// The device that all compute on.
    pub fn compute(&self) -> Compute {
        let (threads, _) = training::threads(self.settings.threads);
        Compute::new(Device::new(threads, crate::Precision::F32))
    }

    /// Does the training of a name, where it is not done, and gives its folder.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the observer breaks: the training is saved and goes on from there the next time. Those of a
    /// training.
    pub fn run(&mut self, name: &str) -> Result<PathBuf> {
        let planned = self.trainings.iter().position(|training| training.name == name);
        // A training is taken off the plan when it is done.
        let Some(planned) = planned else { return Ok(self.folder(name)) };
        let training = self.trainings[planned].clone();
        self.train(&training)?;
        self.trainings.remove(planned);
        self.done(training.seconds);
        Ok(self.folder(name))
    }

    fn train(&mut self, planned: &Training) -> Result<()> {
        let folder = self.folder(planned.name);
        let mut recipe = planned.recipe(self.settings.seed)?;
        if let Some((file, text)) = planned.made {
            recipe.data.train = Some(self.file(file, &text())?);
        }
        let mut wanted = recipe.to_toml()?;
        if let Some(path) = &recipe.data.train {
            // A file may have changed under its name.
            let source = Source::of(path)?;
            wanted += &format!("# {} bytes, CRC-32 {}\n", source.bytes, source.crc32);
        }
        recipe.training.threads = self.settings.threads;
        let note = folder.with_extension("toml");
        let is_wanted = fs::read_to_string(&note).is_ok_and(|text| text == wanted);
        let there = Run::open(&folder).ok().filter(|_| is_wanted);
        if there.as_ref().is_some_and(|run| run.info().ended.is_some()) {
            return Ok(());
        }
        let what = format!("training {}", planned.name);
        self.progress(&what, 0.0)?;
        let steps = recipe.training.steps.unwrap_or(1) as f64;
        let observer = &mut |event: &training::Event| {
            let training::Event::Step(step) = event else { return ControlFlow::Continue(()) };
            let part = planned.seconds * step.step as f64 / steps;
            match self.progress(&what, part) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let outcome = if there.is_some() {
            crate::resume(&folder, Budget::default(), observer)?
        } else {
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
            }
            create(&folder)?;
            write_atomic(&note, |writer| std::io::Write::write_all(writer, wanted.as_bytes()))?;
            crate::train(&recipe, &folder, observer)?
        };
        if outcome.ended == Ended::Stopped { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Makes a folder, and those around it.
pub fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))
}

//! Trainings.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anaphora::Run;
use anaphora::run::{DATA, Kept, Names};
use anaphora::tasks::{Asked, Base, Setting};
use anaphora::training::{Budget, Event};
use pyo3::prelude::*;

use crate::recipe::{Recipe, Set, set, spell};
use crate::value::to_python;
use crate::work::{Caller, work, work_on};

/// The recipe that a training starts from.
#[derive(FromPyObject)]
pub enum Start {
    /// An object.
    Recipe(Py<Recipe>),
    /// A file.
    File(PathBuf),
}

/// Data that lie in no file of the caller's: what sets them and the field of the recipe, the file or folder that they were written to,
/// and what the caller knows them as.
type Given = (String, String, PathBuf, String);

/// Who is told of a training: a function of events, which ends it by False, and a function that takes notes while there is no other.
struct Listener<'a> {
    on_event: Option<&'a Py<PyAny>>,
    note: &'a Py<PyAny>,
    names: &'a Names,
}

/// Trains, and returns the run folder: `data` is what to learn from, a path; `given` are data that are kept in the run, which is called
/// `stem` where no folder is named.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are what the package's function takes")]
pub fn train(
    py: Python,
    data: Option<PathBuf>,
    given: Vec<Given>,
    stem: &str,
    base: Option<Start>,
    from_: Option<PathBuf>,
    settings: Vec<Set>,
    out: Option<PathBuf>,
    on_event: Option<Py<PyAny>>,
    note: Py<PyAny>,
) -> PyResult<PathBuf> {
    let base = base.map(|base| match base {
        Start::File(path) => Base::File(path),
        Start::Recipe(recipe) => Base::Recipe(Box::new(recipe.get().0.clone())),
    });
    let mut asked = Asked { base, data, from: from_, settings: set(settings) };
    let keeps = (!given.is_empty()).then(|| out.clone().unwrap_or_else(|| Run::default_path("runs", stem)));
    let mut names = Names::new();
    for (run, (by, field, path, name)) in
        keeps.iter().flat_map(|run| given.iter().map(move |given| (run, given)))
    {
        let kept = run.join(DATA).join(path.file_name().unwrap_or_default());
        names.add(&kept, name);
        match &**field {
            "data.train" => asked.data = Some(kept),
            _ => {
                let (by, field, value) = (by.clone(), field.clone(), kept.display().to_string());
                asked.settings.push(Setting { by, field, value });
            }
        }
    }
    let listener = Listener { on_event: on_event.as_ref(), note: &note, names: &names };
    work_on(py, &names, |caller| {
        let observer = &mut |event: &Event| listener.hear(caller, event);
        let kept = keeps.map(Kept::new).transpose()?;
        for (kept, (_, _, path, _)) in
            kept.iter().flat_map(|kept| given.iter().map(move |given| (kept, given)))
        {
            kept.copy(path)?;
        }
        let recipe = asked.recipe(&spell, &mut |text| _ = observer(&Event::Note(text)))?;
        recipe.validate()?;
        asked.refuse_unread(&recipe)?;
        let folder = match (&kept, &out) {
            (Some(kept), _) => kept.run().to_owned(),
            (None, Some(out)) => out.clone(),
            (None, None) => Run::default_for(&recipe)?,
        };
        match &asked.from {
            Some(from) => anaphora::fine_tune(&recipe, from, &folder, observer)?,
            None => anaphora::train(&recipe, &folder, observer)?,
        };
        Ok(folder)
    })
}

/// Goes on with the training of a run, to the end that its recipe sets or for so much more.
#[pyfunction]
pub fn resume(
    py: Python,
    run: PathBuf,
    steps: Option<u64>,
    epochs: Option<f64>,
    minutes: Option<f64>,
    on_event: Option<Py<PyAny>>,
    note: Py<PyAny>,
) -> PyResult<()> {
    let names = Names::new();
    let listener = Listener { on_event: on_event.as_ref(), note: &note, names: &names };
    work(py, |caller| {
        let budget = Budget { steps, epochs, minutes };
        anaphora::resume(&run, budget, &mut |event| listener.hear(caller, event)).map(|_| ())
    })
}

impl Listener<'_> {
    fn hear(&self, caller: &Caller, event: &Event) -> ControlFlow<()> {
        if matches!(event, Event::Started(_)) {
            caller.saves();
        }
        let tell = |py: Python| match (self.on_event, event) {
            (Some(on_event), event) => {
                let Some(mut event) = event.to_json() else { return Ok(true) };
                self.names.rename(&mut event);
                let answer = on_event.bind(py).call1((to_python(py, &event)?,))?;
                Ok(!answer.is(pyo3::types::PyBool::new(py, false)))
            }
            (None, Event::Note(text)) => self.note.bind(py).call1((self.names.say(text),)).map(|_| true),
            _ => Ok(true),
        };
        match (self.on_event, event) {
            (Some(_), Event::Preparing { .. }) => caller.flow(),
            (None, event) if !matches!(event, Event::Note(_)) => caller.flow(),
            _ => caller.ask(tell),
        }
    }
}

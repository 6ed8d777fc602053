//! What a person, or a program, sees of a training.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use anaphora::Run;
use anaphora::recipe::{Backbone, Task};
use anaphora::run::{Score, spoken};
use anaphora::training::{DataSize, Ended, Event, Outcome, Setup, Step};
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::output::{clock, counted, grouped, print_json};
use crate::progress::Progress;
use crate::{interrupt, output};

/// Steps between two lines of JSON.
const JSON_EVERY: u64 = 10;

/// Steps over which the loss is smoothed.
const SMOOTHING: f64 = 20.0;

/// Runs a training and shows it; `train` does it, as [`anaphora::train`] would. Ctrl-C ends it cleanly.
pub fn show(
    run: &Path,
    json: bool,
    train: impl FnOnce(&mut dyn FnMut(&Event) -> ControlFlow<()>) -> anaphora::Result<Outcome>,
) -> Result<Outcome> {
    let interrupted = interrupt::watch("Stopping after this step, to save.")?;
    let mut broken = None;
    let mut person = Person { progress: Progress::new(json), loss: 0.0, seen: 0.0, best: None };
    let outcome = train(&mut |event| {
        if !json {
            person.see(event);
        } else if let Some(Err(failure)) = as_json(event).map(|object| print_json(&object)) {
            // Nobody reads on: there is no use in going on either.
            broken = Some(failure);
        }
        let stop = broken.is_some() || interrupted.load(Ordering::Relaxed);
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(person);
    if let Some(failure) = broken {
        return Err(failure);
    }
    let outcome = match outcome {
        Err(stopped @ anaphora::Error::Stopped) => {
            output::tell(&format!("anaphora: {stopped}"));
            return Err(Failure::Interrupted);
        }
        outcome => outcome?,
    };
    if json {
        print_json(&json!({
            "event": "ended",
            "run": run,
            "reason": match outcome.ended {
                Ended::Budget => "budget",
                Ended::NoProgress => "no progress",
                Ended::Stopped => "stopped",
            },
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "best": outcome.best,
        }))?;
    }
    Ok(outcome)
}

struct Person {
    progress: Progress,
    /// The training loss, smoothed.
    loss: f64,
    /// Steps seen.
    seen: f64,
    /// The best value of what chooses the weights.
    best: Option<f64>,
}

impl Person {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Preparing { done, total } => {
                let line =
                    || format!("preparing {} of {} weights", grouped(*done as u64), grouped(*total as u64));
                self.progress.update(line);
            }
            Event::Started(start) => {
                let known = Run::open(start.folder).ok().and_then(|run| run.info().best.clone());
                self.best = known.map(|best| best.criterion().1);
                self.progress.tell(&introduction(start));
            }
            Event::Step(step) => {
                self.seen += 1.0;
                self.loss += (f64::from(step.loss) - self.loss) / self.seen.min(SMOOTHING);
                let loss = self.loss;
                self.progress.update(|| line(step, loss));
            }
            Event::Validated { step, validation, best } => {
                let (criterion, value) = validation.criterion();
                let verdict = match self.best {
                    _ if *best => " (best so far)".to_owned(),
                    Some(known) => format!(" (best {known:.3})"),
                    None => String::new(),
                };
                if *best {
                    self.best = Some(value);
                }
                // The verdict stands behind the score that chooses the weights.
                let said = |(name, score): (&str, f64)| {
                    let verdict = if name == criterion { &*verdict } else { "" };
                    format!("{} {score:.3}{verdict}", spoken(name))
                };
                let all = [("loss", validation.loss)].into_iter().chain(validation.scores.iter().copied());
                let scores: Vec<String> = all.map(said).collect();
                let step = grouped(*step);
                self.progress.tell(&format!("step {step:>6}  validation {}", scores.join(", ")));
            }
            Event::Note(note) => self.progress.tell(&format!("Note: {note}.")),
        }
    }
}

/// What is learnt, by what, and where it goes.
fn introduction(start: &Setup) -> String {
    let Setup { recipe, data: described, .. } = start;
    let (model, data) = (&recipe.model, &recipe.data);
    let source = match (&data.train, data.builtin) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(builtin)) => format!("the built-in {builtin}"),
        (None, None) => "nowhere".to_owned(),
    };
    let backbone = match model.backbone {
        Backbone::Window => format!("window of {}", model.window),
        Backbone::Transformer => format!("transformer, {}", counted(model.heads(), "head")),
        recurrent => recurrent.to_string(),
    };
    // Frames are numbers already.
    let input = match model.embedding_size() {
        _ if !start.task.continues() && !matches!(described.unit, "token" | "word") => String::new(),
        0 => ", one-hot input".to_owned(),
        size => format!(", embedding {}", grouped(size as u64)),
    };
    let layers = counted(model.layers, "layer");
    let units = counted(model.hidden_size, "unit");
    let size = |size: DataSize| {
        format!("{}, {}", counted(size.examples, described.example), counted(size.units, described.unit))
    };
    let rows = [
        ("task", format!("{}, from {source}", start.task)),
        ("learn", size(described.train)),
        ("validate", size(described.validation)),
        (if start.task.continues() { "vocabulary" } else { "reads" }, described.maps.clone()),
        ("model", format!("{backbone}, {layers} of {units}{input}")),
        ("size", counted(start.parameters, "parameter")),
        ("compute", format!("{}, {}", start.precision, counted(start.threads, "thread"))),
        ("run", start.folder.display().to_string()),
    ];
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
    if start.step > 0 {
        text.push_str(&format!("{:<12}after step {}\n", "resumed", grouped(start.step)));
    }
    text + "Ctrl-C saves and stops."
}

/// Where a training stands.
fn line(step: &Step, loss: f64) -> String {
    let end = step.end.map(|end| format!("/{}", grouped(end))).unwrap_or_default();
    let time = match step.remaining {
        Some(remaining) => format!("{} left", clock(remaining.as_secs_f64())),
        None => format!("{} so far", clock(step.seconds)),
    };
    let speed = grouped(step.tokens_per_second.round() as u64);
    format!("step {:>6}{end}  epoch {:.2}  loss {loss:.3}  {speed}/s  {time}", grouped(step.step), step.epoch)
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%~".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Says how it ended and what to do next.
pub fn summarise(run: &Path, outcome: &Outcome) {
    let task = Run::open(run).map(|run| run.info().task);
    let is = |of: fn(Task) -> bool| task.as_ref().is_ok_and(|&task| of(task));
    let continues = is(Task::continues);
    let (steps, run) = (counted(outcome.steps as usize, "step"), quoted(run));
    let time = clock(outcome.seconds);
    let ended = match outcome.ended {
        Ended::Stopped => format!("Stopped and saved after {steps}"),
        Ended::Budget => format!("Done: {steps} in {time}"),
        Ended::NoProgress => {
            format!("Done: the validation loss no longer falls, after {steps} in {time}")
        }
    };
    let next = match outcome.ended {
        Ended::Stopped => format!("Go on with     anaphora resume {run}"),
        _ if continues || is(Task::composes) => format!("Write with     anaphora generate {run}"),
        // It goes on with what was learnt from.
        _ if is(|task| task == Task::Forecast) => format!("Predict with   anaphora predict {run}"),
        _ => format!("Predict with   anaphora predict {run} FILE"),
    };
    let best = outcome.best.as_ref().map_or_else(String::new, |Score { step, loss, scores }| {
        let others: String =
            scores.iter().map(|(name, score)| format!(", {} {score:.3}", spoken(name))).collect();
        let bits = loss / std::f64::consts::LN_2;
        let loss =
            if continues { format!("{loss:.3} nats ({bits:.3} bits) a token") } else { format!("{loss:.3}") };
        format!("\nBest validation at step {}: loss {loss}{others}", grouped(*step))
    });
    output::tell(&format!("{ended}{best}\n{next}"));
}

/// An event as JSON; none for most of the steps.
fn as_json(event: &Event) -> Option<Value> {
    match event {
        Event::Step(step) if !step.step.is_multiple_of(JSON_EVERY) => None,
        event => event.to_json(),
    }
}

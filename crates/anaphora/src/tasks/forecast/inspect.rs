//! Looking into models of series.

use std::ops::Range;

use anaphora_data::error::counted;
use anaphora_data::series::{Collection, Origin};

use super::{Ends, Forecaster, WindowAt};
use crate::inspect::{Curves, Cut, Inspection, Original, Request, Says, Source, Times, View};
use crate::model::Compute;
use crate::model::forecast::{Interface, Prepared, sample};
use crate::tasks::shared::{Input, Looked, Names, Split, Subject, look, malformed_at};
use crate::{Error, Result, Run};

/// Frames of a window after each of which the forecast is made again, at most.
const PREFIXES: usize = 512;
/// Windows from whose forecasts gradients are followed back, at most.
pub(in crate::tasks) const FOLLOWED: usize = 64;

impl Forecaster {
    /// Looks into a model that was opened for it, while it reads the window before one of some origins; `others` are windows from
    /// whose forecasts gradients are followed back.
    pub(in crate::tasks) fn inspect(
        &self,
        compute: &mut Compute,
        request: &Request,
        collection: &Collection,
        [origins, others]: [&[Origin]; 2],
    ) -> Result<Inspection> {
        let Self { run, recipe, interface, model } = self;
        let mut inspection = Inspection::default();
        let Some(&origin) = origins.get(request.index) else {
            let count = counted(origins.len(), "place");
            let number = request.index + 1;
            let are = if origins.len() == 1 { "is" } else { "are" };
            return Err(Error::Inspect(format!(
                "there {are} {count} to forecast from, and number {number} was asked for"
            )));
        };
        let prepared = interface.prepare(collection)?;
        let names = Names {
            outputs: interface.output_names(),
            symbols: None,
            says: Says::Window,
            unit: "frame",
            is_each_step: false,
        };
        // Where nothing has come yet, there is a window but no truth.
        let has_come = origin.at + interface.chunk <= collection.steps(origin.member);
        let (batch, truth) = interface.window_at(&prepared, (origin, 0), has_come);
        let looked = Looked { batch, steps: None, text: None, notes: Vec::new() };
        let fresh = &|| interface.model(&recipe.model, u64::from(recipe.training.seed).into());
        let others: Vec<WindowAt> = others.iter().map(|&origin| (origin, 0)).collect();
        let others = (!others.is_empty()).then(|| interface.batch(&prepared, &others));
        let original = Some(Original::Curves(self.read_from(collection, origin)));
        let sounding = Vec::new();
        let subject = Subject { run, recipe, model, fresh, names, original, sounding };
        look(&mut inspection, subject, compute, request, (looked, truth), others)?;
        if request.wants(View::Forecast) {
            self.add_forecast(&mut inspection, compute, (collection, &prepared), origin)?;
        }
        Ok(inspection)
    }

    /// The window before an origin, all columns in their own units.
    fn read_from(&self, collection: &Collection, origin: Origin) -> Curves {
        let Interface { lookback, patch: [size, stride], .. } = self.interface;
        let (columns, begin) = (collection.columns(), origin.at - lookback);
        let first = lookback - size - (self.interface.frames() - 1) * stride;
        Curves {
            what: "each column in its own unit".into(),
            channels: collection.names.clone(),
            values: collection.members[origin.member].values[begin * columns..origin.at * columns].to_vec(),
            times: Times::Named {
                unit: match collection.members[origin.member].calendar {
                    Some(_) => "date",
                    None => "rows from where the forecast begins",
                },
                names: self.times(collection, origin, -(lookback as i64)..0),
            },
            cut: Cut { first, size, stride },
        }
    }

    /// What steps from an origin on, or before it, are called: their dates, or how far off they are.
    fn times(&self, collection: &Collection, origin: Origin, steps: Range<i64>) -> Vec<String> {
        let calendar = collection.members[origin.member].calendar;
        let date =
            |step: i64| calendar.and_then(|calendar| calendar.written((origin.at as i64 + step) as usize));
        let away = |step: i64| if step < 0 { step.to_string() } else { format!("+{}", step + 1) };
        steps.map(|step| date(step).unwrap_or_else(|| away(step))).collect()
    }

    /// Adds `forecast [ahead, channels, levels]`, what came as `came [ahead, channels]`, and how the forecast of the columns that
    /// are read together formed, `forecast.running [steps, at_once, read]`; all in the columns' own units.
    fn add_forecast(
        &self,
        inspection: &mut Inspection,
        compute: &mut Compute,
        (collection, prepared): (&Collection, &[Prepared]),
        origin: Origin,
    ) -> Result<()> {
        let Self { interface, model, .. } = self;
        let Interface { horizon, chunk, levels, .. } = interface;
        let columns = collection.columns();
        let member = &collection.members[origin.member];
        let forecast = interface.forecast(prepared, &[origin], Some((model, compute)))?;
        let ahead = self.times(collection, origin, 0..*horizon as i64);
        inspection.labels.insert("at_once".into(), ahead[..*chunk].to_vec());
        inspection.labels.insert("ahead".into(), ahead);
        inspection.labels.insert("levels".into(), levels.iter().map(f32::to_string).collect());
        let what = match levels.len() {
            1 => "forecast of each column in its own unit",
            _ => "quantiles of the forecast of each column in its own unit",
        };
        let shape = [*horizon, columns, levels.len()];
        inspection.add("forecast", &["ahead", "channels", "levels"], &shape, forecast, what);
        let (true_values, what) = match &member.truth {
            Some(truth) => (truth, "what came, without the noise of its measurement"),
            None => (&member.values, "what came, nothing where it is not known yet"),
        };
        let known = true_values.get(origin.at * columns..).unwrap_or_default();
        let mut came = known[..known.len().min(horizon * columns)].to_vec();
        came.resize(horizon * columns, f32::NAN);
        inspection.add("came", &["ahead", "channels"], &[*horizon, columns], came, what);
        inspection.labels.insert("read".into(), interface.names[..interface.width()].to_vec());
        if interface.frames() <= PREFIXES {
            let running = interface.running(prepared, (origin, 0), (model, compute))?;
            let shape = [interface.frames(), *chunk, interface.width()];
            let what = "the forecast as it would stand if the network had read no further";
            inspection.add("forecast.running", &["steps", "at_once", "read"], &shape, running, what);
        }
        if interface.per_origin() > 1 {
            inspection.notes.push(format!(
                "each column is forecast by itself; gates, gradients and what hangs on each step are those of {}",
                interface.names[0]
            ));
        }
        Ok(())
    }

    /// Looks into the model of a run.
    pub fn inspect_run(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
        let own = Self::open(run, None)?;
        let mut notes = Vec::new();
        let note = &mut |note: &str| notes.push(note.to_owned());
        let (collection, mut origins) = match &request.source {
            Source::HeldOut => {
                let (collection, origins, _) = own.scored(&Split::Validation, note)?;
                (collection, origins)
            }
            Source::File(path, _) => {
                let ends = own.ends(&[Input::File(path.clone())])?.into_iter().next();
                let Ends { collection, origins, notes } = ends.expect("of one file come one file's ends");
                notes.iter().for_each(|text| note(text));
                // The end, where nothing has come yet, and then so many steps before that all has that was forecast.
                let Interface { lookback, horizon, .. } = own.interface;
                let end = origins.first().map_or(0, |origin| origin.at);
                let before = (1..)
                    .map_while(|number| end.checked_sub(number * horizon))
                    .take_while(|&at| at >= lookback);
                let origins = [end].into_iter().chain(before).map(|at| Origin { member: 0, at }).collect();
                (collection, origins)
            }
            Source::Text(text) => {
                let reason = format!("'{text}' is no series; a file with one is needed");
                return Err(malformed_at("the text given".as_ref(), 0, reason));
            }
        };
        let windows = match &request.source {
            Source::HeldOut => sample(&origins, FOLLOWED),
            _ => {
                let known = own.interface.lookback..=collection.steps(0).saturating_sub(own.interface.chunk);
                sample(&known.map(|at| Origin { member: 0, at }).collect::<Vec<_>>(), FOLLOWED)
            }
        };
        origins.dedup();
        let mut inspection = own.inspect(compute, request, &collection, [&origins, &windows])?;
        inspection.notes.splice(0..0, notes);
        Ok(inspection)
    }
}

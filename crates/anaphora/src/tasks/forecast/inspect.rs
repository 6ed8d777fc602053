//! Looking into models of series.

use anaphora_data::error::counted;
use anaphora_data::series::{Collection, Origin};

use super::{Ends, Forecaster, WindowAt};
use crate::inspect::{Inspection, Request, Says, Source};
use crate::model::Compute;
use crate::model::forecast::sample;
use crate::tasks::shared::{Input, Looked, Names, Split, Subject, look, malformed_at};
use crate::{Error, Result, Run};

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
            return Err(Error::Inspect(format!(
                "there are {count} to forecast from, and number {number} was asked for"
            )));
        };
        let prepared = interface.prepare(collection)?;
        let names = Names {
            outputs: interface.output_names(),
            symbols: None,
            says: Says::Numbers,
            unit: "frame",
            is_each_step: false,
            picture: None,
        };
        // Where nothing has come yet, there is a window but no truth.
        let has_come = origin.at + interface.chunk <= collection.steps(origin.member);
        let (batch, truth) = interface.window_at(&prepared, (origin, 0), has_come);
        let looked = Looked { batch, steps: Some(interface.frame_names()), text: None, notes: Vec::new() };
        let fresh = &|| interface.model(&recipe.model, u64::from(recipe.training.seed).into());
        let others: Vec<WindowAt> = others.iter().map(|&origin| (origin, 0)).collect();
        let others = (!others.is_empty()).then(|| interface.batch(&prepared, &others));
        let subject = Subject { run, recipe, model, fresh, names };
        look(&mut inspection, &subject, compute, request, (looked, truth), others)?;
        Ok(inspection)
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
                (collection, origins)
            }
            Source::Text(text) => {
                let reason = format!("'{text}' is no series; name a file with --data");
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

//! The LSTM: forget, store, update, output; a cell state through which gradients flow.

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Axis, Drawing, Map, Picture, Series};
use super::{Data, Experiment, Settings, language};
use crate::inspect::{Inspection, Request, Source, View};
use crate::{Result, tasks};

pub const EXPERIMENT: Experiment =
    Experiment { id: Id::Gates, data: Data::file(), trainings, seconds: 4.0, hold };

/// Steps and units that are drawn.
const SHOWN: (usize, usize) = (100, 24);
/// Bars of a histogram.
const BINS: usize = 20;
/// The gates: array, name, and what is drawn of it.
const GATES: [(&str, &str); 3] = [("i", "input gate"), ("f", "forget gate"), ("o", "output gate")];
/// Areas by which the best unit has to be better than an untrained model's, on average.
const BETTER: f64 = 0.02;

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(vec![language::training(settings, language::LSTM)])
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Gates,
        "Gates",
        "An LSTM decides at each step what to forget, what to store and what to show. Its cell state keeps what is needed, and units come to track what matters.",
    );
    chapter.experiment = format!(
        "The LSTM that learnt {} reads a held-out piece. At each character its gates are between 0 (shut) and 1 (open), its cell state is \
         what it keeps. Then it reads some thousand characters, and each of its units is asked how well it tells properties that follow \
         from the text by rule: whether a character is a note, whether we are in the header or inside brackets, at a bar line, and so on. \
         The measure is the area under the ROC curve: 0.5 for a unit that knows nothing of it, 1 for one that tells it without fail. The \
         same is done with the same network before any training.",
        language::what(lab.settings)
    );
    chapter.reading = "In the heat maps time goes to the right and each row is a unit. A forget gate near 1 keeps its cell as it is; where it \
        falls, something is forgotten. Look for rows that change at line ends and bar lines. In the table, compare the last two columns: an \
        untrained network has units that react to the present character too, by chance, for it has many of them."
        .into();
    chapter.limits = "That a unit goes along with a property does not mean that the model uses it. The best of hundreds of units is better \
        than 0.5 by chance alone: that is why the untrained network stands beside it."
        .into();
    chapter.commands(
        language::commands(lab.settings, &[language::LSTM])
            .into_iter()
            .chain([format!("anaphora inspect runs/{} --show gates,units", language::LSTM)]),
    );
    let run = lab.run(language::LSTM)?;
    lab.progress("looking at gates", 0.0)?;
    let views = Some([View::Gates, View::Units].into());
    let request = Request { source: Source::HeldOut, index: 0, views };
    let inspection = tasks::inspect(&run, &mut lab.compute(), &request)?;
    let tracked = tracked(&inspection);
    if tracked.is_empty() {
        chapter.notes.push("The held-out text has none of the properties that units are asked for.".into());
    }
    let count = tracked.len() as f64;
    let mean = |of: fn(&Tracking) -> f64| tracked.iter().map(of).sum::<f64>() / count;
    let (own, untrained) = (mean(|one| one.area), mean(|one| one.untrained));
    chapter.figure("mean_best_area", own);
    chapter.figure("mean_best_area_untrained", untrained);
    for one in &tracked {
        chapter.figure(format!("best_area_{}", one.property.replace(' ', "_")), one.area);
        chapter.figure(format!("best_area_{}_untrained", one.property.replace(' ', "_")), one.untrained);
    }
    chapter.check(Check::at_least(
        "how much better the best unit tells a property than the best one of an untrained model, on average",
        own - untrained,
        BETTER,
        0.0,
    ));
    let mut histogram = Vec::new();
    for (name, label) in GATES {
        let Some(gate) = inspection.get(&format!("gates.l0.{name}")) else { continue };
        let values = &gate.values;
        let share = |is: &dyn Fn(f32) -> bool| {
            values.iter().filter(|value| is(**value)).count() as f64 / values.len().max(1) as f64
        };
        let key = label.replace(' ', "_");
        chapter.figure(format!("{key}_share_above_0_9"), share(&|value| value > 0.9));
        chapter.figure(format!("{key}_share_below_0_1"), share(&|value| value < 0.1));
        let mut bins = [0_usize; BINS];
        values.iter().for_each(|&value| bins[((value * BINS as f32) as usize).min(BINS - 1)] += 1);
        let point = |(at, &count): (usize, &usize)| {
            ((at as f64 + 0.5) / BINS as f64, count as f64 / values.len() as f64)
        };
        histogram.push(Series::new(label, bins.iter().enumerate().map(point)));
    }
    for (name, label, range) in
        [("f", "Forget gate", [0.0, 1.0]), ("i", "Input gate", [0.0, 1.0]), ("c", "Cell state", [-2.0, 2.0])]
    {
        if let Some(map) = lively(&inspection, &format!("gates.l0.{name}")) {
            let drawing = Drawing::Heat {
                rows: "unit".into(),
                columns: "character read".into(),
                maps: vec![map],
                range,
            };
            let caption = "The units that change most, over the first characters of a held-out piece.";
            chapter.pictures.push(Picture::new(label, caption, drawing));
        }
    }
    chapter.pictures.push(Picture::new(
        "How open gates are",
        "Share of all values, from shut to open.",
        Drawing::Lines {
            x: Axis::linear("gate"),
            y: Axis::linear("share of values"),
            series: histogram,
            equal: false,
        },
    ));
    let row = |one: &Tracking| {
        vec![
            one.property.clone(),
            one.unit.clone(),
            format!("{:.3}", one.area),
            format!("{:.3}", one.untrained),
        ]
    };
    chapter.pictures.push(Picture::new(
        "What units track",
        "The unit that tells each property best, and how well: area under the ROC curve, of this model and of an untrained one.",
        Drawing::Table {
            columns: ["property", "best unit", "area", "untrained"].map(str::to_owned).into(),
            rows: tracked.iter().map(row).collect(),
        },
    ));
    Ok(chapter)
}

/// How well a property is tracked.
struct Tracking {
    property: String,
    unit: String,
    area: f64,
    untrained: f64,
}

/// The best unit for each property that holds somewhere and not everywhere, the one that is gained most first.
fn tracked(inspection: &Inspection) -> Vec<Tracking> {
    let names = |axis: &str| inspection.labels.get(axis).cloned().unwrap_or_default();
    let (units, properties) = (names("tracked"), names("features"));
    let best = |prefix: &str, property: usize| -> Option<(usize, f64)> {
        let areas = &inspection.get(&format!("{prefix}units.auroc"))?.values;
        // A unit that is low where something holds tells it as well.
        let area = |unit: usize| f64::from(areas[unit * properties.len() + property]);
        let tells = |unit: usize| area(unit).max(1.0 - area(unit));
        (0..units.len()).map(|unit| (unit, tells(unit))).max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let mut all: Vec<Tracking> = properties
        .iter()
        .enumerate()
        .filter_map(|(at, property)| {
            let ((unit, area), (_, untrained)) = (best("", at)?, best("untrained.", at)?);
            // 0.5 for all units: it holds nowhere.
            (area > 0.5).then(|| Tracking {
                property: property.clone(),
                unit: units[unit].clone(),
                area,
                untrained,
            })
        })
        .collect();
    all.sort_by(|a, b| (b.area - b.untrained).total_cmp(&(a.area - a.untrained)));
    all
}

/// The units of an array `[steps, units]` that change most, a row each, over its first steps.
fn lively(inspection: &Inspection, name: &str) -> Option<Map> {
    let array = inspection.get(name)?;
    let [steps, units] = array.shape[..] else { return None };
    let shown = steps.min(SHOWN.0);
    let of = |unit: usize| (0..shown).map(move |step| array.values[step * units + unit]);
    let spread = |unit: usize| {
        let mean = of(unit).sum::<f32>() / shown as f32;
        of(unit).map(|value| (value - mean).powi(2)).sum::<f32>()
    };
    let mut order: Vec<usize> = (0..units).collect();
    order.sort_by(|&a, &b| spread(b).total_cmp(&spread(a)));
    order.truncate(SHOWN.1);
    let names = inspection.labels.get("steps").cloned().unwrap_or_default();
    Some(Map {
        name: String::new(),
        rows: order.iter().map(|unit| format!("unit {unit}")).collect(),
        columns: names.into_iter().take(shown).collect(),
        values: order.iter().map(|&unit| of(unit).collect()).collect(),
    })
}

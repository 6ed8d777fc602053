//! Forecasts as tables, objects and pictures.

use anaphora_data::error::counted;
use anaphora_data::series::{Collection, Cuts, Origin, Origins};
use serde_json::{Map, Value, json};

use crate::model::forecast::Interface;
use crate::plot::{Panel, digits};
use crate::tasks::shared::Prediction;
use crate::training::Shown;

/// Columns that are drawn at most.
const PANELS: usize = 8;
/// Lines of a series that are shown.
const LINES: usize = 12;

/// When a step is, or its number from 1.
pub fn when(collection: &Collection, member: usize, step: usize) -> String {
    let date = collection.members[member].calendar.and_then(|calendar| calendar.written(step));
    date.unwrap_or_else(|| (step + 1).to_string())
}

/// The first lines of a series as a table.
pub fn beginning(collection: &Collection, member: usize) -> Shown {
    let mut text = format!("step, {}", collection.names.join(", "));
    let rows = collection.members[member].values.chunks_exact(collection.columns());
    for (step, row) in rows.take(LINES).enumerate() {
        text += &format!("\n{}", when(collection, member, step));
        row.iter().for_each(|value| text += &format!(", {value}"));
    }
    Shown { text, ..Shown::default() }
}

/// How many steps of a series are read where nobody said it, and why.
pub fn lookback(collection: &Collection, lookback: usize, why: &str) -> String {
    let name = &collection.members[0].name;
    let (steps, are) = (counted(lookback, "step"), if lookback == 1 { "is" } else { "are" });
    format!("{name}: {steps} {are} read, {why}; series.lookback takes another number")
}

/// From when to when a series is learnt from, validated on and kept for a test, and how many windows of `columns` series each part has.
pub fn parts(collection: &Collection, cuts: &Cuts, origins: &Origins, columns: usize) -> String {
    let part = |from: usize, end: usize| {
        format!("{} to {}", when(collection, 0, from), when(collection, 0, end.saturating_sub(1)))
    };
    let windows = |origins: &[Origin]| counted(origins.len() * columns, "window");
    let mut text = format!(
        "{}: learnt from {} ({}), validated on {} ({})",
        collection.members[0].name,
        part(0, cuts.validation),
        windows(&origins.train),
        part(cuts.validation, cuts.test),
        windows(&origins.validation),
    );
    if cuts.test < cuts.end {
        text += &format!(", tested on {} ({})", part(cuts.test, cuts.end), windows(&origins.test));
    }
    if cuts.end < collection.steps(0) {
        text += &format!("; what follows {} is left alone", when(collection, 0, cuts.end - 1));
    }
    text
}

/// How many of the steps before a forecast are shown with it.
fn shown_before(interface: &Interface, at: usize) -> usize {
    let Interface { horizon, lookback, .. } = *interface;
    (2 * horizon).max(lookback).min(4 * horizon.max(24)).min(at)
}

/// A forecast `[horizon, columns, levels]` as a table and an object, in which the last steps that are known stand before it.
pub fn prediction(
    interface: &Interface,
    collection: &Collection,
    origin: Origin,
    forecast: &[f32],
) -> Prediction {
    let (names, levels) = (&interface.names, &interface.levels);
    let per_step = names.len() * levels.len();
    let heads = names.iter().flat_map(|name| {
        levels.iter().map(move |level| match levels.len() {
            1 => name.clone(),
            _ => format!("{name} {level}"),
        })
    });
    let heads: Vec<String> = heads.collect();
    let dates: Vec<String> = (0..forecast.len() / per_step)
        .map(|index| when(collection, origin.member, origin.at + index))
        .collect();
    let wide = dates.iter().map(String::len).max().unwrap_or(0).max("step".len());
    let mut text = format!("{:<wide$}", "step");
    heads.iter().for_each(|head| text += &format!("  {head:>10}"));
    let mut steps = Vec::new();
    for (when, values) in dates.iter().zip(forecast.chunks_exact(per_step)) {
        text += &format!("\n{when:<wide$}");
        for (head, value) in heads.iter().zip(values) {
            let width = head.chars().count().max(10);
            text += &format!("  {:>width$}", digits(*value));
        }
        let mut object = Map::from_iter([("step".to_owned(), json!(when))]);
        for (name, values) in names.iter().zip(values.chunks_exact(levels.len())) {
            object.insert(name.clone(), json!(values[interface.middle()]));
            if levels.len() > 1 {
                let quantiles: Map<String, Value> = levels
                    .iter()
                    .zip(values)
                    .map(|(level, value)| (level.to_string(), json!(value)))
                    .collect();
                object.insert(format!("{name}_quantiles"), Value::Object(quantiles));
            }
        }
        steps.push(Value::Object(object));
    }
    let member = &collection.members[origin.member];
    let known = |step: usize| {
        let values = member.values[step * names.len()..].iter().map(|value| json!(value));
        let when = ("step".to_owned(), json!(when(collection, origin.member, step)));
        Value::Object([when].into_iter().chain(names.iter().cloned().zip(values)).collect())
    };
    let history: Vec<Value> =
        (origin.at - shown_before(interface, origin.at)..origin.at).map(known).collect();
    let (input, from) = (&member.name, dates.first());
    Prediction::new(text, json!({ "input": input, "from": from, "history": history, "forecast": steps }))
}

/// A picture of a forecast, with what came where it is known: a panel a column.
pub fn panels(
    interface: &Interface,
    collection: &Collection,
    origin: Origin,
    forecast: &[f32],
) -> Vec<Panel> {
    let (columns, levels) = (collection.columns(), interface.levels.len());
    let Origin { member, at } = origin;
    let shown = shown_before(interface, at);
    let known = |range: std::ops::Range<usize>, column: usize| -> Vec<(f64, f64)> {
        let values = &collection.members[member].values;
        range.map(|step| (step as f64, values[step * columns + column].into())).collect()
    };
    let end = (at + interface.horizon).min(collection.steps(member));
    let panel = |column: usize| {
        let level = |level: usize| -> Vec<(f64, f64)> {
            let values = forecast.iter().skip(column * levels + level).step_by(columns * levels);
            values.enumerate().map(|(step, &value)| ((at + step) as f64, value.into())).collect()
        };
        Panel {
            title: collection.names[column].clone(),
            history: known(at - shown..at, column),
            truth: known(at..end.max(at), column),
            forecast: level(interface.middle()),
            band: (levels > 1).then(|| (level(0), level(levels - 1))),
            band_name: match (interface.levels.first(), interface.levels.last()) {
                (Some(low), Some(high)) => format!("quantiles {low} to {high}"),
                _ => String::new(),
            },
            steps: at - shown..at + interface.horizon,
            calendar: collection.members[member].calendar,
        }
    };
    (0..columns.min(PANELS)).map(panel).collect()
}

//! Attention is search: a query is compared with keys, and the values are taken by how well they fit.

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Drawing, Map, Picture};
use super::{Data, Experiment, Settings, language};
use crate::inspect::{Request, Source, View};
use crate::model::softmax;
use crate::{Result, Run, tasks};

pub const EXPERIMENT: Experiment =
    Experiment { id: Id::Search, data: Data::file(), trainings, seconds: 1.0, hold };

/// Where in a piece the query stands, and the keys that are listed.
const QUERY: usize = 96;
const LISTED: usize = 10;
/// Steps of the whole matrix that are drawn.
const DRAWN: usize = 64;

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(vec![language::training(settings, language::TRANSFORMER)])
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Search,
        "Attention is search",
        "Attention is a search: a query is compared with keys by their dot product, a soft-max makes weights of that, and the answer is the values, each by its weight.",
    );
    chapter.experiment = format!(
        "The Transformer that learnt {} reads a held-out piece. One of its characters is the query. All that stands before it are the keys. \
         From the vectors q and k as the model has them, the score q·k/√d of each pair is computed anew, and of these by soft-max the \
         weights; they are compared with the weights that the model itself worked with, for every head and every pair.",
        language::what(lab.settings)
    );
    chapter.reading = "The table lists the characters that the query found, best first: the score, the weight that the soft-max makes of \
        it, and how long the value is that is taken by that weight. Weights add up to 1. In the matrix each row is a query and what it looks \
        at; what comes later is hidden from it. The last heat map is what comes out: the values of the listed characters, each times its weight."
        .into();
    chapter.limits = "One head of one layer is shown, the one that is surest of what it looks for. A weight says where was looked, not what for; what \
        is taken passes through more layers before it becomes a prediction."
        .into();
    chapter.commands(
        language::commands(lab.settings, &[language::TRANSFORMER])
            .into_iter()
            .chain([format!("anaphora inspect runs/{} --show attention,search", language::TRANSFORMER)]),
    );
    let run = lab.run(language::TRANSFORMER)?;
    let layers = Run::open(&run)?.recipe()?.model.layers;
    lab.progress("searching", 0.0)?;
    let views = Some([View::Attention, View::Search].into());
    let request = Request { source: Source::HeldOut, index: 0, views };
    let inspection = tasks::inspect(&run, &mut lab.compute(), &request)?;
    let names = inspection.labels.get("steps").cloned().unwrap_or_default();
    let mut largest = 0.0_f64;
    let mut compared = 0_usize;
    // The head whose query is surest: block, head, entropy.
    let mut surest: Option<(usize, usize, f64)> = None;
    for block in 0..layers {
        let found = ["q", "k", "attention"].map(|name| inspection.get(&format!("{name}.b{block}")));
        let [Some(queries), Some(keys), Some(weights)] = found else { continue };
        let [heads, steps, size] = queries.shape[..] else { continue };
        let query = QUERY.min(steps - 1);
        for head in 0..heads {
            for step in 0..steps {
                let own = &weights.values[(head * steps + step) * steps..][..steps];
                let of =
                    |values: &[f32], step: usize| values[(head * steps + step) * size..][..size].to_vec();
                let mut again: Vec<f32> =
                    (0..=step).map(|key| score(&of(&queries.values, step), &of(&keys.values, key))).collect();
                softmax(&mut again);
                for (key, &known) in own.iter().enumerate() {
                    let again = again.get(key).copied().unwrap_or(0.0);
                    largest = largest.max(f64::from((again - known).abs()));
                    compared += 1;
                }
                if step == query && query > 0 {
                    let entropy = own
                        .iter()
                        .filter(|w| **w > 0.0)
                        .map(|&w| -f64::from(w) * f64::from(w).ln())
                        .sum::<f64>();
                    // Who looks at the query alone searches nothing.
                    let elsewhere = own[query] < 0.5;
                    if elsewhere && surest.is_none_or(|(_, _, least)| entropy < least) {
                        surest = Some((block, head, entropy));
                    }
                }
            }
        }
    }
    chapter.figure("largest_difference_of_weights", if compared > 0 { largest } else { f64::NAN });
    chapter.figure("weights_compared", compared as f64);
    let difference = if compared > 0 { largest } else { f64::NAN };
    chapter.check(Check::at_most(
        "difference between recomputed weights and the model's own",
        difference,
        1e-5,
        0.0,
    ));
    let (block, head, _) = surest.unwrap_or_default();
    let found = ["q", "k", "v", "attention"].map(|name| inspection.get(&format!("{name}.b{block}")));
    let [Some(queries), Some(keys), Some(values), Some(weights)] = found else { return Ok(chapter) };
    let [_, steps, size] = queries.shape[..] else { return Ok(chapter) };
    let width = values.shape[2];
    let query = QUERY.min(steps - 1);
    let row =
        |array: &[f32], step: usize, size: usize| array[(head * steps + step) * size..][..size].to_vec();
    let own = row(&weights.values, query, steps);
    let mut order: Vec<usize> = (0..=query).collect();
    order.sort_by(|&a, &b| own[b].total_cmp(&own[a]));
    order.truncate(LISTED);
    let asks = row(&queries.values, query, size);
    let length = |vector: &[f32]| vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let listed = order.iter().map(|&key| {
        let value = row(&values.values, key, width);
        vec![
            format!("{} in {}", shown(&names[key]), around(&names, key)),
            (query - key).to_string(),
            format!("{:.2}", score(&asks, &row(&keys.values, key, size))),
            format!("{:.3}", own[key]),
            format!("{:.2}", length(&value)),
        ]
    });
    chapter.figure("weight_of_the_best_key", order.first().map_or(f64::NAN, |&key| own[key].into()));
    let listed: Vec<Vec<String>> = listed.collect();
    chapter.pictures.push(Picture::new(
        format!("What {} in {} looks for", shown(&names[query]), around(&names, query)),
        format!("Layer {}, head {}: the keys that fit best.", block + 1, head + 1),
        Drawing::Table {
            columns: ["key", "characters back", "q·k/√d", "weight", "length of its value"]
                .map(str::to_owned)
                .into(),
            rows: listed,
        },
    ));
    let first = (query + 1).saturating_sub(DRAWN);
    let part: Vec<String> = names[first..=query].to_vec();
    let matrix = |step: usize| row(&weights.values, step, steps)[first..=query].to_vec();
    chapter.pictures.push(Picture::new(
        "The whole search",
        "Each row is a query, each column a key: the darker, the more is taken of it.",
        Drawing::Heat {
            rows: "query".into(),
            columns: "key".into(),
            maps: vec![Map {
                name: String::new(),
                rows: part.clone(),
                columns: part,
                values: (first..=query).map(matrix).collect(),
            }],
            range: [0.0, 1.0],
        },
    ));
    let weighted: Vec<Vec<f32>> = order
        .iter()
        .map(|&key| row(&values.values, key, width).iter().map(|value| value * own[key]).collect())
        .collect();
    let size = weighted.iter().flatten().fold(0.0_f32, |size, value| size.max(value.abs()));
    chapter.pictures.push(Picture::new(
        "What is taken",
        "The values of the listed keys, each times its weight; their sum is the answer.",
        Drawing::Heat {
            rows: "key".into(),
            columns: "number of the value".into(),
            maps: vec![Map {
                name: String::new(),
                rows: order.iter().map(|&key| format!("{} −{}", shown(&names[key]), query - key)).collect(),
                columns: Vec::new(),
                values: weighted,
            }],
            range: [-f64::from(size), f64::from(size)],
        },
    ));
    Ok(chapter)
}

/// The scaled dot product.
fn score(query: &[f32], key: &[f32]) -> f32 {
    let product: f32 = query.iter().zip(key).map(|(q, k)| q * k).sum();
    product / (query.len() as f32).sqrt()
}

/// With marks for blanks and for ends of lines, which names of symbols write as in code.
fn visible(text: &str) -> String {
    text.replace("\\n", "⏎").replace('\n', "⏎").replace(' ', "␣")
}

/// A symbol that can be seen.
fn shown(name: &str) -> String {
    format!("“{}”", visible(name))
}

/// A symbol among its neighbours.
fn around(names: &[String], at: usize) -> String {
    let part = &names[at.saturating_sub(4)..(at + 3).min(names.len())];
    format!("…{}…", visible(&part.concat()))
}

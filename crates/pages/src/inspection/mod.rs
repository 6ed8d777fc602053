//! The page of what a model did on one input.

mod attention;
mod embedding;
mod gates;
mod next;
mod pack;
mod text;
mod tune;

use std::collections::{BTreeMap, BTreeSet};

use anaphora::inspect::{Array, Inspection, View};
use serde::Serialize;
use serde_json::{Map, Value};

use self::attention::Attention;
use self::embedding::Embedding;
use self::gates::Plane;
use self::next::Next;
use self::pack::{Bits, Packed};
use self::text::{Pieces, shown_names};
use crate::chart::Tune;
use crate::frame::Page;
use crate::html::{tag, text as words};

/// Bytes of gates and states, of attention and of queries, keys and values in a page.
const ROOM: [usize; 3] = [2_200_000, 4_600_000, 2_000_000];

/// Numbers of an array that is shown as it is, at most; larger ones are of the views that make something smaller of them.
const PLAIN: usize = 1 << 18;

/// What the script reads of one inspection.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: String,
    about: Map<String, Value>,
    labels: BTreeMap<&'a str, Vec<String>>,
    not_shown: &'a BTreeMap<String, String>,
    /// The views that were asked for; none where no view was.
    #[serde(skip)]
    asked: Option<BTreeSet<View>>,
    /// How many steps were read.
    #[serde(skip)]
    steps: Option<usize>,
    /// The texts of the steps of each axis that is read.
    texts: BTreeMap<&'static str, Pieces>,
    next: Option<Next>,
    planes: Vec<Plane>,
    attention: Vec<Attention>,
    search: BTreeMap<String, Vec<Packed>>,
    embeddings: Vec<Embedding>,
    tune: Option<Tune>,
    /// All others, by their names.
    arrays: BTreeMap<&'a str, Packed>,
    /// The axes of all arrays.
    axes: BTreeMap<&'a str, &'a [String]>,
    /// What each of those in `arrays` is.
    descriptions: BTreeMap<&'a str, &'a str>,
    #[serde(skip)]
    notes: Vec<String>,
}

impl<'a> Shown<'a> {
    fn new(inspection: &'a Inspection, name: String, of: usize) -> Self {
        let [gates, mut matrices, mut products] = ROOM.map(|room| room / of);
        let mut notes = inspection.notes.clone();
        let planes = gates::planes(inspection, gates, &mut notes);
        let attention = attention::attention(inspection, &mut matrices, &mut notes);
        let search = attention::search(inspection, &mut products, &mut notes);
        let next = next::next(inspection);
        let embeddings = embedding::embeddings(inspection, &mut notes);
        let texts = text::of_axes(inspection);
        let tune = tune::tune(inspection);
        let mut arrays = BTreeMap::new();
        for (name, array) in inspection.arrays() {
            let is_elsewhere = planes.iter().any(|plane| plane.name() == name)
                || attention.iter().any(|attention| attention.name() == name)
                || search.contains_key(name)
                || (next.is_some() && ["logits", "tokens", "targets"].contains(&name))
                || embeddings.iter().any(|one| name.starts_with(one.name()))
                || array.axes.iter().any(|axis| axis == "head_dim")
                || name.contains("gradients.norms.");
            if is_elsewhere {
                continue;
            }
            if array.values.len() <= PLAIN {
                arrays.insert(name, Packed::new(&array.shape, &array.values, Bits::Sixteen));
            } else {
                notes.push(format!("{name} has {} numbers and is not in the page", array.values.len()));
            }
        }
        let asked = inspection.about.get("show").and_then(Value::as_array).map(|views| {
            views.iter().filter_map(|view| view.as_str()?.parse().ok()).collect::<BTreeSet<View>>()
        });
        let mut about = inspection.about.clone();
        // What the script has in another form.
        ["text", "source", "pieces", "notes", "problems", "abc"]
            .iter()
            .for_each(|part| drop(about.remove(*part)));
        Self {
            name,
            about,
            labels: inspection
                .labels
                .iter()
                .map(|(axis, names)| (&axis[..], shown_names(axis, names)))
                .collect(),
            not_shown: &inspection.not_shown,
            asked,
            steps: length(inspection, "steps"),
            texts,
            next,
            planes,
            attention,
            search,
            embeddings,
            tune,
            descriptions: inspection
                .arrays()
                .filter(|(name, _)| arrays.contains_key(name))
                .map(|(name, array)| (name, &array.description[..]))
                .collect(),
            axes: inspection.arrays().map(|(name, array)| (name, &array.axes[..])).collect(),
            arrays,
            notes,
        }
    }

    /// Whether there is something to see in a view, and it was not left out by asking for others.
    fn has(&self, view: View) -> bool {
        if self.asked.as_ref().is_some_and(|asked| !asked.contains(&view)) {
            return false;
        }
        let any = |part: &str| self.arrays.keys().any(|name| name.contains(part));
        match view {
            View::Input => ["input", "picture"].iter().any(|name| self.arrays.contains_key(name)),
            View::Forecast => self.arrays.contains_key("forecast"),
            View::Tune => self.tune.is_some(),
            View::Graph => self.about.contains_key("weights"),
            View::Next => self.next.is_some(),
            View::Gates => self.planes.iter().any(|plane| plane.name().contains("gates.")),
            View::Units => any("units.auroc"),
            View::Gradients => any("gradients."),
            View::Context => any("context.loss"),
            View::Attention => !self.attention.is_empty(),
            View::Search => !self.search.is_empty(),
            View::Embedding => !self.embeddings.is_empty(),
            View::Saliency => any("saliency") || any("running"),
            View::Bottleneck => any("bottleneck."),
            View::Speed => any("speed."),
        }
    }
}

/// The views in the order of the page: heading, how to read it, what it does not show.
const VIEWS: [(View, &str, &str); 15] = [
    (
        View::Tune,
        "The tune",
        "Each bar is a note; while it sounds, the page follows at the step that read it. A tune is played as it is written, repeats not followed; where frames of pitches were read, a pitch that goes on is one note.",
    ),
    (
        View::Input,
        "What it read",
        "The input in its own units, before the model's scale; a click moves the whole page to the step that read it. What is marked is what this step reads of it, not all that the model knows there; a model of dates reads the calendar beside it, and one that begins with convolutions a little around it.",
    ),
    (
        View::Forecast,
        "The forecast",
        "What was forecast beside what came, scaling undone; where the model forecasts quantiles, the bands lie between them. One window is a single case: evaluation scores many.",
    ),
    (
        View::Next,
        "What it expects next",
        "The stronger the shade of a token, the less the model expected it: it is its surprise, minus the logarithm of the probability that the model gave it. A low surprise says that the token was expected, not why.",
    ),
    (
        View::Graph,
        "The model, unrolled",
        "Each column is a step: what is read, the state, and what comes out and costs where something does; parts of one colour are the same matrix, used again at each step. The picture shows sizes and sharing, not the values of the weights.",
    ),
    (
        View::Gates,
        "Gates and states",
        "A row is a unit, a column a step; a click on a column moves the whole page to that step. A gate near 0 or 1 is decided, one in between lets a part through; that two units move together does not say that one drives the other.",
    ),
    (
        View::Units,
        "What units track",
        "The area under the ROC curve says how well the unit alone tells where a property of the text holds: 0.5 is chance, 1 without fail. An untrained model of the same shape stands beside it, as among many units some fit by chance; that a unit tells a property does not mean that the model uses it.",
    ),
    (
        View::Gradients,
        "How far gradients reach back",
        "The line is the median norm of the gradient of a loss with respect to a state so many steps earlier, the bands hold half and four fifths of all; a straight line on this axis is decay by the same factor at each step. A small gradient says that a small change there would hardly matter, not that nothing was kept.",
    ),
    (
        View::Context,
        "How much of the past it uses",
        "The mean loss when the model sees only the last so many symbols: where the line is flat, more past does not help it. A model that was never trained with so little past may do worse there than one that was.",
    ),
    (
        View::Attention,
        "Attention",
        "A row is a query, a column a key, each row sums to one; shades go by the square root, so that small weights can be seen. Where a head looks is not yet what it takes from there: that is the value's part.",
    ),
    (
        View::Search,
        "Attention as search",
        "The chosen token's query is compared with each key by their dot product over √d; the soft-max turns the scores into weights, and the weighted sum of the values is what the head passes on. What becomes of it behind the head is not shown.",
    ),
    (
        View::Embedding,
        "The embedding",
        "Each symbol's row on the plane in which rows differ most; a choice marks the nearest by cosine in the whole space. Two dimensions hold a part of the distances only: trust the list of neighbours before the picture.",
    ),
    (
        View::Saliency,
        "What the answer hangs on",
        "Gradient × input: what is orange, or above zero, pushes towards what the model says, what is blue, or below, against it. Curves under it, where there are some, show what the model would say if the sequence ended at each step. It is a linear account around this very input, which a large change may prove wrong.",
    ),
    (
        View::Bottleneck,
        "The bottleneck",
        "The score of what is written by the length of what was read. Longer inputs are also rarer and harder, so a fall is not the bottleneck's alone: compare runs with and without attention.",
    ),
    (
        View::Speed,
        "Time",
        "The time of a training step for each token, by the length of the sequences, a line for each number of threads; a step has as many tokens whatever their length. Steps of a recurrent layer wait for each other, those of attention do not; other work on the machine shows here too.",
    ),
];

/// The graph of a model that is no recurrence: its heading and caption.
const STACK: (&str, &str) = (
    "The model",
    "From what is read, below, to what is said, above; parts of one colour have the same form, each with weights of its own, and every step goes through all of them. How steps see each other is not shown here: that is what attention does.",
);

/// The page of what one or several models did on one input; where a view can, it lays them over each other.
pub fn inspection(inspections: &[Inspection]) -> String {
    let names = names(inspections);
    let mut shown: Vec<Shown> = inspections
        .iter()
        .zip(names)
        .map(|(inspection, name)| Shown::new(inspection, name, inspections.len()))
        .collect();
    // All of them have read the same, and a sound is large.
    shown.iter_mut().skip(1).for_each(|one| one.tune = None);
    let mut page = Page::new(format!(
        "Inside {}",
        shown.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    ));
    for one in &shown {
        let of = |key: &str| one.about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut facts = vec![("run", of("run")), ("task", of("task")), ("backbone", of("backbone"))];
        let weights = weights(&one.about);
        if weights > 0 {
            facts.push(("weights", grouped(weights)));
        }
        if let Some(steps) = one.steps {
            facts.push(("steps", format!("{} (one {} each)", grouped(steps), of("unit"))));
        }
        page.facts(&facts);
        let prefix = if shown.len() > 1 { format!("{}: ", one.name) } else { String::new() };
        let notes: Vec<String> = one.notes.iter().map(|note| sentence(&format!("{prefix}{note}"))).collect();
        page.notes(&notes);
    }
    page.push(tag("div", &[("class", "chart"), ("data-view", "run")], []));
    for (kind, heading, caption) in VIEWS {
        let is_stack = kind == View::Graph && shown.iter().all(|one| is_stack(&one.about));
        let (heading, caption) = if is_stack { STACK } else { (heading, caption) };
        if shown.iter().any(|one| one.has(kind)) {
            let name = kind.to_string();
            page.section(name.clone(), heading);
            view(&mut page, &name, caption);
            if kind == View::Units {
                shown.iter().filter_map(measured).for_each(|sentence| page.paragraph(&sentence));
            }
        }
    }
    let mut missing = BTreeMap::new();
    for one in &shown {
        for (view, reason) in one.not_shown {
            missing.entry(view).or_insert(reason);
        }
    }
    missing.retain(|view, _| !shown.iter().any(|one| view.parse::<View>().is_ok_and(|view| one.has(view))));
    if !missing.is_empty() {
        page.section("missing", "What is not shown");
        let items = missing.iter().flat_map(|(view, reason)| {
            [tag("dt", &[], [words(view)]), tag("dd", &[], [words(&sentence(reason))])]
        });
        page.push(tag("dl", &[("class", "missing")], items.collect::<Vec<_>>()));
    }
    page.inspections(&shown);
    page.write()
}

/// Some views of one inspection, for a page that is about more than it.
pub(crate) fn part(page: &mut Page, inspection: &Inspection, views: &[(&str, &str)]) {
    let inspections = std::slice::from_ref(inspection);
    let shown = Shown::new(inspection, names(inspections).concat(), 1);
    views.iter().for_each(|(name, caption)| view(page, name, caption));
    page.inspections(&[shown]);
}

/// A place for a view, with its caption.
fn view(page: &mut Page, name: &str, caption: &str) {
    let drawn = tag("div", &[("class", "chart"), ("data-view", name)], []);
    page.push(tag("figure", &[], [drawn, tag("figcaption", &[], [words(caption)])]));
}

/// How long an axis is.
fn length(inspection: &Inspection, axis: &str) -> Option<usize> {
    let of_array = |(_, array): (&str, &Array)| {
        let place = array.axes.iter().position(|known| known == axis)?;
        array.shape.get(place).copied()
    };
    inspection.arrays().find_map(of_array)
}

/// On which text the units of a model were measured.
fn measured(one: &Shown) -> Option<String> {
    let units = one.about.get("units")?;
    let count = |key: &str, what: &str| {
        let count = units[key].as_u64().unwrap_or_default() as usize;
        format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
    };
    let [steps, pieces] = [count("steps", "step"), count("pieces", "piece")];
    let text = units["text"].as_str()?;
    Some(format!("The units of {} were measured on {steps} in {pieces}: {text}.", one.name))
}

/// What each inspection is called: the last part of its run's folder, or all of it where two are alike.
fn names(inspections: &[Inspection]) -> Vec<String> {
    let run = |one: &Inspection| one.about.get("run").and_then(Value::as_str).unwrap_or("a model").to_owned();
    let whole: Vec<String> = inspections.iter().map(run).collect();
    let last = |name: &String| name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_owned();
    let short: Vec<String> = whole.iter().map(last).collect();
    let is_alone = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
    short
        .iter()
        .zip(&whole)
        .map(|(short, whole)| if is_alone(short) { short } else { whole }.clone())
        .collect()
}

/// Name and shape of each weight.
fn listed(about: &Map<String, Value>) -> &[Value] {
    about.get("weights").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a model is drawn as a stack of its parts: it has blocks, or no recurrent weights.
fn is_stack(about: &Map<String, Value>) -> bool {
    let mut names = listed(about).iter().filter_map(|weight| weight["name"].as_str());
    names.clone().any(|name| name.contains("layers.")) || !names.any(|name| name.contains("weight_hh_l"))
}

/// How many weights a model has.
fn weights(about: &Map<String, Value>) -> usize {
    let size = |weight: &Value| -> usize {
        let shape = weight["shape"].as_array().map(Vec::as_slice).unwrap_or_default();
        shape.iter().filter_map(Value::as_u64).product::<u64>() as usize
    };
    listed(about).iter().map(size).sum()
}

/// A number with a comma between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let mut parts: Vec<&str> = if head > 0 { vec![&digits[..head]] } else { Vec::new() };
    parts.extend((head..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
    parts.join(",")
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if clause.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

//! Inspections to show: of small models that are trained here, and large or hostile ones that are made up.

use std::ops::ControlFlow::Continue;
use std::path::Path;

use anaphora::inspect::{Inspection, Request, Source};
use anaphora::model::Compute;
use anaphora::recipe::{Backbone, Builtin, Recipe};
use anaphora::{Device, Precision, tasks, train};
use serde_json::json;

/// What a small model of a backbone does while it reads a text, or what it held out.
pub fn trained(folder: &Path, builtin: Builtin, backbone: Backbone, text: Option<&str>) -> Inspection {
    let source = text.map_or(Source::HeldOut, |text| Source::Text(text.to_owned()));
    seen(folder, builtin, backbone, |_| {}, &Request { source, ..Request::default() })
}

/// What a small model does as it is asked; the model is trained for a few steps in a folder of its own, by a recipe that is changed.
pub fn seen(
    folder: &Path,
    builtin: Builtin,
    backbone: Backbone,
    change: impl FnOnce(&mut Recipe),
    request: &Request,
) -> Inspection {
    let name = |setting: &str| match setting {
        "data.builtin" => Some(builtin.to_string()),
        "model.backbone" => Some(backbone.to_string()),
        _ => None,
    };
    let mut recipe = Recipe::for_settings(name);
    recipe.data.builtin = Some(builtin);
    (recipe.model.backbone, recipe.model.layers, recipe.model.hidden_size) = (backbone, 2, 32);
    let reads_symbols = matches!(builtin, Builtin::Tunes | Builtin::Names | Builtin::Reverse);
    recipe.model.embedding_size = (reads_symbols && backbone != Backbone::Transformer).then_some(16);
    if backbone == Backbone::Transformer {
        recipe.model.heads = Some(4);
    }
    (recipe.training.steps, recipe.training.validate_every) = (Some(30), 30);
    change(&mut recipe);
    let run = folder.join(backbone.to_string());
    train(&recipe, &run, &mut |_| Continue(())).expect("it trains");
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    tasks::inspect(&run, &mut compute, request).expect("it can be seen")
}

/// Numbers between 0 and 1, always the same.
pub fn noise(count: usize) -> impl Iterator<Item = f32> {
    (0..count as u64).map(|k| {
        let mixed = (k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40) as f32 / (1_u64 << 24) as f32
    })
}

/// A model with so many heads that has read so many tokens.
pub fn large(heads: usize, steps: usize) -> Inspection {
    let mut inspection = Inspection::default();
    let about = json!({"run": "runs/large", "task": "text", "backbone": "transformer", "unit": "token"});
    inspection.about = about.as_object().cloned().expect("an object");
    let names: Vec<String> = (0..steps).map(|step| format!("word{} ", step % 97)).collect();
    inspection.labels.insert("steps".into(), names);
    // Each head looks at a distance of its own, and a little at all.
    let mut weights = vec![0.0; heads * steps * steps];
    let mut random = noise(weights.len());
    for (row, weights) in weights.chunks_exact_mut(steps).enumerate() {
        let (head, query) = (row / steps, row % steps);
        let mut sum = 0.0;
        for (key, weight) in weights[..=query].iter_mut().enumerate() {
            let off = ((query - key) as f32 - head as f32).abs();
            *weight = 0.02 * random.next().expect("one for each") + 1.0 / (1.0 + off * off);
            sum += *weight;
        }
        weights[..=query].iter_mut().for_each(|weight| *weight /= sum);
    }
    let shape = [heads, steps, steps];
    inspection.add("attention.b0", &["heads", "steps", "steps"], &shape, weights, "");
    for name in ["q.b0", "k.b0", "v.b0"] {
        let values = noise(heads * steps * 64).map(|value| value - 0.5).collect();
        inspection.add(name, &["heads", "steps", "head_dim"], &[heads, steps, 64], values, "");
    }
    let targets = (1..=steps).map(|step| (step % 97) as f32).collect();
    inspection.add("targets", &["steps"], &[steps], targets, "");
    let logits = noise(steps * 512).map(|value| 8.0 * value).collect();
    inspection.add("logits", &["steps", "symbols"], &[steps, 512], logits, "");
    inspection.labels.insert("symbols".into(), (0..512).map(|symbol| format!("word{symbol} ")).collect());
    inspection
}

/// Texts that are meant to break out of where they stand.
pub const HOSTILE: [&str; 12] = [
    "</script>",
    "<script>window.broken = true</script>",
    "<!--",
    "-->",
    "<img src=x onerror=\"window.broken = true\">",
    "\"'`&amp;${broken}\\",
    "\u{202e}lone",
    "\u{2067}\u{200f}",
    "\0\u{1}\u{7}\u{1b}[31m\u{7f}",
    "]]>\u{2028}\u{2029}",
    "\u{feff}\u{200b}e\u{301}",
    "مرحبا",
];

/// An inspection in which every name is hostile.
pub fn hostile() -> Inspection {
    let mut inspection = Inspection::default();
    let names: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    let count = names.len();
    let about = json!({
        "run": format!("runs/{}", HOSTILE[1]), "task": HOSTILE[0], "backbone": HOSTILE[4], "unit": HOSTILE[5], "text": HOSTILE.concat(),
        "pieces": names, "abc": HOSTILE.concat(), "notes": [{"start": 0.0, "seconds": 1.0, "pitch": 60, "step": 1}],
        "input": {"what": HOSTILE[1], "unit": HOSTILE[4], "first": 0, "size": 1, "stride": 1},
        "units": {"text": HOSTILE[1], "steps": 1, "pieces": 1},
        "weights": [{"name": HOSTILE[4], "shape": [2, 3]}, {"name": "rnn.weight_hh_l0", "shape": [2, 2]}, {"name": "rnn.weight_ih_l0", "shape": [2, 2]}],
    });
    inspection.about = about.as_object().cloned().expect("an object");
    inspection.notes = names.clone();
    inspection.not_shown.insert("speed".into(), HOSTILE.join(" "));
    for axis in ["steps", "symbols", "features", "classes", "numbers", "times", "channels", "ahead"] {
        inspection.labels.insert(axis.into(), names.clone());
    }
    inspection.labels.insert("tracked".into(), vec![HOSTILE[0].into(), "l0.h1".into()]);
    let mut add = |name: &str, axes: &[&str], shape: &[usize]| {
        let values = noise(shape.iter().product()).collect();
        inspection.add(name, axes, shape, values, HOSTILE[1]);
    };
    add("logits", &["steps", "symbols"], &[count, count]);
    add("gates.l0.h", &["steps", "units"], &[count, 2]);
    add("attention.b0", &["heads", "steps", "steps"], &[1, count, count]);
    add("q.b0", &["heads", "steps", "head_dim"], &[1, count, 2]);
    add("k.b0", &["heads", "steps", "head_dim"], &[1, count, 2]);
    add("v.b0", &["heads", "steps", "head_dim"], &[1, count, 2]);
    add("embedding", &["symbols", "width"], &[count, 3]);
    add("embedding.plane", &["symbols", "plane"], &[count, 2]);
    add("units.auroc", &["tracked", "features"], &[2, count]);
    add("features", &["steps", "features"], &[count, count]);
    add("saliency", &["steps"], &[count]);
    add("running", &["steps", "classes"], &[count, count]);
    add("input", &["times", "channels"], &[count, count]);
    add("forecast", &["ahead", "channels", "levels"], &[count, count, 1]);
    add("came", &["ahead", "channels"], &[count, count]);
    let targets = (0..count).map(|step| ((step + 1) % count) as f32).collect();
    inspection.add("targets", &["steps"], &[count], targets, "");
    inspection
}

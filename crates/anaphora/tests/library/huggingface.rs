//! Models that PyTorch made, read and written, and what it computes of them: a GPT-2 of `gpt2/make.py`, a Llama and a module of
//! recurrent layers of `pytorch/make.py`.

use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anaphora::interop::huggingface;
use anaphora::model::Compute;
use anaphora::recipe::{Backbone, Builtin, FeedForward, Norm, Position};
use anaphora::run::weights::{NamedTensor, read_weights, write_weights};
use anaphora::tasks::language::Trained;
use anaphora::{Device, Precision, Recipe};
use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

fn gpt2() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpt2")
}

/// A folder that `pytorch/make.py` wrote.
fn pytorch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch").join(name)
}

/// The tokens of a text in a folder of PyTorch's, and the logits behind each.
fn text_of(folder: &Path) -> (Vec<u32>, Vec<f32>) {
    let bytes = fs::read(folder.join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| tensors.tensor(name).unwrap().data().as_chunks().0.to_vec();
    let logits = words("logits").into_iter().map(f32::from_le_bytes).collect();
    (words("ids").into_iter().map(u32::from_le_bytes).collect(), logits)
}

/// What `transformers` computes.
struct Expected {
    ids: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

fn expected() -> Expected {
    let bytes = fs::read(gpt2().join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| tensors.tensor(name).unwrap().data().as_chunks().0.to_vec();
    let ids = |name| words(name).into_iter().map(u32::from_le_bytes).collect();
    let logits = words("logits").into_iter().map(f32::from_le_bytes).collect();
    Expected { ids: ids("ids"), logits, greedy: ids("greedy") }
}

/// The logits after each of some tokens, read one by one.
fn logits(trained: &Trained, ids: &[u32], threads: usize) -> Vec<f32> {
    let mut compute = Compute::new(Device::new(threads, Precision::F32));
    let (mut state, mut all, mut last) = (trained.model.initial_state(1), Vec::new(), Vec::new());
    for id in ids {
        trained.model.advance(&mut compute, &[*id], &[1], &mut state, &mut last).unwrap();
        all.extend_from_slice(&last);
    }
    all
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn imported(folder: &Path, run: &Path) -> Trained {
    huggingface::import(folder, run, &mut |_| ()).unwrap();
    Trained::open(run).unwrap()
}

#[test]
fn an_imported_model_has_the_logits_and_the_continuation_of_its_maker() {
    let place = tempfile::tempdir().unwrap();
    let trained = imported(&gpt2(), &place.path().join("run"));
    let Expected { ids, logits: expected, greedy } = expected();
    let text = "The sea was calm, and the wind";
    let tokenizer = &trained.tokenizer;
    assert_eq!((tokenizer.end_id(), tokenizer.encode(text).unwrap()), (ids[0], ids[1..].to_vec()));

    let difference = furthest(&logits(&trained, &ids, 2), &expected);
    assert!(difference < 1e-4, "one by one the logits differ by {difference}");

    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let (mut state, mut last) = (trained.model.initial_state(1), Vec::new());
    let model = &trained.model;
    model.advance(&mut compute, &ids, &vec![1; ids.len()], &mut state, &mut last).unwrap();
    let difference = furthest(&last, &expected[expected.len() - last.len()..]);
    assert!(difference < 1e-4, "in one pass the last logits differ by {difference}");
    let mut found = Vec::new();
    for _ in 0..greedy.len() {
        let likeliest = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap() as u32;
        found.push(likeliest);
        model.advance(&mut compute, &[likeliest], &[1], &mut state, &mut last).unwrap();
    }
    assert_eq!(found, greedy);
}

#[test]
fn an_exported_model_has_the_tensors_that_it_was_imported_from() {
    let place = tempfile::tempdir().unwrap();
    let (run, out) = (place.path().join("run"), place.path().join("out"));
    huggingface::import(&gpt2(), &run, &mut |_| ()).unwrap();
    huggingface::export(&run, &out).unwrap();
    let by_name = |folder: &Path| -> HashMap<String, NamedTensor> {
        let tensors = read_weights(folder.join("model.safetensors")).unwrap();
        tensors.into_iter().map(|tensor| (tensor.name.to_string(), tensor)).collect()
    };
    assert_eq!(by_name(&out), by_name(&gpt2()));
    let config = |folder: &Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
    };
    let (ours, theirs) = (config(&out), config(&gpt2()));
    for (field, value) in ours.as_object().unwrap() {
        assert_eq!(value, &theirs[field], "{field}");
    }
}

#[test]
fn a_llama_in_parts_has_the_logits_of_its_maker_and_its_tensors_again() {
    let place = tempfile::tempdir().unwrap();
    let (run, out) = (place.path().join("run"), place.path().join("out"));
    let trained = imported(&pytorch("llama"), &run);
    let (ids, expected) = text_of(&pytorch("llama"));
    let text = "The sea was calm, and the wind came";
    assert_eq!(trained.tokenizer.encode(text).unwrap(), ids[1..]);
    let difference = furthest(&logits(&trained, &ids, 2), &expected);
    assert!(difference < 1e-4, "the logits differ by {difference}");
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let mut state = trained.model.initial_state(1);
    let all = trained.model.go_on(&mut compute, &ids, &vec![1; ids.len()], &mut state).unwrap();
    assert!(furthest(&all, &expected) < 1e-4, "in one pass the logits differ");

    huggingface::export(&run, &out).unwrap();
    let mut before: HashMap<String, NamedTensor> = HashMap::new();
    for part in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
        let tensors = read_weights(pytorch("llama").join(part)).unwrap().into_iter();
        before.extend(tensors.map(|tensor| (tensor.name.to_string(), tensor)));
    }
    for tensor in read_weights(out.join("model.safetensors")).unwrap() {
        match before.remove(&*tensor.name) {
            Some(before) => assert_eq!(tensor, before),
            // With biases in attention it has them everywhere here.
            None => assert!(
                tensor.name.contains(".mlp.") && tensor.data.iter().all(|&x| x == 0.0),
                "{}",
                tensor.name
            ),
        }
    }
    assert!(before.is_empty(), "{:?}", before.keys());
    let config = fs::read_to_string(out.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!((&config["rope_theta"], &config["num_key_value_heads"]), (&500.0.into(), &2.into()));
}

#[test]
fn a_module_of_recurrent_layers_has_the_logits_of_its_maker() {
    let place = tempfile::tempdir().unwrap();
    let trained = imported(&pytorch("lstm"), &place.path().join("run"));
    let (ids, expected) = text_of(&pytorch("lstm"));
    let numbers = fs::read_to_string(pytorch("lstm").join("vocab.json")).unwrap();
    let numbers: HashMap<String, usize> = serde_json::from_str(&numbers).unwrap();
    // Characters have another order here.
    let theirs: Vec<usize> = (0..trained.tokenizer.vocab_size() as u32)
        .map(|id| if id == 0 { numbers["<eos>"] } else { numbers[&trained.tokenizer.decode(&[id])] })
        .collect();
    let ours: Vec<u32> = ids
        .iter()
        .map(|&id| theirs.iter().position(|&number| number == id as usize).unwrap() as u32)
        .collect();
    assert_eq!(trained.tokenizer.decode(&ours), "The sea was calm, and the wind came");
    let rows = expected.chunks_exact(theirs.len());
    let expected: Vec<f32> = rows.flat_map(|row| theirs.iter().map(|&number| row[number])).collect();
    let difference = furthest(&logits(&trained, &ours, 1), &expected);
    assert!(difference < 1e-5, "the logits differ by {difference}");
}

/// The fixture with its tensors changed: other names, other kinds of numbers.
fn rewritten(
    folder: &Path,
    name: impl Fn(&str) -> String,
    kind: Dtype,
    bytes: impl Fn(f32) -> Vec<u8>,
    with: &[(&str, TensorView)],
) {
    fs::create_dir(folder).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(gpt2().join(file), folder.join(file)).unwrap();
    }
    let tensors = read_weights(gpt2().join("model.safetensors")).unwrap();
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.data.iter().flat_map(|&x| bytes(x)).collect()).collect();
    let views = tensors.iter().zip(&data).map(|(tensor, data)| {
        (name(&tensor.name), TensorView::new(kind, tensor.shape.to_vec(), data).unwrap())
    });
    let more = with.iter().map(|(name, view)| ((*name).to_owned(), view.clone()));
    safetensors::serialize_to_file(views.chain(more), None, &folder.join("model.safetensors")).unwrap();
}

#[test]
fn sixteen_bits_names_without_prefix_masks_and_the_tied_head_are_read() {
    let place = tempfile::tempdir().unwrap();
    let Expected { ids, logits: expected, .. } = expected();
    let bare = |name: &str| name.trim_start_matches("transformer.").to_owned();
    let same = |name: &str| name.to_owned();
    let mask = TensorView::new(Dtype::BOOL, vec![1, 1, 2, 2], &[1, 0, 1, 1]).unwrap();
    let zeros = vec![0; 4 * 272 * 32];
    let head = TensorView::new(Dtype::F32, vec![272, 32], &zeros).unwrap();

    let folder = place.path().join("half");
    rewritten(
        &folder,
        bare,
        Dtype::F16,
        |x| f16::from_f32(x).to_le_bytes().to_vec(),
        &[("h.0.attn.bias", mask)],
    );
    let trained = imported(&folder, &place.path().join("half-run"));
    let difference = furthest(&logits(&trained, &ids, 1), &expected);
    assert!(difference > 0.0 && difference < 0.02, "{difference}");

    let folder = place.path().join("bf16");
    let bytes = |x| bf16::from_f32(x).to_le_bytes().to_vec();
    rewritten(&folder, same, Dtype::BF16, bytes, &[("lm_head.weight", head)]);
    let trained = imported(&folder, &place.path().join("bf16-run"));
    let difference = furthest(&logits(&trained, &ids, 1), &expected);
    assert!(difference > 0.0 && difference < 0.2, "{difference}");
}

/// Models that leave out different things of GPT-2: tokens, biases, tied weights, activation.
const MODELS: [(&str, bool, bool, FeedForward); 3] = [
    ("character", false, false, FeedForward::Gelu),
    ("byte", true, true, FeedForward::Relu),
    ("bpe:300", false, true, FeedForward::GeluTanh),
];

const TUNE: &str = "X:1\nM:4/4\nK:D\n";

/// Trains a small one of [`MODELS`] a little.
fn train_small((tokenizer, bias, tied, feed_forward): (&str, bool, bool, FeedForward), run: &Path) {
    let mut recipe = Recipe::for_backbone(Backbone::Transformer);
    recipe.data.builtin = Some(Builtin::Tunes);
    recipe.set("data.tokenizer", tokenizer).unwrap();
    recipe.model.position = Position::Learned;
    (recipe.model.feed_forward, recipe.model.norm) = (feed_forward, Norm::Layer);
    (recipe.model.layers, recipe.model.hidden_size, recipe.model.heads) = (2, 16, Some(2));
    (recipe.model.bias, recipe.model.tied_weights) = (bias, tied);
    (recipe.training.batch, recipe.training.length, recipe.training.steps) = (4, 16, Some(3));
    recipe.model.context = Some(32);
    anaphora::train(&recipe, run, &mut |_| ControlFlow::Continue(())).unwrap();
}

/// A trained model goes out and comes back with the same logits, whatever its tokens are and whatever of GPT-2 it leaves out.
#[test]
fn a_model_trained_here_comes_back_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    for (number, model) in MODELS.into_iter().enumerate() {
        let tokenizer = model.0;
        let path = |name: &str| place.path().join(format!("{name}-{number}"));
        train_small(model, &path("run"));
        huggingface::export(&path("run"), &path("out")).unwrap();
        let before = Trained::open(path("run")).unwrap();
        let after = imported(&path("out"), &path("back"));
        let ids = before.tokenizer.encode(TUNE).unwrap();
        assert_eq!(after.tokenizer.encode(TUNE).unwrap(), ids, "{tokenizer}");
        assert_eq!(after.tokenizer.decode(&ids), TUNE);
        assert_eq!(after.tokenizer.end_id(), before.tokenizer.end_id(), "{tokenizer}");
        let difference = furthest(&logits(&after, &ids, 1), &logits(&before, &ids, 1));
        assert!(difference < 1e-6, "{tokenizer}: {difference}");
    }
}

/// `transformers` has read what was exported here, by `gpt2/make.py`, which says how; the weights are set by a formula, so
/// that they are the same ones again.
#[test]
fn an_exported_model_has_the_logits_that_transformers_finds_in_it() {
    let place = tempfile::tempdir().unwrap();
    let exports = std::env::var_os("ANAPHORA_EXPORTS");
    for (number, model) in MODELS.into_iter().enumerate() {
        let run = place.path().join(format!("run-{number}"));
        train_small(model, &run);
        set_weights(&run.join("model.safetensors"));
        if let Some(exports) = &exports {
            huggingface::export(&run, &Path::new(exports).join(number.to_string())).unwrap();
            continue;
        }
        let bytes = fs::read(gpt2().join("exported.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let expected = tensors.tensor(&number.to_string()).unwrap();
        let words = expected.data().as_chunks().0.iter();
        let expected: Vec<f32> = words.map(|&word| f32::from_le_bytes(word)).collect();
        let trained = Trained::open(&run).unwrap();
        let ids = trained.tokenizer.encode(TUNE).unwrap();
        let difference = furthest(&logits(&trained, &ids, 1), &expected);
        assert!(difference < 1e-4, "{}: {difference}", model.0);
    }
}

/// Evenly spread weights (Weyl's sequence), those of norms around one.
fn set_weights(path: &Path) {
    let mut tensors = read_weights(path).unwrap();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut number = 0.0f64;
    for tensor in &mut tensors {
        let around = if tensor.name.contains("norm") && tensor.name.ends_with("weight") { 1.0 } else { 0.0 };
        for value in tensor.data.to_mut().iter_mut() {
            number += 1.0;
            *value = (around + 0.6 * ((number * 0.618_033_988_749_895).fract() - 0.5)) as f32;
        }
    }
    write_weights(path, &tensors).unwrap();
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("gpt2");
    rewritten(&folder, str::to_owned, Dtype::F32, |x| x.to_le_bytes().to_vec(), &[]);
    let mut tensors = read_weights(folder.join("model.safetensors")).unwrap();
    tensors[3].data.to_mut()[7] = f32::NAN;
    let name = tensors[3].name.to_string();
    write_weights(folder.join("model.safetensors"), &tensors).unwrap();
    let run = place.path().join("run");
    let said = huggingface::import(&folder, &run, &mut |_| ()).unwrap_err().to_string();
    let end = format!("tensor {name} holds NaN at position 7 where a finite number is expected");
    assert!(said.ends_with(&end), "{said}");
    assert!(!run.exists(), "nothing is begun");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever stands in a configuration, the model is imported or refused by one sentence, and takes no more memory than
    /// the weights that are there.
    #[test]
    fn any_configuration_is_read_or_refused(
        (folder, field) in prop::sample::select(FIELDS).prop_flat_map(|(folder, fields)| {
            (Just(folder), prop::sample::select(fields))
        }),
        value in r#"-?[0-9]{1,20}|[0-9]{1,3}\.[0-9]{1,3}|1e-?[0-9]{1,3}|true|null|"[a-z_]{0,9}"|\[[0-9]?\]|\{\}|\{"rope_t(heta|ype)": ([0-9]{1,3}|"[a-z]{1,7}")\}"#,
    ) {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder), place.path().join("model"));
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(&from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
        let text = fs::read_to_string(from.join("config.json")).unwrap();
        // The last of two fields of one name counts.
        let text = format!("{}, \"{field}\": {value}}}", text.trim_end().trim_end_matches('}'));
        fs::write(to.join("config.json"), text).unwrap();
        if let Err(error) = huggingface::import(&to, &place.path().join("run"), &mut |_| ()) {
            let sentence = error.to_string();
            prop_assert!(sentence.lines().count() == 1, "{}", sentence);
        }
    }

    /// Whatever a module's tensors are called and shaped, it is imported or refused by one sentence.
    #[test]
    fn any_module_is_read_or_refused(
        tensors in prop::collection::vec(
            (
                prop::sample::select(&[
                    "emb.weight", "fc.weight", "fc.bias", "encoder.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0",
                    "rnn.bias_hh_l0", "rnn.weight_ih_l1", "rnn.weight_hh_l1", "rnn.weight_ih_l9999999999", "rnn.weight_ih_l0_reverse",
                    "other.weight_hh_l0", "weight_ih_l", "x",
                ][..]),
                prop::collection::vec(prop::sample::select(&[0usize, 1, 2, 4, 8][..]), 0..4),
            ),
            0..9,
        ),
        kind in prop::sample::select(&["lstm", "gru", "rnn"][..]),
    ) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("module");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.json"), format!(r#"{{"model_type": "{kind}"}}"#)).unwrap();
        fs::write(folder.join("vocab.json"), r#"["a", "<eos>"]"#).unwrap();
        let tensors: HashMap<&str, Vec<usize>> = tensors.into_iter().collect();
        let named = tensors.into_iter().map(|(name, shape)| {
            let values = vec![0.5; shape.iter().product()];
            NamedTensor::new(name, shape, values)
        });
        write_weights(folder.join("model.safetensors"), &named.collect::<Vec<_>>()).unwrap();
        if let Err(error) = huggingface::import(&folder, &place.path().join("run"), &mut |_| ()) {
            let sentence = error.to_string();
            prop_assert!(sentence.lines().count() == 1, "{}", sentence);
        }
    }
}

/// The fields of each folder's configuration that are read.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "gpt2",
        &[
            "vocab_size",
            "n_layer",
            "n_head",
            "n_embd",
            "n_inner",
            "n_positions",
            "activation_function",
            "layer_norm_epsilon",
            "tie_word_embeddings",
            "eos_token_id",
            "bos_token_id",
            "resid_pdrop",
            "attn_pdrop",
            "embd_pdrop",
        ],
    ),
    (
        "pytorch/llama",
        &[
            "vocab_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "hidden_size",
            "intermediate_size",
            "max_position_embeddings",
            "hidden_act",
            "rms_norm_eps",
            "rope_theta",
            "rope_scaling",
            "rope_parameters",
            "head_dim",
            "attention_bias",
            "mlp_bias",
            "attention_dropout",
            "sliding_window",
            "model_type",
            "tie_word_embeddings",
        ],
    ),
    (
        "pytorch/lstm",
        &[
            "model_type",
            "end_token",
            "nonlinearity",
            "dropout",
            "tie_word_embeddings",
            "vocab_size",
            "embedding_size",
            "hidden_size",
            "num_layers",
            "other",
        ],
    ),
];

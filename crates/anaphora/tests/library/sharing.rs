//! One model and many who predict with it.

use anaphora::model::{Compute, EncoderDecoder, LanguageModel, SequenceModel};
use anaphora::recipe::{Backbone, Model};
use anaphora::run::weights::{read_into, tensors, write_weights};
use anaphora::{Device, Precision};

const VOCAB: usize = 50;

/// Models of three kinds, of these sizes.
fn recipes(hidden_size: usize, layers: usize) -> [Model; 3] {
    [Backbone::Lstm, Backbone::Gru, Backbone::Transformer].map(|backbone| Model {
        backbone,
        layers,
        hidden_size,
        embedding_size: (backbone != Backbone::Transformer).then_some(32),
        heads: Some(2),
        context: Some(64),
        ..Model::default()
    })
}

/// What a model says after each of some tokens, read one by one behind a few at once, as bits.
fn logits(model: &LanguageModel, seed: u32, threads: usize, precision: Precision) -> Vec<u32> {
    let mut compute = Compute::new(Device::new(threads, precision));
    let (mut state, mut last, mut bits) = (model.initial_state(1), Vec::new(), Vec::new());
    let ids: Vec<u32> = (0..30).map(|i| (i * i + seed) % VOCAB as u32).collect();
    let (prompt, rest) = ids.split_at(7);
    for ids in std::iter::once(prompt).chain(rest.chunks(1)) {
        model.advance(&mut compute, ids, &vec![1; ids.len()], &mut state, &mut last).unwrap();
        bits.extend(last.iter().map(|value| value.to_bits()));
    }
    bits
}

#[test]
fn eight_threads_predict_with_one_model() {
    for recipe in recipes(48, 2) {
        let model = LanguageModel::new(&recipe, VOCAB, 1);
        for precision in [Precision::F32, Precision::Bf16] {
            let alone = LanguageModel::new(&recipe, VOCAB, 1);
            let expected = [0, 1, 2, 3].map(|seed| logits(&alone, seed, 1, precision));
            assert_ne!(expected[0], expected[1]);
            let found: Vec<_> = std::thread::scope(|scope| {
                let (model, threads) = (&model, 0..8);
                let predicting: Vec<_> = threads
                    .map(|number| {
                        scope.spawn(move || logits(model, number % 4, 1 + number as usize % 2, precision))
                    })
                    .collect();
                predicting.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for (number, found) in found.iter().enumerate() {
                assert!(found == &expected[number % 4], "{:?}, {precision:?}: {number}", recipe.backbone);
            }
        }
    }
}

#[test]
fn a_model_that_is_read_to_predict_takes_the_memory_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for tied_weights in [false, true] {
        for mut recipe in recipes(128, 1) {
            recipe.tied_weights = tied_weights;
            recipe.embedding_size = None;
            if recipe.backbone != Backbone::Transformer && tied_weights {
                recipe.embedding_size = Some(recipe.hidden_size);
            }
            let model = LanguageModel::new(&recipe, VOCAB, 1);
            write_weights(&path, &tensors(model.params())).unwrap();
            let file = path.metadata().unwrap().len() as f64;
            for (precision, most) in [(Precision::F32, 1.1), (Precision::Bf16, 0.8)] {
                let mut read = LanguageModel::zeros(&recipe, VOCAB);
                assert_eq!(read.params().bytes(), 0);
                read_into(&path, read.params_mut(), Some(precision)).unwrap();
                for threads in [1, 2] {
                    assert!(
                        logits(&read, 0, threads, precision) == logits(&model, 0, 1, precision),
                        "{:?} in {precision:?} on {threads} threads",
                        recipe.backbone
                    );
                }
                let held = read.params().bytes() as f64 / file;
                assert!(held < most, "{:?} in {precision:?}: {held} of the file", recipe.backbone);
            }
        }
    }
}

/// Whoever has a reference may predict.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<LanguageModel>();
    shared::<SequenceModel>();
    shared::<EncoderDecoder>();
};

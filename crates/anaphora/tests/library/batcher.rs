//! Sequences that join and leave a batch.

use anaphora::decoding::Batcher;
use anaphora::model::{Compute, LanguageModel};
use anaphora::recipe::{Backbone, Model, Position};
use anaphora::{Device, Precision};

const VOCABULARY: usize = 11;

fn likeliest(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// Reads a prompt in stretches of so many tokens, and adds it.
fn join(batcher: &mut Batcher, compute: &mut Compute, prompt: &[u32]) {
    let mut joining = batcher.begin(prompt.to_vec());
    while !joining.is_read() {
        batcher.read(compute, &mut joining, 4, None).unwrap();
    }
    batcher.join(joining);
}

/// What comes behind a prompt if the likeliest is always taken, and the logits on the way.
fn alone(model: &LanguageModel, compute: &mut Compute, prompt: &[u32], steps: usize) -> Vec<Vec<f32>> {
    let mut batcher = Batcher::new(model);
    join(&mut batcher, compute, prompt);
    let mut all = Vec::new();
    for _ in 0..steps {
        all.push(batcher.logits(0).to_vec());
        let next = likeliest(batcher.logits(0)) as u32;
        batcher.advance(compute, &[Some(next)]).unwrap();
    }
    all
}

#[test]
fn a_sequence_has_the_same_bits_whatever_joins_and_leaves_beside_it() {
    let base = Model { hidden_size: 32, layers: 2, embedding_size: Some(16), ..Model::default() };
    let transformer = Model {
        backbone: Backbone::Transformer,
        embedding_size: None,
        heads: Some(2),
        context: Some(12),
        ..base.clone()
    };
    let kinds = [
        base.clone(),
        Model { backbone: Backbone::Gru, ..base.clone() },
        Model { backbone: Backbone::Window, window: 4, ..base.clone() },
        Model { position: Position::Rotary, ..transformer.clone() },
        Model { position: Position::Learned, ..transformer },
    ];
    for (kind, precision) in kinds.iter().flat_map(|kind| [(kind, Precision::F32), (kind, Precision::Bf16)]) {
        let mut compute = Compute::new(Device::new(2, precision));
        let model = LanguageModel::new(kind, VOCABULARY, 5);
        let prompts: [(&[u32], usize, usize); 4] =
            [(&[0, 3, 4], 0, 20), (&[0], 2, 5), (&[0, 9, 9, 1, 2, 5, 6, 7, 8], 2, 16), (&[0, 1], 11, 9)];
        let wanted: Vec<_> =
            prompts.iter().map(|(prompt, _, steps)| alone(&model, &mut compute, prompt, *steps)).collect();
        let mut batcher = Batcher::new(&model);
        // The sequence and the step of each row.
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for time in 0..30 {
            for (number, (prompt, ..)) in prompts.iter().enumerate().filter(|(_, prompt)| prompt.1 == time) {
                join(&mut batcher, &mut compute, prompt);
                rows.push((number, 0));
            }
            assert_eq!(batcher.rows(), rows.len());
            let mut next = Vec::new();
            for (row, (number, step)) in rows.iter_mut().enumerate() {
                assert_eq!(batcher.logits(row), wanted[*number][*step], "{kind:?}: {number} at {step}");
                *step += 1;
                let token = likeliest(batcher.logits(row)) as u32;
                next.push((*step < prompts[*number].2).then_some(token));
            }
            batcher.advance(&mut compute, &next).unwrap();
            rows.retain(|(number, step)| *step < prompts[*number].2);
        }
        assert!(rows.is_empty());
    }
}

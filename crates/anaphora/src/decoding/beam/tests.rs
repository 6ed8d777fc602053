use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::decoding::sampling::{log_softmax, repeating};

/// A model with a distribution over the next token for each last one, `[tokens, tokens]`, that sharpens as a sequence grows. The end
/// is 0, which also stands before the first token.
#[derive(Debug)]
struct Chain {
    logits: Vec<Vec<f32>>,
}

impl Chain {
    fn log_probabilities(&self, ids: &[u32]) -> Vec<f64> {
        let sharper = (10.0 + ids.len() as f32) / 10.0;
        let logits = &self.logits[ids.last().map_or(0, |&id| id as usize)];
        let mut row = Vec::new();
        log_softmax(&logits.iter().map(|x| x * sharper).collect::<Vec<_>>(), &mut row).unwrap();
        row
    }

    fn search(&self, options: BeamOptions, limit: usize, no_repeat_ngram: usize) -> Vec<Hypothesis> {
        let mut search = BeamSearch::new(options, 0, limit).unwrap();
        let mut next = self.log_probabilities(&[]);
        while search.rows() > 0 {
            search.advance(&next);
            next.clear();
            for row in 0..search.rows() {
                let mut of_row = self.log_probabilities(search.ids(row));
                for token in repeating(search.ids(row), no_repeat_ngram) {
                    of_row[token as usize] = f64::NEG_INFINITY;
                }
                next.extend(of_row);
            }
        }
        search.finish()
    }

    /// Every sequence that closes with the end, or is `limit` long, with its log-probability.
    fn all(&self, limit: usize) -> Vec<(Vec<u32>, f64)> {
        let (mut all, mut open) = (Vec::new(), vec![(Vec::new(), 0.0)]);
        for _ in 0..limit {
            for (ids, sum) in std::mem::take(&mut open) {
                for (token, p) in self.log_probabilities(&ids).into_iter().enumerate() {
                    let longer = ([&ids[..], &[token as u32]].concat(), sum + p);
                    if token == 0 { all.push(longer) } else { open.push(longer) }
                }
            }
        }
        all.extend(open);
        all
    }
}

fn chain(tokens: usize) -> impl Strategy<Value = Chain> {
    let row = prop::collection::vec(-4f32..4.0, tokens);
    prop::collection::vec(row, tokens).prop_map(|logits| Chain { logits })
}

proptest! {
    #[test]
    fn with_a_beam_for_every_prefix_it_finds_the_best_of_all(chain in chain(4), length_penalty in -1f64..2.5) {
        let options = BeamOptions { beams: 4usize.pow(5), length_penalty };
        let mut all = chain.all(5);
        let score = |(ids, p): &(Vec<u32>, f64)| p / (ids.len() as f64).powf(length_penalty);
        all.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let found = chain.search(options, 5, 0);
        prop_assert_eq!(found.len(), all.len());
        // Equally likely ones may stand in any order.
        let known: HashMap<_, _> = all.iter().cloned().collect();
        for (found, right) in found.iter().zip(&all) {
            prop_assert!((found.score - score(right)).abs() < 1e-9);
            prop_assert!((found.log_probability - known[&found.ids]).abs() < 1e-9);
            prop_assert_eq!(found.ended, found.ids.last() == Some(&0));
        }
    }

    #[test]
    fn one_beam_is_greedy(chain in chain(5), length_penalty in -1f64..2.5) {
        let mut ids = vec![];
        while ids.len() < 20 && ids.last() != Some(&0) {
            let next = &chain.logits[ids.last().map_or(0, |&id| id as usize)];
            let highest = next.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            ids.push(next.iter().position(|&x| x == highest).unwrap() as u32);
        }
        let found = chain.search(BeamOptions { beams: 1, length_penalty }, 20, 0);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].ids, &ids);
    }

    #[test]
    fn what_it_finds_is_sound(chain in chain(5), beams in 1usize..7, limit in 1usize..12, ngram in 0usize..4) {
        let found = chain.search(BeamOptions { beams, length_penalty: 1.0 }, limit, ngram);
        prop_assert!((1..=beams).contains(&found.len()));
        for (i, hypothesis) in found.iter().enumerate() {
            let Hypothesis { ids, log_probability, score, ended } = hypothesis;
            prop_assert!(found[..i].iter().all(|other| other.ids != *ids && other.score >= *score));
            let sum: f64 = (0..ids.len()).map(|i| chain.log_probabilities(&ids[..i])[ids[i] as usize]).sum();
            prop_assert!((log_probability - sum).abs() < 1e-9);
            prop_assert_eq!(*ended, ids.last() == Some(&0));
            prop_assert!(ids.len() <= limit);
            if ngram > 0 {
                let mut seen = HashSet::new();
                prop_assert!(ids.windows(ngram).all(|window| seen.insert(window)), "{:?}", ids);
            }
        }
    }
}

#[test]
fn the_greedy_way_is_not_always_the_likeliest() {
    // 1 is the likeliest first, and all that follows it is unlikely.
    let logits = [[-20.0, 0.6, 0.4], [0.35, 0.35, 0.3], [0.9, 0.05, 0.05]];
    let logits = logits.map(|row: [f32; 3]| row.map(|p| if p > 0.0 { p.ln() } else { p }).to_vec());
    let chain = Chain { logits: logits.to_vec() };
    let best = |beams: usize| chain.search(BeamOptions { beams, length_penalty: 0.0 }, 6, 0).remove(0);
    assert_eq!(best(1).ids, [1, 0]);
    assert_eq!(best(2).ids, [2, 0]);
    assert!(best(2).log_probability > best(1).log_probability);
}

#[test]
fn where_nothing_can_follow_a_sequence_stays_as_it_is() {
    let options = BeamOptions { beams: 2, length_penalty: 1.0 };
    let mut search = BeamSearch::new(options, 0, 10).unwrap();
    search.advance(&[f64::NEG_INFINITY, 0.6f64.ln(), 0.4f64.ln()]);
    assert_eq!((search.rows(), search.last()), (2, &[1, 2][..]));
    search.advance(&[[f64::NEG_INFINITY; 3], [0.0, f64::NEG_INFINITY, f64::NEG_INFINITY]].concat());
    assert_eq!(search.rows(), 0);
    let found: Vec<_> = search.finish().into_iter().map(|found| (found.ids, found.ended)).collect();
    assert_eq!(
        found,
        [(vec![2, 0], true), (vec![1], false)],
        "0.4 over two tokens is more than 0.6 over one"
    );
    assert!(BeamSearch::new(options, 0, 0).unwrap().finish()[0].ids.is_empty());
}

#[test]
fn options_have_ranges() {
    let message = |beams, length_penalty| {
        BeamSearch::new(BeamOptions { beams, length_penalty }, 0, 1).unwrap_err().to_string()
    };
    assert_eq!(message(0, 1.0), "number of beams is 0; it takes a number from 1 on");
    assert_eq!(message(1, f64::NAN), "length penalty is NaN; it takes a number from -10 to 10");
}

/// A search by Hugging Face's `transformers`.
#[derive(Deserialize)]
struct Golden {
    logits: Vec<Vec<f32>>,
    beams: usize,
    length_penalty: f64,
    no_repeat_ngram: usize,
    limit: usize,
    found: Vec<(Vec<u32>, f64)>,
}

#[test]
fn finds_what_transformers_finds() {
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/golden/beam.json")).unwrap();
    assert!(goldens.len() >= 100);
    for (case, golden) in goldens.into_iter().enumerate() {
        let Golden { logits, beams, length_penalty, no_repeat_ngram, limit, found } = golden;
        let ours = Chain { logits }.search(BeamOptions { beams, length_penalty }, limit, no_repeat_ngram);
        let ids = |(ids, _): &(Vec<u32>, f64)| ids.clone();
        assert_eq!(
            ours.iter().map(|hypothesis| hypothesis.ids.clone()).collect::<Vec<_>>(),
            found.iter().map(ids).collect::<Vec<_>>(),
            "case {case}"
        );
        for (ours, (_, score)) in ours.iter().zip(&found) {
            assert!(
                (ours.score - score).abs() < 1e-4 * score.abs().max(1.0),
                "case {case}: {} {score}",
                ours.score
            );
        }
    }
}

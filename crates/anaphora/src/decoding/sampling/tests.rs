use super::*;

use proptest::prelude::*;

fn sampler(options: SamplingOptions) -> Sampler {
    Sampler::new(options, 7, 0).unwrap()
}

fn plain() -> SamplingOptions {
    SamplingOptions::default()
}

/// Pearson's statistic of `counts` against `probabilities`.
fn chi_square(counts: &[u32], probabilities: &[f64]) -> f64 {
    let draws: u32 = counts.iter().sum();
    let terms = counts.iter().zip(probabilities).map(|(&count, p)| {
        let expected = p * f64::from(draws);
        (f64::from(count) - expected).powi(2) / expected
    });
    terms.sum()
}

#[test]
fn draws_as_often_as_it_should() {
    let probabilities = [0.4, 0.3, 0.15, 0.1, 0.04, 0.01];
    let mut counts = [0; 6];
    let mut sampler = sampler(plain());
    for _ in 0..100_000 {
        let logits = probabilities.map(|p: f64| p.ln() as f32 + 3.0);
        counts[sampler.sample(&logits, &[]).unwrap() as usize] += 1;
    }
    // Five degrees of freedom: beyond 20.5 once in a thousand seeds, and this seed is fixed.
    let statistic = chi_square(&counts, &probabilities);
    assert!(statistic < 20.5, "{statistic} {counts:?}");
    // The test would notice a distribution that is off by a hundredth.
    let off = chi_square(&counts, &[0.39, 0.31, 0.15, 0.1, 0.04, 0.01]);
    assert!(off > 20.5, "{off}");
}

#[test]
fn temperature_raises_probabilities_to_a_power() {
    let mut sampler = sampler(SamplingOptions { temperature: 0.5, ..plain() });
    let logits = [0.6f32, 0.3, 0.1].map(f32::ln);
    let squares = [0.36f32, 0.09, 0.01].map(|p| p / 0.46);
    for (&(_, p), square) in sampler.distribution(&logits, &[]).unwrap().iter().zip(squares) {
        assert!((p - square).abs() < 1e-6, "{p} {square}");
    }
}

#[test]
fn each_filter_by_hand() {
    let tokens = |options| -> Vec<u32> {
        let logits = [0.1f32, 0.5, 0.05, 0.3, 0.05].map(f32::ln);
        sampler(options).distribution(&logits, &[]).unwrap().iter().map(|&(token, _)| token).collect()
    };
    assert_eq!(tokens(plain()), [0, 1, 2, 3, 4]);
    assert_eq!(tokens(SamplingOptions { top_k: 2, ..plain() }), [1, 3]);
    assert_eq!(tokens(SamplingOptions { top_k: 4, ..plain() }), [0, 1, 2, 3], "the first of equal ones");
    assert_eq!(tokens(SamplingOptions { top_p: 0.79, ..plain() }), [1, 3]);
    assert_eq!(tokens(SamplingOptions { top_p: 0.81, ..plain() }), [1, 3, 0]);
    assert_eq!(tokens(SamplingOptions { top_p: 0.0001, ..plain() }), [1]);
    assert_eq!(tokens(SamplingOptions { min_p: 0.15, ..plain() }), [0, 1, 3]);
    assert_eq!(tokens(SamplingOptions { min_p: 1.0, ..plain() }), [1]);
    assert_eq!(tokens(SamplingOptions { temperature: 0.0, ..plain() }), [1]);
}

#[test]
fn repetition_is_penalised_once() {
    let mut sampler = sampler(SamplingOptions { repetition_penalty: 2.0, ..plain() });
    for _ in 0..2 {
        let logits = [2.0, -2.0, 1.0, f32::NEG_INFINITY];
        let found = sampler.distribution(&logits, &[0, 1, 0, 3, 0, 99]).unwrap().to_vec();
        let penalised =
            self::sampler(plain()).distribution(&[1.0, -4.0, 1.0, f32::NEG_INFINITY], &[]).unwrap().to_vec();
        assert_eq!(found, penalised);
    }
    // Below 1 it rewards; even then nothing overflows.
    let mut sampler = self::sampler(SamplingOptions { repetition_penalty: 1e-3, ..plain() });
    assert_eq!(sampler.sample(&[f32::MAX, 0.0, 0.0], &[0]).unwrap(), 0);
}

#[test]
fn no_sequence_comes_twice() {
    let after = |recent: &[u32], length| repeating(recent, length).collect::<Vec<_>>();
    assert_eq!(after(&[1, 2, 3, 1, 2], 3), [3]);
    assert_eq!(after(&[1, 2, 1, 3, 1], 2), [2, 3]);
    assert_eq!(after(&[1, 2, 1], 1), [1, 2, 1]);
    assert_eq!(after(&[1, 1], 2), [1], "also where it overlaps itself");
    assert_eq!(after(&[1, 2], 2), [0; 0]);
    for nothing in [after(&[1, 2, 1], 0), after(&[], 1), after(&[1, 1], 3), after(&[1], 9)] {
        assert!(nothing.is_empty());
    }
    let mut sampler = sampler(SamplingOptions { no_repeat_ngram: 2, temperature: 0.0, ..plain() });
    let mut recent = vec![0];
    for _ in 0..9 {
        // 2 is likelier than 1 than 0.
        recent.push(sampler.sample(&[0.0, 1.0, 2.0], &recent).unwrap());
    }
    assert_eq!(recent, [0, 2, 2, 1, 2, 0, 1, 1, 0, 0]);
    assert_eq!(sampler.sample(&[0.0, 1.0, 2.0], &recent), Err(SamplingError::Nothing(3)));
}

#[test]
fn logarithms_of_probabilities() {
    let mut found = vec![7.0];
    log_softmax(&[1e4, 1e4 + 2.0, f32::NEG_INFINITY], &mut found).unwrap();
    let normaliser = (1.0 + 2f64.exp()).ln();
    assert_eq!((found[0], found[3]), (7.0, f64::NEG_INFINITY));
    assert!(
        (found[1] + normaliser).abs() < 1e-12 && (found[2] + normaliser - 2.0).abs() < 1e-12,
        "{found:?}"
    );
    assert!(log_softmax(&[0.0, f32::NAN], &mut found).is_err());
    assert_eq!(log_softmax(&[f32::NEG_INFINITY; 2], &mut found), Err(SamplingError::Nothing(2)));
}

#[test]
fn what_cannot_be_drawn_from_is_an_error() {
    let mut sampler = sampler(plain());
    let message = sampler.sample(&[0.0, f32::NAN], &[]).unwrap_err().to_string();
    assert_eq!(message, "the model gave NaN as the logit of token 1; its weights are not usable");
    assert!(sampler.sample(&[f32::INFINITY, 0.0], &[]).is_err());
    assert_eq!(sampler.sample(&[f32::NEG_INFINITY; 3], &[]), Err(SamplingError::Nothing(3)));
    assert_eq!(sampler.sample(&[], &[]), Err(SamplingError::Nothing(0)));
    let bad = [
        SamplingOptions { temperature: -1.0, ..plain() },
        SamplingOptions { temperature: f32::NAN, ..plain() },
        SamplingOptions { top_p: 0.0, ..plain() },
        SamplingOptions { min_p: 1.1, ..plain() },
        SamplingOptions { repetition_penalty: 0.0, ..plain() },
    ];
    for options in bad {
        assert!(Sampler::new(options, 0, 0).is_err(), "{options:?}");
    }
    let message = bad[2].validate().unwrap_err().to_string();
    assert_eq!(message, "top-p is 0; it takes a number above 0, at most 1");
}

#[test]
fn seeds_and_streams_decide() {
    let draws = |seed, stream| -> Vec<u32> {
        let mut sampler = Sampler::new(plain(), seed, stream).unwrap();
        (0..64).map(|_| sampler.sample(&[0.0; 16], &[]).unwrap()).collect()
    };
    assert_eq!(draws(1, 0), draws(1, 0));
    assert_eq!(draws(1, 3), draws(1, 3));
    let last = u64::MAX; // Never reached by one that goes from stream to stream.
    let streams = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (1, 1_000_000), (1, last), (0, 0), (0, 1)];
    let all = streams.map(|(seed, stream)| draws(seed, stream));
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other != one));
    }
    assert_eq!(stream(7, 0), 7, "whatever is written beside it");
    assert_ne!(stream(7, 1), stream(7, 2));
}

/// Neighbouring streams know nothing of one another: how often their draws agree is left to chance.
#[test]
fn streams_are_independent() {
    let mut samplers: Vec<_> = (0..2_000).map(|stream| Sampler::new(plain(), 3, stream).unwrap()).collect();
    let mut draw = |_| -> Vec<u32> {
        samplers.iter_mut().map(|sampler| sampler.sample(&[0.0; 16], &[]).unwrap()).collect()
    };
    for draws in (0..8).map(&mut draw) {
        let mut counts = [0; 16];
        draws.iter().for_each(|&token| counts[token as usize] += 1);
        // Fifteen degrees of freedom: beyond 37.7 once in a thousand seeds, and this seed is fixed.
        assert!(chi_square(&counts, &[1.0 / 16.0; 16]) < 37.7, "{counts:?}");
        let equal = draws.windows(2).filter(|pair| pair[0] == pair[1]).count();
        // One in 16 of 1,999, whose deviation is 10.8.
        assert!((85..165).contains(&equal), "{equal}");
    }
}

#[test]
fn a_choice_is_one_of_the_models_own_distribution() {
    let logits = [1.0, f32::NEG_INFINITY, 2.5, -3.0, 2.5, 0.25];
    let mut exact = Vec::new();
    log_softmax(&logits, &mut exact).unwrap();
    for k in 0..8 {
        let Choice { token, log_probability, best } = Choice::new(&logits, 3, k).unwrap();
        assert_eq!((token, log_probability), (3, exact[3]));
        let order = [2u32, 4, 0, 5, 3].map(|token| (token, exact[token as usize]));
        assert_eq!(best, order[..k.min(5)], "the lower of equal ones first, none that is impossible");
    }
    assert_eq!(Choice::new(&logits, 1, 0).unwrap().log_probability, f64::NEG_INFINITY);
    assert_eq!(Choice::new(&[f32::NEG_INFINITY], 0, 0), Err(SamplingError::Nothing(1)));
    assert!(Choice::new(&[f32::NAN], 0, 0).is_err());
}

fn logits() -> impl Strategy<Value = Vec<f32>> {
    // Few different values, so that equal ones are common; some far apart, some impossible.
    let logit = prop_oneof![
        8 => (-20i32..20).prop_map(|x| x as f32 / 4.0),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(-3e38f32),
        1 => Just(3e38f32),
    ];
    prop::collection::vec(logit, 1..40)
        .prop_filter("one possible", |x| x.iter().any(|&x| x > f32::NEG_INFINITY))
}

fn options() -> impl Strategy<Value = SamplingOptions> {
    (0.05f32..5.0, 0usize..50, 0.01f32..=1.0, 0.0f32..=1.0, 0.5f32..2.0).prop_map(
        |(temperature, top_k, top_p, min_p, repetition_penalty)| SamplingOptions {
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            no_repeat_ngram: 0,
        },
    )
}

proptest! {
    #[test]
    fn probabilities_add_up(logits in logits(), options in options(), recent in prop::collection::vec(0u32..50, 0..20)) {
        let possible: Vec<bool> = logits.iter().map(|&x| x > f32::NEG_INFINITY).collect();
        let mut sampler = sampler(options);
        let left = sampler.distribution(&logits, &recent).unwrap().to_vec();
        let sum: f64 = left.iter().map(|&(_, p)| f64::from(p)).sum();
        prop_assert!((sum - 1.0).abs() < 1e-5, "{}", sum);
        prop_assert!(left.iter().all(|&(token, p)| possible[token as usize] && (0.0..=1.0).contains(&p)));
        prop_assert!(options.top_k == 0 || left.len() <= options.top_k);
        let drawn = sampler.sample(&logits, &[]).unwrap();
        prop_assert!(possible[drawn as usize]);
    }

    #[test]
    fn choices_are_those_of_the_log_softmax(logits in logits(), token: prop::sample::Index, k in 0usize..50) {
        let token = token.index(logits.len());
        let mut exact = Vec::new();
        log_softmax(&logits, &mut exact).unwrap();
        let choice = Choice::new(&logits, token as u32, k).unwrap();
        prop_assert_eq!(choice.log_probability, exact[token]);
        prop_assert!(choice.best.iter().all(|&(token, p)| p == exact[token as usize]));
        let possible = exact.iter().filter(|&&p| p > f64::NEG_INFINITY).count();
        prop_assert_eq!(choice.best.len(), k.min(possible));
        prop_assert!(choice.best.is_sorted_by(|a, b| a.1 >= b.1));
        if let Some(&(_, least)) = choice.best.last() {
            let likelier = exact.iter().filter(|&&p| p > least).count();
            prop_assert!(likelier < k, "nothing likelier is left out");
        }
    }

    #[test]
    fn one_of_the_likeliest_is_greedy(logits in logits(), seed: u64) {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let first = logits.iter().position(|&x| x == highest).unwrap() as u32;
        for options in [SamplingOptions { top_k: 1, ..plain() }, SamplingOptions { temperature: 0.0, ..plain() }] {
            let mut sampler = Sampler::new(options, seed, 0).unwrap();
            prop_assert_eq!(sampler.sample(&logits, &[]).unwrap(), first);
        }
    }

    #[test]
    fn top_p_is_the_smallest_set(logits in logits(), top_p in 0.01f32..0.99) {
        let all = sampler(plain()).distribution(&logits, &[]).unwrap().to_vec();
        let options = SamplingOptions { top_p, ..plain() };
        let kept = sampler(options).distribution(&logits, &[]).unwrap().to_vec();
        let mut of_kept: Vec<f64> = kept.iter().map(|&(token, _)| {
            f64::from(all.iter().find(|&&(other, _)| other == token).unwrap().1)
        }).collect();
        of_kept.sort_by(f64::total_cmp);
        let sum: f64 = of_kept.iter().sum();
        prop_assert!(sum >= f64::from(top_p) - 1e-5);
        prop_assert!(sum - of_kept[0] < f64::from(top_p) + 1e-5);
        // Nothing that was left out is likelier than something kept.
        let least = of_kept[0];
        prop_assert!(all.iter().all(|&(token, p)| f64::from(p) <= least || kept.iter().any(|&(k, _)| k == token)));
    }
}

//! What observes a training or a generation can stop it, and what there is by then is kept.

use std::ops::ControlFlow::{self, Break, Continue};
use std::path::Path;

use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::sampling::{SamplingOptions, log_softmax};
use anaphora::decoding::{GenerateEvent, GenerateOptions, Generated, Sequences};
use anaphora::model::Compute;
use anaphora::recipe::Builtin;
use anaphora::tasks::language::{Generator, Trained};
use anaphora::training::{Budget, Ended, Event, Outcome};
use anaphora::{Device, Error, Precision, Recipe};

fn recipe() -> Recipe {
    let mut recipe = Recipe::default();
    recipe.data.builtin = Some(Builtin::Tunes);
    recipe.model.hidden_size = 32;
    recipe.model.embedding_size = Some(8);
    let training = &mut recipe.training;
    (training.batch, training.length, training.threads) = (4, 24, 1);
    (training.steps, training.validate_every, training.checkpoint_every) = (Some(24), 6, 5);
    recipe
}

fn train(run: &Path, observer: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Outcome {
    anaphora::train(&recipe(), run, observer).unwrap()
}

fn when(stop: bool) -> ControlFlow<()> {
    if stop { Break(()) } else { Continue(()) }
}

#[test]
fn a_break_at_any_event_saves_the_training_and_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let model = |name: &str| std::fs::read(path(name).join("model.safetensors")).unwrap();
    assert_eq!(train(&path("whole"), &mut |_| Continue(())).ended, Ended::Budget);

    // At a step, also one that a validation follows, which is not left out.
    for (name, last) in [("step", 8), ("validated", 12)] {
        let (mut after, mut validations) = (0, 0);
        let outcome = train(&path(name), &mut |event| {
            validations += usize::from(matches!(event, Event::Validated { .. }));
            let stop = matches!(event, Event::Step(step) if step.step == last);
            after += usize::from(matches!(event, Event::Step(step) if step.step > last));
            when(stop)
        });
        assert_eq!((outcome.ended, outcome.steps, after), (Ended::Stopped, last, 0));
        assert_eq!(validations as u64, last / 6);
        let outcome = anaphora::resume(&path(name), Budget::default(), &mut |_| Continue(())).unwrap();
        assert_eq!((outcome.ended, outcome.steps), (Ended::Budget, 24));
        assert!(model(name) == model("whole"), "{name}: the same bits");
    }
    let outcome = train(&path("validation"), &mut |event| when(matches!(event, Event::Validated { .. })));
    assert_eq!((outcome.ended, outcome.steps), (Ended::Stopped, 6));
    let outcome = train(&path("at once"), &mut |event| when(matches!(event, Event::Started(_))));
    assert_eq!((outcome.ended, outcome.steps), (Ended::Stopped, 0));
    let outcome = anaphora::resume(&path("at once"), Budget::default(), &mut |_| Continue(())).unwrap();
    assert_eq!(outcome.steps, 24);
    assert!(model("at once") == model("whole"));
}

#[test]
fn a_break_before_the_first_step_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let unready = &mut |event: &Event| when(matches!(event, Event::Preparing { .. }));
    assert!(matches!(anaphora::train(&recipe(), &run, unready), Err(Error::Stopped)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no folder is left");

    let mut heard = Vec::new();
    train(&run, &mut |event| {
        heard.extend(if let Event::Preparing { done, total } = *event { Some((done, total)) } else { None });
        when(matches!(event, Event::Step(step) if step.step == 8))
    });
    let (first, last) = (heard[0], heard[heard.len() - 1]);
    assert!(first.0 == 0 && last.0 == last.1 && heard.is_sorted(), "{heard:?}");
    // Whose weights a checkpoint has draws none.
    let outcome = anaphora::resume(&run, Budget::default(), unready).unwrap();
    assert_eq!((outcome.ended, outcome.steps), (Ended::Budget, 24));
}

#[test]
fn a_generation_that_is_stopped_returns_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, &mut |_| Continue(()));
    let generator = Generator::open(&run, Precision::F32).unwrap();
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let options = GenerateOptions {
        prompts: vec!["X:1\nT:A\n".into(), "X".into()],
        count: 2,
        tokens: 30,
        seed: 3,
        retry: 2,
        stop: vec!["\n\n".into()],
        ..GenerateOptions::default()
    };
    let beams = Some(BeamOptions { beams: 3, length_penalty: 1.0 });
    let searched = GenerateOptions { beams, ..options.clone() };
    let once = GenerateOptions { retry: 0, ..options.clone() };
    let mut generate = |options: &GenerateOptions, stop: &dyn Fn(&GenerateEvent) -> bool| {
        let (mut stopped, mut told) = (false, String::new());
        let pieces = generator.generate(&mut compute, options, &mut |event| {
            assert!(!stopped, "nothing is told after a break");
            if let GenerateEvent::Text { index: 0, text } = event {
                told.push_str(text);
            }
            stopped = stop(&event);
            when(stopped)
        });
        (pieces.unwrap(), told)
    };
    let whole = generate(&once, &|_| false).0;
    assert!(whole.iter().all(|piece| !piece.stopped));
    let at_step = |event: &GenerateEvent| *event == GenerateEvent::Step { tokens: 5 };
    for options in [&once, &options, &searched] {
        let (pieces, told) = generate(options, &at_step);
        assert_eq!(pieces.iter().map(|piece| piece.prompt).collect::<Vec<_>>(), [0, 0, 1, 1]);
        for (piece, whole) in pieces.iter().zip(&whole) {
            assert_eq!((piece.stopped, piece.tokens), (true, 5), "{piece:?}");
            assert_eq!(piece.incomplete.as_deref(), Some("it was stopped"));
            assert!(piece.text.starts_with(&options.prompts[piece.prompt]));
            assert!(options.beams.is_some() || whole.text.starts_with(&piece.text), "the same draws");
        }
        assert!(options.beams.is_some() || pieces[0].text.starts_with(&told), "{told:?}");
    }
    // What was searched for is read again for its log-probabilities, and that can be stopped too: the pieces are whole.
    let heard = std::cell::Cell::new(0);
    let explained = GenerateOptions { log_probabilities: Some(2), ..searched.clone() };
    let all = generate(&explained, &|_| {
        heard.set(heard.get() + 1);
        false
    })
    .0;
    assert!(all.iter().all(|piece| piece.choices.len() == piece.tokens));
    let longest = all.iter().map(|piece| piece.tokens).max().unwrap();
    let all_heard = heard.replace(0);
    assert!(longest > 1 && all_heard > longest, "{longest} {all_heard}");
    let pieces = generate(&explained, &|_| {
        heard.set(heard.get() + 1);
        heard.get() == all_heard
    })
    .0;
    for (piece, whole) in pieces.iter().zip(&all) {
        assert_eq!((&piece.text, piece.stopped, piece.choices.len()), (&whole.text, false, 0));
    }
    assert!(generate(&explained, &at_step).0.iter().all(|piece| piece.stopped && piece.choices.is_empty()));
    // Before the first token, and where a piece is rejected: it is whole, and kept.
    for piece in generate(&options, &|event| matches!(event, GenerateEvent::Text { .. })).0 {
        assert_eq!((piece.tokens, &*piece.text), (0, &*options.prompts[piece.prompt]));
    }
    let (pieces, _) = generate(&options, &|event| matches!(event, GenerateEvent::Rejected { .. }));
    let texts = |pieces: &[Generated]| pieces.iter().map(|piece| piece.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&pieces), texts(&whole));
    assert!(pieces.iter().all(|piece| !piece.stopped && piece.attempts == 1));
    // A piece does not depend on how many there are.
    let alone = GenerateOptions { prompts: once.prompts[..1].to_vec(), count: 1, ..once.clone() };
    assert_eq!(generate(&alone, &|_| false).0[0].text, whole[0].text);
}

#[test]
fn log_probabilities_are_those_of_the_models_own_distribution() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, &mut |_| Continue(()));
    let generator = Generator::open(&run, Precision::F32).unwrap();
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let sampling = SamplingOptions {
        temperature: 0.5,
        top_p: 0.9,
        repetition_penalty: 1.5,
        no_repeat_ngram: 3,
        ..SamplingOptions::default()
    };
    let drawn = GenerateOptions {
        prompts: vec!["X:1\n".into()],
        fields: vec![('M', "6/8".into())],
        stop: vec!["|".into()],
        tokens: 60,
        sampling,
        log_probabilities: Some(4),
        ..GenerateOptions::default()
    };
    let beams = Some(BeamOptions { beams: 2, length_penalty: 1.0 });
    for options in [GenerateOptions { beams, ..drawn.clone() }, drawn] {
        let piece = generator.generate(&mut compute, &options, &mut |_| Continue(())).unwrap().remove(0);
        assert_eq!(piece.choices.len(), piece.tokens);
        // Read again, one by one.
        let Trained { model, tokenizer, .. } = generator.trained();
        let mut ids = vec![tokenizer.end_id()];
        ids.extend(tokenizer.encode(&options.prompts[0]).unwrap());
        let mut sequences = Sequences::read(model, &mut compute, &[ids]).unwrap();
        let mut text = options.prompts[0].clone();
        for token in &piece.choices {
            let mut exact = Vec::new();
            log_softmax(sequences.logits().next().unwrap(), &mut exact).unwrap();
            let choice = &token.choice;
            assert_eq!(token.offset, text.len());
            assert_eq!(choice.log_probability, exact[choice.token as usize]);
            assert_eq!(choice.best.len(), 4);
            assert!(choice.best.iter().all(|&(id, p)| p == exact[id as usize]));
            let highest = exact.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(choice.best[0].1, highest);
            text += &tokenizer.decode(&[choice.token]);
            sequences.advance(&[0], &[choice.token]).unwrap();
        }
        assert!(text.starts_with(&piece.text) && text.len() >= piece.text.len());
        let without = GenerateOptions { log_probabilities: None, ..options.clone() };
        let plain = generator.generate(&mut compute, &without, &mut |_| Continue(())).unwrap().remove(0);
        assert_eq!((plain.text, plain.choices.len()), (piece.text, 0), "asking changes nothing");
    }
}

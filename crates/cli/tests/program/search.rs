//! The likeliest pieces, through the binary.

use crate::common::Workplace;
use serde_json::Value;

fn place() -> Workplace {
    let place = Workplace::new();
    let lines: String =
        (0..400).map(|i| format!("the cat number {} sat on mat {}\n", i % 7, i % 3)).collect();
    place.write("cats.txt", lines);
    place.train(&["cats.txt", "--steps=200", "--learning-rate=0.02", "--backbone=gru"]).ok();
    place
}

#[test]
fn the_likeliest_pieces_are_found() {
    let place = place();
    let call = |more: &[&str]| {
        let call = ["generate", "runs/cats", "--prompt=the cat", "--tokens=40", "--json"];
        place.call(&[&call, more].concat()).json()
    };
    let nats = |piece: &Value| piece["nats_per_token"].as_f64().unwrap();
    let greedy = call(&["--temperature=0"]).remove(0);
    let one = call(&["--beams=1"]).remove(0);
    assert_eq!((&one["text"], &one["tokens"]), (&greedy["text"], &greedy["tokens"]), "one beam is greedy");
    assert!(greedy["nats_per_token"].is_null() && one["seed"].is_null());

    let found = call(&["--beams=6", "--count=3"]);
    assert_eq!(found.len(), 3);
    assert!(nats(&found[0]) <= nats(&one) + 1e-9, "{found:?} {one}");
    for (index, piece) in found.iter().enumerate() {
        assert!(piece["text"].as_str().unwrap().starts_with("the cat"), "{piece}");
        assert!(
            found[..index].iter().all(|other| other["text"] != piece["text"] && nats(other) <= nats(piece))
        );
        assert!(piece["novelty"]["longest"].as_u64().unwrap() > 0, "{piece}");
    }
    assert_eq!(call(&["--beams=6", "--count=3", "--threads=2"]), found, "the same each time");

    // A stop text ends a piece, and what ends is what is compared.
    let stopped = call(&["--beams=3", "--stop=\\n"]).remove(0);
    let text = stopped["text"].as_str().unwrap();
    assert!(!text.contains('\n') && stopped["complete"] == true, "{stopped}");
    assert_eq!(stopped["tokens"].as_u64().unwrap() as usize, text.len() - "the cat".len() + 1, "{stopped}");
    let called = place.call(&["generate", "runs/cats", "--prompt=the cat", "--beams=3", "--stop=\\n"]);
    assert!(
        called.stderr.contains("The piece has 0.") && called.stderr.contains("\nNovelty: "),
        "{called:?}"
    );
    assert!(!called.stderr.contains("--seed"), "{called:?}");
    assert_eq!(called.ok().trim_end(), text);
}

#[test]
fn each_token_has_its_log_probability() {
    let place = place();
    let call = |more: &[&str]| {
        let call = ["generate", "runs/cats", "--prompt=the cat", "--tokens=20", "--json"];
        place.call(&[&call, more].concat()).json().remove(0)
    };
    assert!(call(&["--temperature=0"])["logprobs"].is_null());
    let greedy = call(&["--temperature=0", "--logprobs=3"]);
    let tokens = greedy["logprobs"].as_array().unwrap();
    assert_eq!(tokens.len(), 20);
    for token in tokens {
        let top = token["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        assert_eq!(
            ["id", "token", "logprob"].map(|field| &top[0][field]),
            ["id", "token", "logprob"].map(|field| &token[field])
        );
        let logprobs: Vec<f64> = top.iter().map(|other| other["logprob"].as_f64().unwrap()).collect();
        assert!(logprobs.is_sorted_by(|a, b| a >= b) && logprobs[0] < 0.0, "{token}");
        assert!(logprobs.iter().map(|p| p.exp()).sum::<f64>() <= 1.0 + 1e-9, "{token}");
    }
    let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(format!("the cat{}", text.replace("\\n", "\n")), greedy["text"].as_str().unwrap());

    // The same of a piece that was searched for, and their mean is what it is ranked by.
    let one = call(&["--beams=1", "--logprobs=3"]);
    assert_eq!(one["logprobs"], greedy["logprobs"]);
    let found = call(&["--beams=4", "--logprobs=0"]);
    let tokens = found["logprobs"].as_array().unwrap();
    assert!(tokens.iter().all(|token| token["top"].as_array().unwrap().is_empty()));
    let mean =
        tokens.iter().map(|token| token["logprob"].as_f64().unwrap()).sum::<f64>() / tokens.len() as f64;
    assert!((mean + found["nats_per_token"].as_f64().unwrap()).abs() < 1e-6, "{found}");
}

#[test]
fn nothing_is_written_twice_where_that_is_asked_for() {
    let place = place();
    for how in [&["--beams=3"][..], &["--temperature=0"], &["--temperature=0.5", "--seed=1"]] {
        let call =
            ["generate", "runs/cats", "--prompt=the cat", "--tokens=60", "--json", "--no-repeat-ngram=4"];
        let piece = place.call(&[&call, how].concat()).json().remove(0);
        let text: Vec<char> = piece["text"].as_str().unwrap().chars().collect();
        let windows: Vec<_> = text.windows(4).collect();
        for (index, window) in windows.iter().enumerate() {
            assert!(!windows[..index].contains(window), "{how:?}: {piece}");
        }
    }
    // The end can always come: there are not so many symbols.
    let call = ["generate", "runs/cats", "--tokens=500", "--json", "--no-repeat-ngram=1", "--seed=1"];
    assert_eq!(place.call(&call).json()[0]["complete"], true);
}

#[test]
fn tunes_keep_what_is_set() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 40);
    place.train(&["tunes.abc", "--steps=150", "--learning-rate=0.02"]).ok();
    let call = ["generate", "runs/tunes", "--prompt=X:1\nT:A\nM", "--metre=6/8", "--tokens=40", "--json"];
    for piece in place.call(&[&call[..], &["--beams=4", "--count=4"]].concat()).json() {
        assert!(piece["text"].as_str().unwrap().starts_with("X:1\nT:A\nM:6/8\n"), "{piece}");
        assert_eq!(piece["attempts"], 1);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let place = Workplace::new();
    for flag in [
        "--temperature=1",
        "--top-k=3",
        "--top-p=0.5",
        "--min-p=0.1",
        "--repetition-penalty=2",
        "--seed=1",
        "--retry=2",
    ] {
        let called = place.call(&["generate", "runs/x", "--beams=2", flag]);
        assert_eq!((called.code, &*called.stdout), (Some(2), ""), "{called:?}");
        let name = flag.split('=').next().unwrap();
        assert!(called.stderr.contains(&format!("'--beams <N>' cannot be used with '{name} ")), "{called:?}");
    }
    for (call, said) in [
        (&["--beams=0"][..], "0 is not in 1..=1024"),
        (&["--length-penalty=2"], "--beams <N>"),
        (&["--logprobs=2"], "--json"),
        (&["--logprobs=21", "--json"], "21 is not in 0..=20"),
        (&["--beams=2", "--length-penalty=11"], "length penalty is 11; it takes a number from -10 to 10"),
        (
            &["--beams=2", "--count=3"],
            "--count is 3 and --beams 2, but a search finds at most one a beam; ask for --beams 3",
        ),
    ] {
        let called = place.call(&[&["generate", "runs/x"], call].concat());
        assert_eq!(called.code, Some(2), "{called:?}");
        assert!(called.stderr.contains(said), "{called:?}");
    }
}

/// What is written behind a prompt is what is written behind it alone, whatever the other prompts.
#[test]
fn prompts_of_unequal_length_are_carried_on_side_by_side() {
    let place = place();
    let small =
        ["--backbone=transformer", "--layers=2", "--heads=2", "--hidden=32", "--length=16", "--batch=4"];
    let train = ["train", "cats.txt", "--steps=100", "--precision=f32", "--out=runs/attentive"];
    place.call(&[&train[..], &small].concat()).ok();
    let prompts = ["the cat number", "th", "the cat number 3 sat on mat 1\nthe cat number 5"];
    place.write("prompts.txt", prompts.map(|prompt| prompt.replace('\n', "\\n")).join("\n"));
    for run in ["runs/cats", "runs/attentive"] {
        for how in [&["--temperature=0"][..], &["--beams=3", "--count=2"]] {
            let call = |more: &[&str]| {
                place.call(&[&["generate", run, "--tokens=30", "--json"], how, more].concat())
            };
            let together = call(&["--prompts=prompts.txt"]).json();
            let each = if how.len() == 2 { 2 } else { 1 };
            assert_eq!(together.len(), prompts.len() * each);
            for (number, prompt) in prompts.iter().enumerate() {
                let alone = call(&[&format!("--prompt={prompt}")]).json();
                for (alone, piece) in alone.iter().zip(&together[number * each..]) {
                    assert_eq!(piece["prompt"], number + 1);
                    for field in ["text", "tokens", "novelty"] {
                        assert_eq!(piece[field], alone[field], "{run} {how:?} {field}");
                    }
                    // A prompt that is read beside others is cut into other stretches.
                    let nats = [alone, piece].map(|piece| piece["nats_per_token"].as_f64().unwrap_or(0.0));
                    assert!((nats[0] - nats[1]).abs() < 1e-6, "{run} {how:?} {nats:?}");
                }
            }
            let flags = prompts.map(|prompt| format!("--prompt={prompt}"));
            let repeated = call(&flags.each_ref().map(|flag| &flag[..])).json();
            let same = |(a, b): (&Value, &Value)| a["text"] == b["text"] && a["prompt"] == b["prompt"];
            assert!(repeated.iter().zip(&together).all(same));
        }
    }
    place.write("none.txt", "");
    let refused = |file: &str| place.call(&["generate", "runs/cats", "--prompts", file]).refused(2);
    assert!(refused("none.txt").contains("none.txt has no line; it takes a prompt a line"));
    place.write("many.txt", "the\n".repeat(10_001));
    assert!(refused("many.txt").contains("10,001 prompts are asked for; at most 10,000 pieces"));
    place.write("strange.txt", "the\n§\n");
    assert!(refused("strange.txt").starts_with("line 2 of strange.txt"));
}

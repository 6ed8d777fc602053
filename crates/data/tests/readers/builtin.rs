//! Built-in examples.

use std::collections::{HashMap, HashSet};

use anaphora_data::builtin::{
    ASKS, Ball, MOTIFS, OPINIONS, Part, RECALLED, SIDE, WAVES, adding, copy, flights, motifs, names,
    opinions, part_of_speech, phrases, recall, reverse, scenes, seasonal, shapes, twins, waves,
};

#[test]
fn the_same_seed_gives_the_same_and_a_larger_count_goes_on() {
    let ball = Ball { frames: 5, ..Default::default() };
    assert_eq!(adding(1, &[7; 9])[..4], adding(1, &[7; 4]));
    assert_eq!(copy(1, &[7; 9])[..4], copy(1, &[7; 4]));
    assert_eq!(reverse(1, 9, 7)[..4], reverse(1, 4, 7));
    assert_eq!(waves(1, 9, 7, 0.1)[..4], waves(1, 4, 7, 0.1));
    assert_eq!(names(1, 9)[..4], names(1, 4));
    assert_eq!(phrases(1, 9)[..4], phrases(1, 4));
    assert_eq!(scenes(1, 9, Part::Train)[..4], scenes(1, 4, Part::Train));
    assert_eq!(flights(1, 9, &ball)[..4], flights(1, 4, &ball));
    assert_eq!(opinions(1, 9)[..4], opinions(1, 4));
    assert_eq!(twins(1, 9)[..4], twins(1, 4));
    assert_eq!(motifs(1, 9)[..4], motifs(1, 4));
    assert_eq!(recall(1, 9, 7)[..4], recall(1, 4, 7));
    assert_eq!(shapes(1, 9)[..4], shapes(1, 4));
    assert_eq!(seasonal(1, 9).values[..4], seasonal(1, 4).values);
    assert_ne!(adding(1, &[7; 1]), adding(2, &[7; 1]));
}

#[test]
fn adding_two_of_many() {
    let examples = adding(3, &[11; 4000]);
    for example in &examples {
        let marks: Vec<usize> = (0..11).filter(|&step| example.input.frame(step)[1] == 1.0).collect();
        assert!(marks.len() == 2 && marks[0] < 5 && marks[1] >= 5, "{marks:?}");
        let sum: f32 = marks.iter().map(|&step| example.input.frame(step)[0]).sum();
        assert_eq!(sum, example.target);
    }
    let error = examples.iter().map(|e| f64::from(e.target - 1.0).powi(2)).sum::<f64>() / 4000.0;
    assert!((error - 1.0 / 6.0).abs() < 0.01, "{error}");
}

#[test]
fn tags_of_words_depend_on_their_sentences() {
    let (mut tags_of, mut sentences) = (HashMap::<_, HashSet<_>>::new(), HashMap::new());
    for sentence in phrases(1, 2_000) {
        assert_eq!(sentence.last().unwrap(), &(".".to_owned(), "O".to_owned()));
        let mut before = "O";
        for (word, tag) in &sentence {
            if let Some(kind) = tag.strip_prefix("I-") {
                assert!(before.ends_with(kind), "{sentence:?}");
            }
            before = tag;
            tags_of.entry(word.clone()).or_default().insert(tag.clone());
        }
        // The words as a whole leave no doubt.
        let (words, tags): (Vec<_>, Vec<_>) = sentence.into_iter().unzip();
        assert_eq!(sentences.entry(words).or_insert_with(|| tags.clone()), &tags);
    }
    assert!(tags_of["market"].len() >= 3 && tags_of["Florence"].len() >= 4 && tags_of["clean"].len() >= 3);
    assert_eq!(tags_of["the"].len(), 1);
}

#[test]
fn copying_after_a_delay() {
    for example in copy(3, &[30; 50]) {
        assert_eq!((example.input.len(), example.target.len()), (50, 50));
        assert_eq!(example.input[..10], example.target[40..]);
        assert!(example.input[..10].iter().all(|&symbol| symbol < 8));
        assert!(
            example.input[10..39]
                .iter()
                .chain(&example.input[40..])
                .chain(&example.target[..40])
                .all(|&s| s == 8)
        );
        assert_eq!(example.input[39], 9);
    }
}

#[test]
fn numbers_in_reverse() {
    let pairs = reverse(3, 2000, 25);
    let lengths: HashSet<usize> = pairs.iter().map(|(source, _)| source.split(' ').count()).collect();
    assert_eq!(lengths, (1..=25).collect());
    let numbers: HashSet<u32> =
        pairs.iter().flat_map(|(s, _)| s.split(' ').map(|n| n.parse().unwrap())).collect();
    assert_eq!(numbers, (0..50).collect());
    for (source, target) in &pairs {
        assert_eq!(source.split(' ').rev().collect::<Vec<_>>().join(" "), *target);
    }
}

#[test]
fn scenes_of_the_test_are_new_and_their_words_are_not() {
    let [train, test] = [Part::Train, Part::Test].map(|part| scenes(3, 3000, part));
    let captions = |scenes: &[anaphora_data::builtin::Scene]| -> HashSet<String> {
        scenes.iter().map(|scene| scene.caption.clone()).collect()
    };
    let (train_captions, test_captions) = (captions(&train), captions(&test));
    assert!(train_captions.is_disjoint(&test_captions));
    assert!(test_captions.len() > 250, "{}", test_captions.len());
    let things = |captions: &HashSet<String>| -> HashSet<String> {
        let things =
            captions.iter().flat_map(|c| c.split(" left of ").flat_map(|half| half.split(" above ")));
        things.map(str::to_owned).collect()
    };
    assert_eq!(things(&train_captions).len(), 30);
    assert!(things(&test_captions).is_subset(&things(&train_captions)));
    for scene in &train {
        let has = |colour: [u8; 3]| scene.picture.pixels.chunks(3).filter(|pixel| *pixel == colour).count();
        for (name, colour) in [("red", [220, 40, 40]), ("blue", [60, 90, 230])] {
            assert_eq!(has(colour) > 15, scene.caption.contains(name), "{}", scene.caption);
        }
    }
}

#[test]
fn the_ball_obeys() {
    let noise = |flight: &anaphora_data::builtin::Flight| -> f64 {
        let pairs = (0..flight.seen.len()).flat_map(|i| [0, 1].map(|axis| (i, axis)));
        let squares = pairs
            .map(|(i, axis)| f64::from(flight.seen.frame(i)[axis] - flight.truth.frame(i)[axis]).powi(2));
        squares.sum::<f64>() / (2 * flight.seen.len()) as f64
    };
    let ball = Ball::default();
    let thrown = flights(3, 200, &ball);
    for flight in &thrown {
        assert_eq!((flight.truth.len(), flight.seen.len()), (60, 60));
        let energy = |i: usize| {
            let frame = flight.truth.frame(i);
            9.81 * frame[1] + 0.5 * (frame[2] * frame[2] + frame[3] * frame[3])
        };
        for i in 1..60 {
            assert!(energy(i) <= energy(i - 1) + 1e-2, "{} after {}", energy(i), energy(i - 1));
            let frame = flight.truth.frame(i);
            assert!((0.0..=4.0).contains(&frame[0]) && frame[1] >= 0.0);
        }
    }
    let deviation = (thrown.iter().map(noise).sum::<f64>() / 200.0).sqrt();
    assert!((deviation - 0.02).abs() < 1e-3, "{deviation}");
    // Without air, until something is touched: a parabola.
    let free = Ball { drag: 0.0, noise: 0.0, step: 0.01, frames: 10, ..ball };
    for flight in flights(3, 50, &free) {
        let [first, last] = [0, 9].map(|i| flight.truth.frame(i).to_vec());
        let fall = last[1] - (first[1] + first[3] * 0.09 - 0.5 * 9.81 * 0.09 * 0.09);
        assert!(fall.abs() < 1e-4, "{fall}");
        assert_eq!(flight.seen.frame(4), &flight.truth.frame(4)[..2]);
    }
}

#[test]
fn waves_and_names_have_all_their_classes() {
    let made = waves(3, 400, 100, 0.0);
    for form in 0..WAVES.len() {
        assert!(made.iter().filter(|(_, label)| *label == form).count() > 60);
    }
    // A sine, a triangle, a square and a sawtooth differ in the mean of their squares: 1/2, 1/3, 1, 1/3 of the peak's.
    for (frames, form) in &made {
        let peak = frames.values.iter().fold(0.0f32, |peak, value| peak.max(value.abs()));
        let power = frames.values.iter().map(|value| value * value).sum::<f32>() / 100.0 / (peak * peak);
        let wanted = [0.5, 1.0 / 3.0, 1.0, 1.0 / 3.0][*form];
        assert!((power - wanted).abs() < 0.12, "{}: {power}", WAVES[*form]);
    }
    let languages: HashSet<&str> = names(3, 100).into_iter().map(|(language, _)| language).collect();
    assert_eq!(languages.len(), 4);
}

#[test]
fn the_season_comes_back() {
    let series = seasonal(3, 24 * 7 * 8);
    let calendar = series.calendar.unwrap();
    assert_eq!(calendar.step().to_string(), "hourly");
    let mean = |matches: &dyn Fn(usize) -> bool| {
        let of: Vec<f32> =
            (0..series.len()).filter(|&step| matches(step)).map(|step| series.values[step]).collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    assert!(mean(&|step| step % 24 == 15) > mean(&|step| step % 24 == 3) + 15.0);
    assert!(mean(&|step| step / 24 % 7 < 5) > mean(&|step| step / 24 % 7 >= 5) + 8.0);
}

#[test]
fn opinions_hang_on_the_order_of_their_words() {
    for [negative, positive] in twins(3, 500) {
        let sorted = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_ne!(negative, positive);
        assert_eq!(sorted(&negative), sorted(&positive));
    }
    let made = opinions(3, 4_000);
    for label in OPINIONS {
        let share = made.iter().filter(|(known, _)| *known == label).count() as f64 / 4_000.0;
        assert!((share - 0.5).abs() < 0.03, "{label}: {share}");
    }
    // What is asserted counts, not what is denied; one label in twenty-five is wrong.
    let share = |words: &str| {
        let labels: Vec<&str> =
            made.iter().filter(|(_, text)| text.contains(words)).map(|(label, _)| *label).collect();
        assert!(labels.len() >= 5, "{words}: {}", labels.len());
        labels.iter().filter(|label| **label == "positive").count() as f64 / labels.len() as f64
    };
    assert!(share("is not good") < 0.2 && share("is not bad") > 0.8);
    assert!(share("is good , not") > 0.8 && share("is bad , not") < 0.2);
    let lengths: HashSet<usize> = made.iter().map(|(_, text)| text.split(' ').count()).collect();
    assert!(lengths.len() > 10, "{lengths:?}");
}

#[test]
fn a_motif_stands_in_most_stretches_of_its_class() {
    let made = motifs(3, 4_000);
    for (class, motif) in MOTIFS {
        let of_class: Vec<&String> =
            made.iter().filter(|(known, _)| *known == class).map(|(_, dna)| dna).collect();
        assert!((800..1_200).contains(&of_class.len()), "{class}: {}", of_class.len());
        assert!(
            of_class
                .iter()
                .all(|dna| (30..=50).contains(&dna.len()) && dna.chars().all(|c| "ACGT".contains(c)))
        );
        let whole = of_class.iter().filter(|dna| dna.contains(motif)).count() as f64 / of_class.len() as f64;
        // Three quarters of those that change are another base: (1 - 3/64)^6, and what stands there by chance.
        assert!(motif.is_empty() || (0.7..0.82).contains(&whole), "{class}: {whole}");
    }
}

#[test]
fn a_letter_is_asked_for_at_each_distance() {
    let mut distances = HashSet::new();
    for line in recall(3, 2_000, 12) {
        let letters: Vec<char> = line.chars().collect();
        assert!(RECALLED.contains(&letters[0]) && letters.last() == Some(&letters[0]), "{line}");
        let at = letters.iter().position(|c| *c == ASKS).unwrap();
        assert_eq!(at + 2, letters.len());
        distances.insert(at);
    }
    assert_eq!(distances, (1..=12).collect());
}

#[test]
fn shapes_are_one_thing_each() {
    let made = shapes(3, 300);
    let forms: HashSet<&str> = made.iter().map(|(form, _)| *form).collect();
    assert_eq!(forms, HashSet::from(["circle", "square", "triangle"]));
    let filled = |wanted: &str| {
        let of_form: Vec<f64> = made
            .iter()
            .filter(|(form, _)| *form == wanted)
            .map(|(_, picture)| filled(&picture.pixels))
            .collect();
        of_form.iter().sum::<f64>() / of_form.len() as f64
    };
    assert!(made.iter().all(|(_, picture)| picture.pixels.len() == 3 * SIDE * SIDE));
    // Of what encloses it: a square fills all, a circle π/4, a triangle half and what edges of pixels add.
    let [square, circle, triangle] = ["square", "circle", "triangle"].map(filled);
    assert!(square > 0.95 && (0.7..0.9).contains(&circle) && triangle < 0.68, "{square} {circle} {triangle}");
}

/// How much of the rectangle that encloses it a shape fills.
fn filled(pixels: &[u8]) -> f64 {
    let is_lit = |at: &usize| pixels[3 * at..3 * at + 3].iter().any(|&part| part >= 40);
    let lit: Vec<usize> = (0..SIDE * SIDE).filter(is_lit).collect();
    let extent = |of: fn(usize) -> usize| {
        let places = lit.iter().map(|&at| of(at));
        places.clone().max().unwrap() - places.min().unwrap() + 1
    };
    lit.len() as f64 / (extent(|at| at % SIDE) * extent(|at| at / SIDE)) as f64
}

#[test]
fn common_words_have_a_part_and_made_up_names_have_none() {
    assert_eq!(part_of_speech("market"), part_of_speech("guard"));
    assert_ne!(part_of_speech("market"), part_of_speech("markets"));
    assert_eq!((part_of_speech("the"), part_of_speech("Halerson")), (Some("article"), None));
    let words: Vec<String> = phrases(3, 500).into_iter().flatten().map(|(word, _)| word).collect();
    let known = words.iter().filter(|word| part_of_speech(word).is_some()).count();
    assert!(known as f64 > 0.85 * words.len() as f64, "{known} of {}", words.len());
}

//! Scores against what scikit-learn, sacreBLEU and seqeval compute; `golden/make_scores.py` and `golden/make_spans.py` wrote
//! the files and say what they hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anaphora::metrics::{
    BleuOptions, ChrfOptions, ClassScore, Confusion, ScoreError, Smoothing, Tokenize, accuracy, auroc,
    auroc_one_vs_rest, bits, bits_a_character, bleu, bleu_1_to_4, chrf, coverage, log_loss, mae, mape, mase,
    mse, multi_label, nats_a_frame, perplexity, perplexity_of_bits, pinball, rmse, smape, span_scores, spans,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn golden<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn agree(what: &str, found: f64, expected: f64) {
    let near = (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
    assert!(near, "{what} is {found}, and {expected} in the reference");
}

#[track_caller]
fn agree_all(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (&found, &expected) in found.iter().zip(expected) {
        agree(what, found, expected);
    }
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

// Classes

#[derive(Deserialize)]
struct Classification {
    classes: Vec<ClassCase>,
    auroc: Vec<AurocCase>,
    one_vs_rest: Vec<OneVsRestCase>,
    log_loss: Vec<LogLossCase>,
    multi_label: Vec<MultiLabelCase>,
}

/// Each class or label by itself.
#[derive(Deserialize)]
struct Each {
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<u64>,
}

impl Each {
    fn agree(&self, name: &str, found: &[ClassScore]) {
        let column = |value: fn(&ClassScore) -> f64| found.iter().map(value).collect::<Vec<_>>();
        agree_all(name, &column(|class| class.precision), &self.precision);
        agree_all(name, &column(|class| class.recall), &self.recall);
        agree_all(name, &column(|class| class.f1), &self.f1);
        assert_eq!(found.iter().map(|class| class.support).collect::<Vec<_>>(), self.support, "{name}");
    }
}

#[derive(Deserialize)]
struct ClassCase {
    name: String,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    classes: usize,
    accuracy: f64,
    confusion: Vec<Vec<u64>>,
    macro_f1: f64,
    #[serde(flatten)]
    each: Each,
}

#[test]
fn classes() {
    for case in golden::<Classification>("classification.json").classes {
        let confusion = Confusion::new(&case.truth, &case.predicted, case.classes).unwrap();
        assert!(confusion.rows().eq(case.confusion.iter().map(Vec::as_slice)), "{}", case.name);
        agree(&case.name, accuracy(&case.truth, &case.predicted).unwrap(), case.accuracy);
        agree(&case.name, confusion.accuracy(), case.accuracy);
        agree(&case.name, confusion.macro_f1(), case.macro_f1);
        let classes: Vec<_> = (0..confusion.classes()).map(|class| confusion.class(class)).collect();
        case.each.agree(&case.name, &classes);
    }
}

#[derive(Deserialize)]
struct SpanCase {
    name: String,
    truth: Vec<Vec<String>>,
    predicted: Vec<Vec<String>>,
    /// Kind, first and last word, of each true sentence.
    spans: Vec<Vec<(String, usize, usize)>>,
    kinds: Vec<String>,
    /// Precision, recall and F1.
    all: [f64; 3],
    #[serde(flatten)]
    each: Each,
}

#[test]
fn spans_of_tags() {
    for case in golden::<Vec<SpanCase>>("spans.json") {
        let name = &case.name;
        let [truth, predicted] = [&case.truth, &case.predicted].map(|sentences| {
            sentences.iter().map(|tags| tags.iter().map(String::as_str).collect()).collect::<Vec<Vec<&str>>>()
        });
        for (tags, expected) in truth.iter().zip(&case.spans) {
            let found: Vec<_> =
                spans(tags).iter().map(|span| (span.kind.to_owned(), span.first, span.last)).collect();
            assert_eq!(&found, expected, "{name}");
        }
        let found = span_scores(&truth, &predicted).unwrap();
        agree_all(name, &[found.all.precision, found.all.recall, found.all.f1], &case.all);
        let (kinds, scores): (Vec<String>, Vec<ClassScore>) = found.kinds.into_iter().unzip();
        assert_eq!(kinds, case.kinds, "{name}");
        case.each.agree(name, &scores);
    }
    let refused = span_scores(&[vec!["O"]], &[vec!["O", "O"]]).unwrap_err();
    assert!(matches!(refused, ScoreError::Length { .. }), "{refused}");
}

#[derive(Deserialize)]
struct AurocCase {
    name: String,
    truth: Vec<bool>,
    scores: Vec<f64>,
    auroc: f64,
}

#[test]
fn area_under_the_roc_curve() {
    for case in golden::<Classification>("classification.json").auroc {
        agree(&case.name, auroc(&case.truth, &case.scores).unwrap(), case.auroc);
    }
}

#[derive(Deserialize)]
struct OneVsRestCase {
    name: String,
    truth: Vec<usize>,
    scores: Vec<f64>,
    classes: usize,
    each: Vec<Option<f64>>,
    r#macro: Option<f64>,
}

#[test]
fn one_against_all_others() {
    for case in golden::<Classification>("classification.json").one_vs_rest {
        let found = auroc_one_vs_rest(&case.truth, &case.scores, case.classes);
        let Some(mean) = case.r#macro else {
            let negative = ScoreError::OneClass { positive: case.truth.len(), negative: 0 };
            assert_eq!(found, Err(negative), "{}", case.name);
            continue;
        };
        let found = found.unwrap();
        agree(&case.name, found.macro_mean, mean);
        assert_eq!(found.classes.len(), case.each.len(), "{}", case.name);
        for (found, expected) in found.classes.iter().zip(&case.each) {
            assert_eq!(found.is_some(), expected.is_some(), "{}", case.name);
            agree(&case.name, found.unwrap_or(0.0), expected.unwrap_or(0.0));
        }
    }
}

#[derive(Deserialize)]
struct LogLossCase {
    name: String,
    truth: Vec<usize>,
    probabilities: Vec<f64>,
    classes: usize,
    f64: f64,
    f32: f64,
}

#[test]
fn logarithmic_loss() {
    for case in golden::<Classification>("classification.json").log_loss {
        agree(&case.name, log_loss(&case.truth, &case.probabilities, case.classes).unwrap(), case.f64);
        // Scikit-learn computes these in f32.
        let found = log_loss(&case.truth, &singles(&case.probabilities), case.classes).unwrap();
        assert!((found - case.f32).abs() <= 1e-6 * case.f32, "{}: {found} and {}", case.name, case.f32);
    }
}

#[derive(Deserialize)]
struct MultiLabelCase {
    name: String,
    truth: Vec<bool>,
    predicted: Vec<bool>,
    labels: usize,
    subset_accuracy: f64,
    micro_f1: f64,
    macro_f1: f64,
    #[serde(flatten)]
    each: Each,
}

#[test]
fn several_labels() {
    for case in golden::<Classification>("classification.json").multi_label {
        let found = multi_label(&case.truth, &case.predicted, case.labels).unwrap();
        agree(&case.name, found.subset_accuracy, case.subset_accuracy);
        agree(&case.name, found.micro_f1, case.micro_f1);
        agree(&case.name, found.macro_f1, case.macro_f1);
        case.each.agree(&case.name, &found.labels);
    }
}

// Translations

#[derive(Deserialize)]
struct Translation {
    corpora: Vec<Corpus>,
    lines: Vec<Line>,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Corpus {
    name: String,
    hypotheses: Vec<String>,
    references: Vec<Vec<String>>,
    bleu: Vec<BleuCase>,
    chrf: Vec<ChrfCase>,
}

#[derive(Deserialize)]
struct BleuCase {
    tokenize: String,
    smooth: String,
    value: Option<f64>,
    effective: bool,
    #[serde(default)]
    lowercase: bool,
    orders: [f64; 4],
    precisions: [f64; 4],
    matches: [u64; 4],
    totals: [u64; 4],
    penalty: f64,
    line: String,
}

impl BleuCase {
    fn options(&self) -> BleuOptions {
        BleuOptions {
            tokenize: match self.tokenize.as_str() {
                "13a" => Tokenize::V13a,
                "none" => Tokenize::None,
                "char" => Tokenize::Char,
                other => panic!("tokenizer {other}"),
            },
            smoothing: match (self.smooth.as_str(), self.value) {
                ("exp", None) => Smoothing::Exp,
                ("floor", Some(value)) => Smoothing::Floor(value),
                ("none", None) => Smoothing::None,
                other => panic!("smoothing {other:?}"),
            },
            lowercase: self.lowercase,
            effective_order: self.effective,
        }
    }

    fn agree<R: AsRef<[String]>>(&self, name: &str, hypotheses: &[String], references: &[R]) {
        let name = format!("{name}: {}", self.line);
        let found = bleu(hypotheses, references, &self.options()).unwrap();
        assert_eq!(found.to_string(), self.line, "{name}");
        assert_eq!((found.matches, found.totals), (self.matches, self.totals), "{name}");
        agree_all(&name, &found.precisions, &self.precisions);
        agree(&name, found.brevity_penalty, self.penalty);
        agree(&name, found.score, self.orders[3]);
        agree_all(&name, &bleu_1_to_4(hypotheses, references, &self.options()).unwrap(), &self.orders);
    }
}

#[derive(Deserialize)]
struct ChrfCase {
    char_order: Option<usize>,
    #[serde(default)]
    word_order: usize,
    beta: Option<u32>,
    #[serde(default)]
    lowercase: bool,
    #[serde(default)]
    whitespace: bool,
    score: f64,
    line: String,
}

impl ChrfCase {
    fn agree<R: AsRef<[String]>>(&self, name: &str, hypotheses: &[String], references: &[R]) {
        let default = ChrfOptions::default();
        let options = ChrfOptions {
            char_order: self.char_order.unwrap_or(default.char_order),
            word_order: self.word_order,
            beta: self.beta.unwrap_or(default.beta),
            lowercase: self.lowercase,
            whitespace: self.whitespace,
        };
        let found = chrf(hypotheses, references, &options).unwrap();
        agree(&format!("{name}: {}", self.line), found.score, self.score);
        assert_eq!(found.to_string(), self.line, "{name}");
    }
}

#[test]
fn translations() {
    for corpus in golden::<Translation>("translation.json").corpora {
        let Corpus { name, hypotheses, references, .. } = &corpus;
        corpus.bleu.iter().for_each(|case| case.agree(name, hypotheses, references));
        corpus.chrf.iter().for_each(|case| case.agree(name, hypotheses, references));
    }
}

#[derive(Deserialize)]
struct Line {
    line: String,
    #[serde(rename = "13a")]
    v13a: Vec<String>,
    char: Vec<String>,
    none: Vec<String>,
}

#[test]
fn tokenizers() {
    for Line { line, v13a, char, none } in golden::<Translation>("translation.json").lines {
        assert_eq!(Tokenize::V13a.words(&line), v13a, "13a: {line:?}");
        assert_eq!(Tokenize::Char.words(&line), char, "char: {line:?}");
        assert_eq!(Tokenize::None.words(&line), none, "none: {line:?}");
    }
}

#[derive(Deserialize)]
struct File {
    file: String,
    lines: usize,
    crc32: u32,
    bleu: BleuCase,
    chrf: Vec<ChrfCase>,
}

#[test]
fn real_files() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("ANAPHORA_DATA").map_or_else(beside, PathBuf::from);
    for case in golden::<Translation>("translation.json").files {
        let path = data.join(&case.file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: there is no {}", path.display());
            continue;
        };
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), case.lines, "{}", case.file);
        let words: Vec<String> = lines.iter().map(|line| Tokenize::V13a.words(line).join(" ")).collect();
        assert_eq!(crc32fast::hash(words.join("\n").as_bytes()), case.crc32, "{}", case.file);
        let shorter = |line: &&str| {
            let kept = line.split(' ').enumerate().filter(|(index, _)| index % 3 < 2);
            kept.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
        };
        let hypotheses: Vec<String> = lines.iter().map(shorter).collect();
        let references: Vec<[String; 1]> = lines.iter().map(|&line| [line.to_owned()]).collect();
        case.bleu.agree(&case.file, &hypotheses, &references);
        case.chrf.iter().for_each(|chrf| chrf.agree(&case.file, &hypotheses, &references));
    }
}

proptest! {
    #[test]
    fn any_text_has_a_score(hypothesis in any::<String>(), reference in any::<String>(), floor in 1e-3..1.0) {
        let range = 0.0..=100.0 + 1e-9;
        for tokenize in [Tokenize::V13a, Tokenize::None, Tokenize::Char] {
            for smoothing in [Smoothing::Exp, Smoothing::Floor(floor), Smoothing::None] {
                let options = BleuOptions { tokenize, smoothing, ..BleuOptions::sentence() };
                let score = |reference: &str| bleu(&[&hypothesis], &[[reference]], &options).unwrap().score;
                prop_assert!(range.contains(&score(&reference)));
                let itself = if tokenize.words(&hypothesis).is_empty() { 0.0 } else { 100.0 };
                prop_assert!((score(&hypothesis) - itself).abs() < 1e-9);
            }
        }
        let found = chrf(&[hypothesis], &[[reference]], &ChrfOptions::plus_plus()).unwrap();
        prop_assert!(range.contains(&found.score));
    }
}

// Forecasts and sequences

#[derive(Deserialize)]
struct Series {
    forecasts: Vec<Forecast>,
    frames: Vec<Frames>,
}

#[derive(Deserialize)]
struct Forecast {
    name: String,
    actual: Vec<f64>,
    predicted: Vec<f64>,
    past: Vec<f64>,
    period: usize,
    lower: Vec<f64>,
    upper: Vec<f64>,
    mae: f64,
    mse: f64,
    rmse: f64,
    mape: f64,
    skipped: usize,
    smape: f64,
    mase: f64,
    pinball: BTreeMap<String, f64>,
    coverage: f64,
}

#[test]
fn forecasts() {
    for case in golden::<Series>("forecast.json").forecasts {
        let (name, actual, predicted) = (case.name.as_str(), &case.actual, &case.predicted);
        agree(name, mae(actual, predicted).unwrap(), case.mae);
        agree(name, mse(actual, predicted).unwrap(), case.mse);
        agree(name, rmse(actual, predicted).unwrap(), case.rmse);
        let percentage = mape(actual, predicted).unwrap();
        agree(name, percentage.percent, case.mape);
        assert_eq!(percentage.skipped, case.skipped, "{name}");
        agree(name, smape(actual, predicted).unwrap(), case.smape);
        agree(name, mase(actual, predicted, &case.past, case.period).unwrap(), case.mase);
        for (quantile, expected) in &case.pinball {
            agree(name, pinball(actual, predicted, quantile.parse().unwrap()).unwrap(), *expected);
        }
        agree(name, coverage(actual, &case.lower, &case.upper).unwrap(), case.coverage);
        let single = mae(&singles(actual), &singles(predicted)).unwrap();
        assert!((single - case.mae).abs() < 1e-4, "{name} in f32: {single} and {}", case.mae);
    }
}

#[derive(Deserialize)]
struct Frames {
    sounding: Vec<bool>,
    probabilities: Vec<f64>,
    notes: usize,
    nats: f64,
}

#[test]
fn frames() {
    for case in golden::<Series>("forecast.json").frames {
        let found = nats_a_frame(&case.sounding, &case.probabilities, case.notes).unwrap();
        agree("nats a frame", found, case.nats);
    }
}

#[test]
fn nats_bits_and_perplexity() {
    // A fair die.
    let nats = 6_f64.ln();
    agree("bits", bits(nats), 6_f64.log2());
    agree("perplexity", perplexity(nats), 6.0);
    agree("perplexity of bits", perplexity_of_bits(bits(nats)), 6.0);
    // Ten tokens of a bit each for forty characters.
    agree("bits a character", bits_a_character(2_f64.ln(), 10, 40).unwrap(), 0.25);
}

// What cannot be scored

#[track_caller]
fn refuses<T: std::fmt::Debug>(found: Result<T, ScoreError>, sentence: &str) {
    assert_eq!(found.unwrap_err().to_string(), sentence);
}

#[test]
fn classes_that_cannot_be_scored() {
    refuses(
        accuracy(&[0, 1], &[0]),
        "1 predicted classes stand beside 2 true classes; there must be as many of the one as of the other",
    );
    refuses(accuracy(&[], &[]), "there are no true classes to score; at least one is needed");
    refuses(Confusion::new(&[0], &[0], 0), "there are no classes to score; at least one is needed");
    refuses(
        Confusion::new(&[0, 1], &[0, 2], 2),
        "predicted class 1 is class 2, and the classes go from 0 to 1",
    );
    refuses(
        auroc(&[true, true], &[0.1, 0.2]),
        "2 positive and 0 negative examples have no AUROC; at least one of each is needed",
    );
    refuses(
        auroc(&[true, false], &[0.1, f32::NAN]),
        "value 1 of the scores is NaN; only finite numbers can be scored",
    );
    refuses(
        log_loss(&[0, 1], &[0.5, 0.5, 1.0], 2),
        "3 probabilities were given for 2 examples of 2 classes, which take 4",
    );
    refuses(log_loss(&[0], &[1.5, -0.5], 2), "probability 0 is 1.5; probabilities lie between 0 and 1");
    refuses(
        log_loss(&[0], &[0.5, 0.25], 2),
        "the probabilities of example 0 sum to 0.75; they must sum to 1",
    );
    refuses(log_loss(&[0], &[f64::NAN, 0.5], 2), "probability 0 is NaN; probabilities lie between 0 and 1");
    refuses(log_loss::<f64>(&[], &[], 2), "there are no examples to score; at least one is needed");
    refuses(
        multi_label(&[true; 5], &[true; 5], 2),
        "5 true labels were given for 2 examples of 2 labels, which take 4",
    );
    refuses(multi_label(&[true], &[true], 0), "there are no labels to score; at least one is needed");
}

#[test]
fn translations_that_cannot_be_scored() {
    let options = BleuOptions::default();
    let none: [[&str; 1]; 0] = [];
    refuses(
        bleu(&["a", "b"], &[["a"]], &options),
        "2 hypotheses stand beside 1 sets of references; there must be as many of the one as of the other",
    );
    refuses(
        bleu::<&str, _, _>(&[], &none, &options),
        "there are no sets of references to score; at least one is needed",
    );
    refuses(
        chrf(&["a", "b"], &[vec!["a"], vec![]], &ChrfOptions::default()),
        "sentence 1 has no reference; each needs at least one",
    );
    let floor = BleuOptions { smoothing: Smoothing::Floor(0.0), ..options };
    refuses(bleu(&["a"], &[["a"]], &floor), "the smoothing floor is 0; it takes a finite number above 0");
}

#[test]
fn series_that_cannot_be_scored() {
    refuses(
        mape(&[0.0, 0.0], &[1.0, 2.0]),
        "all 2 actual values are 0, so that no error has a percentage; use the MAE or the MASE",
    );
    refuses(
        rmse(&[1.0], &[f64::INFINITY]),
        "value 0 of the predicted values is inf; only finite numbers can be scored",
    );
    let past = [1.0, 2.0, 1.0, 2.0];
    refuses(
        mase(&[1.0], &[1.0], &past, 2),
        "the past repeats itself exactly every 2 steps, so that the MASE has no unit; use the MAE",
    );
    for period in [0, 4, usize::MAX] {
        assert_eq!(mase(&[1.0], &[1.0], &past, period), Err(ScoreError::Period { past: 4, period }));
    }
    refuses(
        mase(&[1.0], &[1.0], &[], 1),
        "0 past values hold no two that are 1 steps apart; the period must be from 1 to the past's length less 1",
    );
    refuses(pinball(&[1.0], &[1.0], 1.5), "the quantile is 1.5; it takes a number from 0 to 1");
    assert!(matches!(pinball(&[1.0], &[1.0], f64::NAN), Err(ScoreError::Quantile(_))));
    assert_eq!(coverage(&[1.0, 2.0], &[2.0, 2.0], &[0.0, 2.0]), Ok(0.5), "crossed bounds hold nothing");
    refuses(bits_a_character(1.0, 10, 0), "there are no characters to score; at least one is needed");
    refuses(nats_a_frame(&[true], &[2.0], 1), "probability 0 is 2; probabilities lie between 0 and 1");
}

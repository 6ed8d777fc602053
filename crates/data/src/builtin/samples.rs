//! Built-in examples as files, in the formats that people have their own data in.

use super::{WAVES, motifs, names, opinions, phrases, prices, recall, reverse, seasonal, throws, waves};
use crate::composer;

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub meaning: &'static str,
    /// Entries that it has where nothing else is said.
    pub usual: usize,
    /// Writes the first `count` entries of a seed.
    pub write: fn(seed: u64, count: usize) -> String,
}

/// All kinds of file.
pub const SAMPLES: [Sample; 12] = [
    Sample { name: "tunes", meaning: "tunes in ABC notation", usual: 100, write: composer::collection },
    Sample { name: "text", meaning: "sentences as running text", usual: 3_000, write: text },
    Sample {
        name: "classes",
        meaning: "a table of surnames and their languages",
        usual: 2_000,
        write: classes,
    },
    Sample {
        name: "numbers",
        meaning: "a table of shopping lists and what they cost",
        usual: 2_000,
        write: numbers,
    },
    Sample {
        name: "rows",
        meaning: "a table of noisy waves, a row each, with their form in front",
        usual: 400,
        write: rows,
    },
    Sample {
        name: "tags",
        meaning: "sentences in CoNLL columns, a tag for each word",
        usual: 500,
        write: tags,
    },
    Sample {
        name: "pairs",
        meaning: "lists of numbers and the same turned round, two columns",
        usual: 5_000,
        write: pairs,
    },
    Sample { name: "series", meaning: "an hourly series with dates", usual: 2_000, write: series },
    Sample {
        name: "opinions",
        meaning: "a table of opinions on films, in which order and negation count",
        usual: 2_000,
        write: opinion_table,
    },
    Sample {
        name: "dna",
        meaning: "a table of stretches of DNA and the motif in each",
        usual: 2_000,
        write: dna,
    },
    Sample {
        name: "recall",
        meaning: "lines whose last letter is their first",
        usual: 5_000,
        write: recall_lines,
    },
    Sample { name: "paths", meaning: "throws of a ball, a row a step", usual: 300, write: paths },
];

/// Sentences of a paragraph.
const PARAGRAPH: usize = 6;

fn text(seed: u64, count: usize) -> String {
    let mut text = String::new();
    for (index, sentence) in phrases(seed, count).into_iter().enumerate() {
        let words: Vec<String> = sentence.into_iter().map(|(word, _)| word).collect();
        text.push_str(&words.join(" ").replace(" ,", ",").replace(" .", "."));
        text.push_str(if (index + 1).is_multiple_of(PARAGRAPH) { "\n\n" } else { " " });
    }
    text.trim_end().to_owned() + "\n"
}

/// A table with a header; cells are quoted where they have to be.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = header.iter().map(|&name| name.to_owned()).collect();
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(row).expect("rows of equal length are written to memory");
    }
    String::from_utf8(writer.into_inner().expect("memory does not fail")).expect("cells are text")
}

fn classes(seed: u64, count: usize) -> String {
    let row = |(language, name): (&str, String)| vec![language.to_owned(), name];
    table(&["label", "text"], names(seed, count).into_iter().map(row))
}

fn opinion_table(seed: u64, count: usize) -> String {
    let row = |(label, text): (&str, String)| vec![label.to_owned(), text];
    table(&["label", "text"], opinions(seed, count).into_iter().map(row))
}

fn dna(seed: u64, count: usize) -> String {
    let row = |(label, text): (&str, String)| vec![label.to_owned(), text];
    table(&["label", "text"], motifs(seed, count).into_iter().map(row))
}

/// The longest distance at which a letter is recalled.
const FAR: usize = 30;
/// Lines of a block.
const BLOCK: usize = 50;

fn recall_lines(seed: u64, count: usize) -> String {
    let lines = recall(seed, count, FAR);
    lines.chunks(BLOCK).map(|block| block.join("\n") + "\n").collect::<Vec<_>>().join("\n")
}

fn numbers(seed: u64, count: usize) -> String {
    let row = |(list, price): (String, f64)| vec![price.to_string(), list];
    table(&["price", "text"], prices(seed, count).into_iter().map(row))
}

fn rows(seed: u64, count: usize) -> String {
    const LENGTH: usize = 60;
    let row = |(wave, form): (crate::Frames, usize)| {
        let values = wave.values.iter().map(|value| format!("{value:.3}"));
        std::iter::once(WAVES[form].to_owned()).chain(values).collect()
    };
    let header: Vec<String> =
        std::iter::once("label".to_owned()).chain((1..=LENGTH).map(|step| format!("t{step}"))).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, waves(seed, count, LENGTH, 0.2).into_iter().map(row))
}

fn tags(seed: u64, count: usize) -> String {
    let line = |(word, tag): (String, String)| format!("{word}\t{tag}\n");
    phrases(seed, count)
        .into_iter()
        .flat_map(|sentence| sentence.into_iter().map(line).chain(["\n".to_owned()]))
        .collect()
}

fn pairs(seed: u64, count: usize) -> String {
    reverse(seed, count, 10).into_iter().map(|(source, target)| format!("{source}\t{target}\n")).collect()
}

fn series(seed: u64, count: usize) -> String {
    let series = seasonal(seed, count.max(2));
    let date = |step| series.calendar.and_then(|calendar| calendar.date(step)).map(|date| date.to_string());
    let header: Vec<&str> = std::iter::once("date").chain(series.names.iter().map(String::as_str)).collect();
    let row = |(step, values): (usize, &[f32])| {
        let cells = values.iter().map(f32::to_string);
        std::iter::once(date(step).unwrap_or_default().replace('T', " ")).chain(cells).collect()
    };
    table(&header, series.values.chunks_exact(series.names.len()).enumerate().map(row))
}

fn paths(seed: u64, count: usize) -> String {
    let throws = throws(seed, count);
    let header: Vec<&str> = std::iter::once("path").chain(throws.names.iter().map(String::as_str)).collect();
    let columns = throws.names.len();
    let rows = throws.members.iter().enumerate().flat_map(|(number, member)| {
        let cells = move |point: &[f32]| {
            let point = point.iter().map(f32::to_string);
            std::iter::once((number + 1).to_string()).chain(point).collect()
        };
        member.values.chunks_exact(columns).map(cells)
    });
    table(&header, rows)
}

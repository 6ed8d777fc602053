//! Tables and labelled examples.

use std::path::Path;

use anaphora_data::labelled::{
    Labelled, LabelledOptions, Labels, read_label_files, read_labelled, read_labelled_numbers,
};
use anaphora_data::table::{Column, Layout, RowFault, Table, TableError, TableOptions, parse_table};
use proptest::prelude::*;

use crate::{data, folder};

fn parse(content: &str, name: &str) -> Result<Table, TableError> {
    parse_table(content.as_bytes(), Path::new(name), &TableOptions::default())
}

fn labelled(content: &str, name: &str, options: &LabelledOptions) -> Result<Labelled<String>, String> {
    let folder = folder(&[(name, content.as_bytes())]);
    read_labelled(&folder.path().join(name), options)
        .map_err(|e| e.to_string().rsplit_once(name).expect("the file is named").1.to_owned())
}

fn cells(table: &Table) -> Vec<Vec<&str>> {
    table.rows.iter().map(|row| row.cells.iter().collect()).collect()
}

#[test]
fn commas_quotes_and_lines() {
    let table = parse("\n\nlabel, text\n\nx,\"a, \"\"b\"\"\nc\"\r\ny, d\n\n", "a.csv").unwrap();
    assert_eq!(table.header.as_deref().unwrap(), ["label", "text"]);
    assert_eq!(cells(&table), [["x", "a, \"b\"\nc"], ["y", "d"]]);
    assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [5, 7]);
    let table = parse("x\t\"a\ny\tb\"\n", "a.tsv").unwrap();
    assert_eq!(cells(&table), [["x", "\"a"], ["y", "b\""]]);
}

#[test]
fn layouts_are_detected() {
    for (layout, name, text) in [
        (Layout::Comma, "a.csv", "a b c\n"),
        (Layout::Semicolon, "a.csv", "a;1.5\nb;2.5\n"),
        (Layout::Tab, "a.tsv", "a b\n"),
        (Layout::Tab, "a.txt", "x\tone, two\ny\tthree\n"),
        (Layout::Space, "a.txt", "  1.0e0 2\n 3   4\n"),
        (Layout::Comma, "a.data", "EI, a, CG\nIE, b, CC\n"),
        (Layout::Head, "a.txt", "1 a film , good\n0 a film\n"),
    ] {
        assert_eq!(parse(text, name).unwrap().layout, layout, "{name}: {text:?}");
    }
}

#[test]
fn headers_are_detected() {
    let header = |text| parse(text, "a.csv").unwrap().header.is_some();
    assert!(header("x,price\na,1\nb,2\n"));
    assert!(header("0,1,2\n.5,.6,.7\n"));
    assert!(header("Sentence,z\na,b\n"));
    assert!(!header("a,b\nc,d\n"));
    assert!(!header("1,2\n3,4\n"));
    assert!(!header("x,price\n"));
    let options = TableOptions { header: Some(false), ..Default::default() };
    assert_eq!(parse_table(b"label,text\na,b", Path::new("a.csv"), &options).unwrap().rows.len(), 2);
}

#[test]
fn labels_and_texts_find_their_columns() {
    let options = LabelledOptions::default();
    let read = labelled("good one,pos\nbad one,neg\nbest,pos\n", "a.csv", &options).unwrap();
    assert_eq!((read.examples[0].label.as_str(), read.examples[0].value.as_str()), ("pos", "good one"));
    assert_eq!(read.counts().into_iter().collect::<Vec<_>>(), [("neg", 1), ("pos", 2)]);
    let read = labelled("id,text,label\n1,a,b\n", "a.csv", &options).unwrap();
    assert_eq!((read.examples[0].label.as_str(), read.examples[0].line), ("b", 2));
    let error = labelled("1\ta\tb\n", "a.tsv", &options).unwrap_err();
    assert_eq!(error, ": which column is the label has to be said, the columns are 1 to 3, without names");
    let options =
        LabelledOptions { label: Some(Column::Number(4)), text: Some(Column::Number(1)), ..options.clone() };
    let error = labelled("1\ta\tb\n", "a.tsv", &options).unwrap_err();
    assert_eq!(error, ": there is no column 4, the columns are 1 to 3, without names");
    let options = LabelledOptions { label: Some("sense".parse().unwrap()), ..options };
    let error = labelled("label,text\nb,a\n", "a.csv", &options).unwrap_err();
    assert_eq!(error, ": there is no column 'sense', the columns are 'label', 'text'");
}

#[test]
fn each_bad_row_has_its_sentence_or_is_skipped() {
    let plain = LabelledOptions { labels: Labels::SignOrZero, ..Default::default() };
    for (name, bad, message) in [
        ("a.csv", "-1,x\n1,a,b\n", ", line 2: the number of columns is 3, 2 are needed as on line 1"),
        ("a.csv", "1,a,b\n-1,x\n1,y\n", ", line 1: the number of columns is 3, 2 are needed as on line 2"),
        ("a.csv", "-1,x\n\n1,\n", ", line 3: the text is empty, at least one character is needed"),
        ("a.txt", "1 a\n2 b c\n3\n", ", line 3: the text is empty, at least one character is needed"),
        ("a.tsv", "1\tx\nnan\ty\n", ", line 2: column 1 holds 'nan', a finite number is needed"),
        (
            "a.csv",
            "1,x\n-1,\"a\n2,z\n",
            ", line 2: a quotation mark is opened and never closed, each cell that begins with one has to end with one",
        ),
    ] {
        assert_eq!(labelled(bad, name, &plain).unwrap_err(), message);
        let table = TableOptions { skip_bad: true, ..Default::default() };
        let read = labelled(bad, name, &LabelledOptions { table, ..plain.clone() }).unwrap();
        assert_eq!(read.skipped.len(), 1);
        assert!(read.skipped[0].to_string().ends_with(message));
    }
    let error = labelled("x,a\nx,\n", "a.csv", &LabelledOptions::default()).unwrap_err();
    assert_eq!(error, ", line 2: the text is empty, at least one character is needed");
    assert_eq!(
        labelled("\n\n", "a.csv", &plain).unwrap_err(),
        ": no row of data was found, at least one is needed (0 bad ones skipped)"
    );
}

#[test]
fn labels_of_fasttext_are_never_text() {
    let options = LabelledOptions::default();
    let read = labelled("__label__a __label__b good, warm\n__label__c so __label__a so\n", "a.txt", &options)
        .unwrap();
    let found: Vec<_> = read.examples.iter().map(|e| (&*e.label, &*e.value)).collect();
    assert_eq!(found, [("__label__a __label__b", "good, warm"), ("__label__c __label__a", "so so")]);
    let read = labelled("__label__a,good\n__label__b,bad\n", "a.csv", &options).unwrap();
    assert_eq!((&*read.examples[1].label, &*read.examples[1].value), ("__label__b", "bad"));
    let error = labelled("__label__a good\n__label__a __label__b\n", "a.txt", &options).unwrap_err();
    assert_eq!(error, ", line 2: the text is empty, at least one character is needed");
}

#[test]
fn a_zero_has_no_sign() {
    let read = |labels| {
        let options = LabelledOptions { labels, ..Default::default() };
        let read = labelled("1,a\n0,b\n-2,c\n0.0,d\n", "a.csv", &options).unwrap();
        (
            read.counts().into_iter().map(|(label, count)| (label.to_owned(), count)).collect::<Vec<_>>(),
            read.unsigned,
        )
    };
    let count = |label: &str, count| (label.to_owned(), count);
    assert_eq!(read(Labels::Sign), (vec![count("negative", 1), count("positive", 1)], 2));
    let all = vec![count("negative", 1), count("neutral", 2), count("positive", 1)];
    assert_eq!(read(Labels::SignOrZero), (all, 0));
}

#[test]
fn a_damaged_line_is_named_or_skipped_and_other_encodings_are_read() {
    // UTF-8, but for a byte of the third line.
    let damaged = b"x,\xc3\xa4\ny,\xc3\xb6\nx,\xfc\nx,\xc3\x9f\n";
    let name = Path::new("a.csv");
    let error = parse_table(damaged, name, &TableOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("a.csv: byte 0xFC at offset 12 (line 3) is not valid utf-8"), "{error}");
    let options = TableOptions { skip_bad: true, ..Default::default() };
    let table = parse_table(damaged, name, &options).unwrap();
    assert_eq!((table.rows.len(), table.skipped[0].line), (3, 3));
    let text = "label,text\na,schön \u{2019}\nb,größer\n";
    let utf16 = |mark: &str, big: bool| -> Vec<u8> {
        let units = mark.encode_utf16().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let windows: Vec<u8> =
        text.chars().map(|c| if c == '\u{2019}' { 0x92 } else { c as u32 as u8 }).collect();
    let wide = ["\u{feff}", ""].into_iter().flat_map(|mark| [utf16(mark, true), utf16(mark, false)]);
    for content in wide.chain([windows, text.as_bytes().to_vec()]) {
        let table = parse_table(&content, name, &TableOptions::default()).unwrap();
        assert_eq!(cells(&table), [["a", "schön \u{2019}"], ["b", "größer"]]);
    }
}

#[test]
fn film_reviews() {
    let Some(folder) = data("sentiment") else { return };
    for (name, count, negative) in [("train", 6920, 3310), ("dev", 872, 428), ("test", 1821, 912)] {
        let read =
            read_labelled(&folder.join(format!("sst2.{name}.txt")), &LabelledOptions::default()).unwrap();
        assert_eq!((read.examples.len(), read.counts()["0"]), (count, negative));
        assert!(read.skipped.is_empty());
    }
}

#[test]
fn tweets() {
    let Some(file) = data("sentiment/vader_tweets.txt") else { return };
    let options = LabelledOptions {
        label: Some(Column::Number(2)),
        text: Some(Column::Number(3)),
        labels: Labels::Sign,
        ..Default::default()
    };
    let signed = read_labelled(&file, &options).unwrap();
    assert_eq!((signed.examples.len(), signed.counts().len(), signed.unsigned), (4196, 2, 4));
    let options = LabelledOptions { labels: Labels::SignOrZero, ..options };
    let read = read_labelled(&file, &options).unwrap();
    assert_eq!((read.examples.len(), read.counts()["neutral"]), (4200, 4));
    assert_eq!(read.examples[1].value, "Yay. Another good phone interview.");
    let last = &read.examples[4199];
    assert_eq!(last.line, 4200);
}

#[test]
fn surnames_and_splice_junctions() {
    if let Some(folder) = data("names") {
        let read = read_label_files(&folder, &TableOptions::default()).unwrap();
        assert_eq!((read.examples.len(), read.counts().len(), read.files.len()), (20_050, 18, 18));
        assert_eq!(read.examples[0].label, "Arabic");
        assert!(read.examples.iter().any(|e| e.label == "Polish" && e.value == "Marszałek"));
    }
    let Some(file) = data("biology/splice.data") else { return };
    let options = LabelledOptions {
        label: Some(Column::Number(1)),
        text: Some(Column::Number(3)),
        ..Default::default()
    };
    let read = read_labelled(&file, &options).unwrap();
    assert_eq!(read.counts().into_iter().collect::<Vec<_>>(), [("EI", 767), ("IE", 768), ("N", 1655)]);
    assert!(read.examples.iter().all(|example| example.value.len() == 60));
}

#[test]
fn a_folder_of_labels() {
    let folder = folder(&[("b.txt", b"x\n\n y \r\n"), ("a.TXT", b"z"), ("notes.md", b"no")]);
    let read = read_label_files(folder.path(), &TableOptions::default()).unwrap();
    let all: Vec<_> =
        read.examples.iter().map(|e| (e.label.as_str(), e.value.as_str(), e.file, e.line)).collect();
    assert_eq!(all, [("a", "z", 0, 1), ("b", "x", 1, 1), ("b", "y", 1, 3)]);
    assert_eq!(read.skipped[0].fault, RowFault::OtherFile);
    assert!(
        read_label_files(&folder.path().join("b.txt"), &TableOptions::default())
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
}

#[test]
fn heartbeats() {
    let Some(file) = data("series/ECG5000_TRAIN.txt") else { return };
    let read = read_labelled_numbers(&file, &LabelledOptions::default()).unwrap();
    let counts: Vec<_> = read.counts().into_iter().collect();
    assert_eq!(counts, [("1", 292), ("2", 177), ("3", 10), ("4", 19), ("5", 2)]);
    assert!(read.examples.iter().all(|example| example.value.len() == 140));
    assert_eq!(read.examples[0].value[..2], [-1.1252183e-1, -2.8272038]);
}

fn layouts() -> impl Strategy<Value = Option<Layout>> {
    use Layout::*;
    proptest::option::of(prop_oneof![
        Just(Comma),
        Just(Semicolon),
        Just(Tab),
        Just(Bar),
        Just(Space),
        Just(Head)
    ])
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_refused(
        content in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\t'), Just(b'\r'), any::<u8>()], 0..60),
        layout in layouts(), header in proptest::option::of(any::<bool>()), skip_bad: bool,
    ) {
        let options = TableOptions { layout, header, skip_bad, ..Default::default() };
        match parse_table(&content, Path::new("any"), &options) {
            Ok(table) => {
                prop_assert!(!table.rows.is_empty());
                let lines = 1 + content.iter().filter(|&&b| b == b'\n' || b == b'\r').count();
                let mut last = 0;
                for row in &table.rows {
                    prop_assert_eq!(row.cells.len(), table.columns);
                    prop_assert!(row.line > last && row.line <= lines);
                    last = row.line;
                }
            }
            Err(error) => prop_assert!(error.to_string().starts_with("any")),
        }
    }

    #[test]
    fn a_written_table_is_read_again(
        rows in proptest::collection::vec(("[a-z\"',;]{1,6}", "[a-z \n\"',;]{0,6}x"), 1..12),
    ) {
        let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
        let text: String = rows.iter().map(|(a, b)| format!("{},{}\n", quoted(a), quoted(b))).collect();
        let options = TableOptions { layout: Some(Layout::Comma), header: Some(false), ..TableOptions::default() };
        let table = parse_table(text.as_bytes(), Path::new("any"), &options).unwrap();
        let read: Vec<_> = table.rows.iter().map(|row| (row.cells[0].to_owned(), row.cells[1].to_owned())).collect();
        let trimmed: Vec<_> = rows.iter().map(|(a, b)| (a.trim().to_owned(), b.trim().to_owned())).collect();
        prop_assert_eq!(read, trimmed);
    }
}

#[test]
fn faults_are_values() {
    let options = TableOptions { skip_bad: true, ..Default::default() };
    let table = parse_table(b"a,b\nc\nd,e\n", Path::new("a.csv"), &options).unwrap();
    assert_eq!(table.skipped[0].fault, RowFault::Columns { found: 1, needed: 2, as_on: 1 });
}

/// Forty labelled texts, written by `line` of a label, a text and a number, below a header.
fn films(header: &str, line: impl Fn(&str, &str, usize) -> String) -> String {
    let texts = [("neg", "a dull cold film"), ("pos", "a fine warm film"), ("neg", "boring, and sad")];
    let lines = (0..40).map(|i| line(texts[i % 3].0, texts[i % 3].1, i));
    header.to_owned() + &lines.collect::<String>()
}

#[test]
fn every_dialect_has_all_rows_with_their_texts() {
    let options = LabelledOptions::default();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    type Text = fn(&str, usize) -> String;
    let (plain, said): (Text, Text) =
        (|text, i| format!("{text} {i}"), |text, i| format!("he said \"{text}\", {i}"));
    let two_lines: Text = |text, i| format!("{text}\nline two, {i}");
    for (name, content, text) in [
        ("a.csv", films("label,text\n", |l, t, i| format!("{l},{}\n", quoted(&said(t, i)))), said),
        (
            "a.csv",
            films("label,text\n", |l, t, i| format!("{l},\"{}\"\n", said(t, i).replace('"', "\\\""))),
            said,
        ),
        ("a.csv", films("label,text\n", |l, t, i| format!("{l},{}\n", quoted(&two_lines(t, i)))), two_lines),
        (
            "a.csv",
            films("\u{feff}label,text\r\n", |l, t, i| format!("{l},{}\r\n", quoted(&plain(t, i)))),
            plain,
        ),
        ("a.csv", films("label;text\n", |l, t, i| format!("{l};{}\n", plain(t, i))), plain),
        ("a.csv", films("", |l, t, i| format!("{l};{}, number\n", plain(t, i))), |t, i| {
            format!("{t} {i}, number")
        }),
        ("a.csv", films("\"label\";\"text\"\n", |l, t, i| format!("\"{l}\";\"{}\"\n", plain(t, i))), plain),
        ("a.csv", films("sep=;\nlabel;text\n", |l, t, i| format!("{l};{}\n", plain(t, i))), plain),
        ("a.csv", films("label\ttext\n", |l, t, i| format!("{l}\t{}\n", plain(t, i))), plain),
        ("a.csv", films("label|text\n", |l, t, i| format!("{l}|{}\n", plain(t, i))), plain),
        ("a.csv", films(",label,text\n", |l, t, i| format!("{i},{l},{}\n", quoted(&plain(t, i)))), plain),
        ("a.csv", films(",sense,words\n", |l, t, i| format!("{i},{l},{}\n", quoted(&plain(t, i)))), plain),
        ("a.csv", films("label,text\n", |l, t, i| format!("{l},{},\n", quoted(&plain(t, i)))), plain),
        ("a.csv", films("label;text\n", |l, _, i| format!("{l};a 12\" record {i}\n")), |_, i| {
            format!("a 12\" record {i}")
        }),
        ("a.tsv", films("label\ttext\n", |l, t, i| format!("{l}\t{}\n", quoted(&said(t, i)))), said),
        ("a.tsv", films("label\ttext\n", |l, t, i| format!("{l}\t{}\n", said(t, i))), said),
    ] {
        let read = labelled(&content, name, &options).unwrap_or_else(|error| panic!("{error}: {content}"));
        let texts = ["a dull cold film", "a fine warm film", "boring, and sad"];
        let wanted: Vec<String> = (0..40).map(|i| text(texts[i % 3], i)).collect();
        assert_eq!(read.examples.iter().map(|e| e.value.clone()).collect::<Vec<_>>(), wanted, "{content}");
        assert_eq!(read.counts().into_iter().collect::<Vec<_>>(), [("neg", 27), ("pos", 13)], "{content}");
        assert!(read.skipped.is_empty() && read.notes.is_empty(), "{:?}", read.notes);
    }
}

#[test]
fn a_mark_left_open_is_refused_with_its_line_and_takes_no_row_with_it() {
    let open = |close: &'static str| {
        films("label,text\n", move |l, t, i| match i {
            10 => format!("{l},\"a joy from start to end\n"),
            22 => format!("{l},{close}\n"),
            _ => format!("{l},{} {i}\n", t.replace(',', "")),
        })
    };
    let skip = LabelledOptions {
        table: TableOptions { skip_bad: true, ..Default::default() },
        ..LabelledOptions::default()
    };
    for close in ["none", "\"a joy from start to end\"", "he said \"no\" to it"] {
        let content = open(close);
        let error = labelled(&content, "a.csv", &LabelledOptions::default()).unwrap_err();
        assert!(error.starts_with(", line 12: a quotation mark is opened and never closed"), "{error}");
        let read = labelled(&content, "a.csv", &skip).unwrap();
        assert_eq!((read.examples.len(), read.skipped.len()), (39, 1), "{close}");
    }
    // It cannot be told from a text of several lines, but said.
    let read = labelled(&open("a record of 12\""), "a.csv", &LabelledOptions::default()).unwrap();
    assert_eq!(read.examples.len(), 28);
    assert!(
        read.notes[0].contains("a.csv, line 12: a cell in quotation marks holds lines that are like rows")
    );
    let error = labelled("label,text\npos,\"good\" it was\nneg,bad\n", "a.csv", &LabelledOptions::default());
    assert!(
        error.unwrap_err().starts_with(", line 2: text stands behind the quotation mark that closes a cell")
    );
}

#[test]
fn numbers_are_read_as_their_column_writes_them() {
    let numbers = |content: &str| -> Vec<f32> {
        let folder = folder(&[("a.csv", content.as_bytes())]);
        let options = LabelledOptions::default();
        let read = read_labelled_numbers(&folder.path().join("a.csv"), &options).unwrap();
        read.examples.into_iter().flat_map(|example| example.value).collect()
    };
    assert_eq!(numbers("class;a;b\n1;90,5;1.020\n2;5,25;950\n"), [90.5, 1020.0, 5.25, 950.0]);
    assert_eq!(numbers("class,a,b\n1,\"1,020.5\",$5\n2,950,-$6\n"), [1020.5, 5.0, 950.0, -6.0]);
    assert_eq!(numbers(",class,a\n0,1,2\n1,1,3\n"), [2.0, 3.0], "the index is none of them");
}

#[test]
fn the_class_beside_numbers_is_found_wherever_it_stands() {
    let labels = |content: &str| -> Vec<String> {
        let folder = folder(&[("a.csv", content.as_bytes())]);
        let read = read_labelled_numbers(&folder.path().join("a.csv"), &LabelledOptions::default()).unwrap();
        read.examples.into_iter().map(|example| example.label).collect()
    };
    assert_eq!(labels("length,width,species\n1,2,setosa\n3,4,virginica\n"), ["setosa", "virginica"]);
    assert_eq!(labels("1,2,setosa\n3,4,virginica\n"), ["setosa", "virginica"]);
    assert_eq!(labels("length,width,Class\n1,2,7\n3,4,8\n"), ["7", "8"]);
    // Else it is the first: a column with words among its numbers is no class.
    assert_eq!(labels("digit,x,y\n7,2,1\n8,4,1\n"), ["7", "8"]);
    let folder = folder(&[("a.csv", b"digit,x,y\n7,2,oops\n8,4,1\n9,4,1\n")]);
    let error = read_labelled_numbers(&folder.path().join("a.csv"), &LabelledOptions::default()).unwrap_err();
    assert!(error.to_string().contains("holds 'oops'"), "{error}");
}

#[test]
fn one_bad_cell_is_no_reason_to_take_the_header_for_a_row() {
    let rows: String =
        (0..20).map(|i| if i == 7 { "a,oops\n".to_owned() } else { format!("b,{i}\n") }).collect();
    let table = parse(&format!("kind,weight\n{rows}"), "a.csv").unwrap();
    assert_eq!((table.header.unwrap(), table.rows.len()), (vec!["kind".to_owned(), "weight".to_owned()], 20));
    assert!(parse("a,b\nc,1\nd,e\n", "a.csv").unwrap().header.is_none());
}

use proptest::prelude::*;

use super::*;

type Read = (Format, Vec<Piece>);

/// A whole file, read at once: what the stretches must add up to.
fn read_whole(content: &[u8], path: &Path, format: Option<Format>) -> Result<Read, DataError> {
    let text = crate::files::decode(content, path, crate::Encoding::AUTO)?;
    let path = || path.to_owned();
    if text.trim().is_empty() {
        return Err(DataError::Empty { path: path() });
    }
    let tune_follows = || {
        let mut lines = text.lines();
        lines.any(|line| {
            line.starts_with("X:") && line[2..].trim_start().starts_with(|c: char| c.is_ascii_digit())
        }) && lines.any(|line| line.starts_with("K:"))
    };
    let format = format.unwrap_or_else(|| if tune_follows() { Format::Abc } else { Format::Text });
    let pieces: Vec<Piece> = match format {
        Format::Abc => {
            let tunes = split_lines(&text, |line| line.starts_with("X:"), true).into_iter().skip(1);
            let piece =
                |(line, tune): (usize, &str)| Piece { text: format!("{}\n", tune.trim_end()), file: 0, line };
            tunes.map(piece).collect()
        }
        Format::Text => {
            let documents = split_lines(&text, |line| line.trim_end() == DOCUMENT_SEPARATOR, false);
            let documents = documents.into_iter().filter(|(_, text)| !text.trim().is_empty());
            documents.map(|(line, text)| Piece { text: text.to_owned(), file: 0, line }).collect()
        }
    };
    match format {
        _ if !pieces.is_empty() => Ok((format, pieces)),
        Format::Abc => Err(DataError::NoTune { path: path() }),
        Format::Text => Err(DataError::Empty { path: path() }),
    }
}

/// Cuts a text before each line that `is_border`; the border lines are kept at the start of a part or left out.
/// Gives the first line's number (from 1) and the text of each part, the first being what precedes any border.
fn split_lines(text: &str, is_border: impl Fn(&str) -> bool, keep: bool) -> Vec<(usize, &str)> {
    let mut parts = vec![];
    let (mut start, mut start_line) = (0, 1);
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let next = at + line.len();
        if is_border(line) {
            parts.push((start_line, &text[start..at]));
            (start, start_line) = if keep { (at, index + 1) } else { (next, index + 2) };
        }
        at = next;
    }
    parts.push((start_line, &text[start..]));
    parts
}

/// The pieces and the stretches of each, in blocks and stretches of `stretch` bytes.
fn read_in_stretches(
    content: &[u8],
    format: Option<Format>,
    stretch: usize,
) -> Result<(Read, Vec<Vec<String>>), DataError> {
    let mut texts = Texts::of(content, Path::new("any"), Some(Format::Text))?;
    texts.stretch = stretch;
    texts.format = match format {
        Some(format) => format,
        None => texts.detect()?,
    };
    let mut stretches: Vec<Vec<String>> = vec![];
    let mut open = false;
    texts.replay(|event| {
        match event {
            Event::Begin { .. } => {
                assert!(!open);
                open = true;
                stretches.push(vec![]);
            }
            Event::Text(text) => {
                assert!(open && !text.is_empty());
                stretches.last_mut().unwrap().push(text.to_owned());
            }
            Event::End => {
                assert!(open);
                open = false;
            }
        }
        Ok::<_, DataError>(())
    })?;
    assert!(!open);
    Ok(((texts.format, texts.pieces()?), stretches))
}

fn parse(content: &str, name: &str) -> Result<Read, DataError> {
    let texts = Texts::of(content, Path::new(name), None)?;
    Ok((texts.format(), texts.pieces()?))
}

fn of(pieces: &[Piece]) -> Vec<&str> {
    pieces.iter().map(|p| p.text.as_str()).collect()
}

#[test]
fn abc_is_split_by_tune() {
    let file = "% a collection\r\n\r\nX:1\r\nT:One\r\nK:C\r\nCDE|\r\n\r\n\r\nX:2\r\nK:G\r\nGAB|";
    let (format, pieces) = parse(file, "tunes.txt").unwrap();
    assert_eq!(format, Format::Abc);
    assert_eq!(of(&pieces), ["X:1\nT:One\nK:C\nCDE|\n", "X:2\nK:G\nGAB|\n"]);
    assert_eq!(pieces.iter().map(|p| p.line).collect::<Vec<_>>(), [3, 9]);
}

#[test]
fn text_is_split_at_separator_lines() {
    let (format, pieces) =
        parse("one\n\ntwo\n<|endoftext|>\nthree <|endoftext|>\n<|endoftext|>\n\n", "a.txt").unwrap();
    assert_eq!(format, Format::Text);
    assert_eq!(of(&pieces), ["one\n\ntwo\n", "three <|endoftext|>\n"]);
    assert_eq!(pieces[1].line, 5);
}

#[test]
fn a_dialogue_with_x_is_no_music() {
    assert_eq!(parse("X: who is there?\nY: I am.\n", "play.txt").unwrap().0, Format::Text);
}

#[test]
fn each_bad_file_has_its_sentence() {
    let message = |content: &[u8], name: &str| {
        let texts = Texts::of(content, Path::new(name), None);
        texts.and_then(|texts| texts.pieces()).unwrap_err().to_string()
    };
    assert_eq!(message(b"", "a.txt"), "a.txt: the file is empty, text or ABC tunes are needed");
    assert!(message(b" \n\t\n", "a.txt").contains("is empty"));
    assert!(message(b"<|endoftext|>\n", "a.txt").contains("is empty"));
    assert!(message(b"ab\0c", "a.txt").contains("NUL byte at offset 2"));
    let damaged = b"g\xC3\xBCt\nsch\xC3\xB6n \xF6\n";
    assert!(message(damaged, "a.txt").contains("0xF6 at offset 12 (line 2) is not valid utf-8"));
    assert!(message(b"T:no number\nK:C\n", "a.abc").contains("'X:1'"));
}

#[test]
fn a_folder_gives_a_document_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let message = |path: &Path| Texts::open(path, None).unwrap_err().to_string();
    assert!(message(folder.path()).contains("holds no text file"));
    assert!(message(&folder.path().join("nowhere")).contains("no such file"));
    fs::create_dir(folder.path().join("more")).unwrap();
    write("more/c.TXT", "three");
    write("b.txt", "two");
    write("a.md", "one");
    write(".hidden.txt", "none");
    write("image.png", "no text");
    let texts = Texts::open(folder.path(), None).unwrap();
    assert_eq!(of(&texts.pieces().unwrap()), ["one", "two", "three"]);
    assert_eq!((texts.files().len(), texts.skipped().len(), texts.bytes()), (3, 1, 11));
    write("tune.abc", "X:1\nK:C\nC|\n");
    assert_eq!(of(&Texts::open(folder.path(), None).unwrap().pieces().unwrap()), ["X:1\nK:C\nC|\n"]);
    assert_eq!(Texts::open(folder.path(), Some(Format::Text)).unwrap().pieces().unwrap().len(), 3);
}

#[test]
fn a_long_piece_comes_in_stretches_that_words_do_not_cross() {
    let text = "The first line, of some words.\nA second one  with two spaces\n\nand a third ".repeat(50);
    let ((_, pieces), stretches) = read_in_stretches(text.as_bytes(), Some(Format::Text), 100).unwrap();
    assert_eq!(of(&pieces), [&text]);
    assert!(stretches[0].len() > 20 && stretches[0].iter().all(|stretch| stretch.len() < 220));
    for pair in stretches[0].windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let solid = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
        let single_space =
            after.starts_with(' ') && solid(before.chars().last()) && solid(after.chars().nth(1));
        let line_end =
            before.ends_with('\n') && solid(before.chars().rev().nth(1)) && solid(after.chars().next());
        assert!(single_space || line_end, "{before:?} {after:?}");
    }
    // Without a space there is a border nevertheless.
    let ((_, pieces), stretches) = read_in_stretches(&[b'x'; 5_000], Some(Format::Text), 100).unwrap();
    assert_eq!(pieces[0].text.len(), 5_000);
    assert!(stretches[0].len() > 2);
}

/// Lines that readers look for, among others that they do not.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"X:1\n".to_vec()),
        Just(b"X:".to_vec()),
        Just(b"K:C\r\n".to_vec()),
        Just(b"<|endoftext|>\n".to_vec()),
        Just(b"<|endoftext|> \r".to_vec()),
        Just(b"<|endof".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n \n".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just("some words of ä lin€\n".as_bytes().to_vec()),
        "[a ä€]{0,12}\n".prop_map(String::into_bytes),
    ];
    let bad =
        prop_oneof![9 => Just(vec![]), 1 => proptest::collection::vec(any::<u8>(), 0..4), 1 => Just(vec![0])];
    proptest::collection::vec((line, bad), 0..16)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, bad)| [line, bad].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn stretches_add_up_to_the_whole(
        content in content(),
        format in proptest::option::of(prop_oneof![Just(Format::Abc), Just(Format::Text)]),
        stretch in 4usize..60,
    ) {
        let whole = read_whole(&content, Path::new("any"), format);
        match (read_in_stretches(&content, format, stretch), whole) {
            (Ok((read, stretches)), Ok(whole)) => {
                prop_assert_eq!(&read, &whole);
                let joined: Vec<String> = stretches.iter().map(|stretches| stretches.concat()).collect();
                prop_assert_eq!(joined, of(&whole.1));
            }
            (Err(error), Err(whole)) => prop_assert_eq!(error.to_string(), whole.to_string()),
            (read, whole) => prop_assert!(false, "{read:?} {whole:?}"),
        }
    }
}

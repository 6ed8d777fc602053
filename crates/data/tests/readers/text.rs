//! Texts in any encoding, and their lines as they come.

use std::fs;
use std::io::Write;
use std::path::Path;

use anaphora_data::lines::Lines;
use anaphora_data::look::{self, look};
use anaphora_data::texts::DOCUMENT_SEPARATOR;
use anaphora_data::texts::Event;
use anaphora_data::{
    DataError, Encoding, Kind, Section, Spill, TextOptions, Texts, TokenStream, Tokenizer, read_text,
};

use proptest::prelude::*;

use crate::folder;

fn piece(content: &[u8], options: TextOptions) -> Result<(String, Vec<String>), DataError> {
    let texts = Texts::of(content, Path::new("a.txt"), options)?;
    Ok((texts.pieces()?.remove(0).text, texts.notes()))
}

#[test]
fn the_encoding_is_found_or_named() {
    let text = "Der Käufer sagte: \u{201c}schön\u{201d}, und ging über die Straße.\n";
    let windows = encode("windows-1252", text);
    let (read, notes) = piece(&windows, TextOptions::default()).unwrap();
    assert_eq!(read, text);
    assert_eq!(
        notes,
        ["a.txt is not UTF-8 and is read as windows-1252; data.encoding names another encoding"]
    );
    let russian =
        "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n";
    assert_eq!(piece(&encode("windows-1251", russian), TextOptions::default()).unwrap().0, russian);
    let named = |name: &str| TextOptions { encoding: name.parse().unwrap(), ..Default::default() };
    assert_eq!(piece(&encode("koi8-r", russian), named("koi8-r")).unwrap(), (russian.to_owned(), vec![]));
    assert_eq!(piece(text.as_bytes(), TextOptions::default()).unwrap(), (text.to_owned(), vec![]));
    // Whoever names UTF-8 wants no other.
    let error = piece(&windows, named("utf-8")).unwrap_err().to_string();
    assert!(error.starts_with("a.txt: byte 0xE4 at offset 5 (line 1) is not valid utf-8"), "{error}");
    let error = piece(b"\x82\xa0\n\x82\xa0\x81", named("shift_jis")).unwrap_err().to_string();
    assert!(error.contains("byte 0x81 at offset 5 (line 2) is not valid shift_jis"), "{error}");
    assert!("latin-1".parse::<Encoding>().is_ok() && "klingon".parse::<Encoding>().is_err());
}

/// A text in an encoding of one byte a character.
fn encode(name: &str, text: &str) -> Vec<u8> {
    let (bytes, _, bad) = encoding_rs::Encoding::for_label(name.as_bytes()).unwrap().encode(text);
    assert!(!bad);
    bytes.into_owned()
}

fn tokens(content: &[u8]) -> Vec<u32> {
    let options = TextOptions { any_bytes: true, ..Default::default() };
    let texts = Texts::of(content, Path::new("a.bin"), options).unwrap();
    let tokenizer = Tokenizer::train(Kind::Byte, []).unwrap();
    let stream = TokenStream::of(&tokenizer, &Section::whole(texts.into()), &Spill::to_scratch()).unwrap();
    let mut ids = vec![];
    stream.read(0..stream.len() - 1, &mut ids).unwrap();
    ids
}

proptest! {
    #[test]
    fn any_bytes_are_tokens(content in prop::collection::vec(prop_oneof![
        Just(vec![0]), Just(b"\r\n".to_vec()), Just("\u{10ff41}".as_bytes().to_vec()), Just(b"\xef\xbb\xbf".to_vec()),
        Just("ä".as_bytes().to_vec()), any::<u8>().prop_map(|byte| vec![byte])], 1..60)) {
        let content = [&[0, b'a'][..], &content.concat()].concat();
        prop_assume!(!content.windows(DOCUMENT_SEPARATOR.len()).any(|part| part == DOCUMENT_SEPARATOR.as_bytes()));
        let expected: Vec<u32> = content.iter().map(|&byte| u32::from(byte) + 1).collect();
        prop_assert_eq!(tokens(&content), expected);
    }

    #[test]
    fn lines_are_those_of_the_text(parts in prop::collection::vec(
        prop_oneof![Just("\n"), Just("\r"), Just("\r\n"), Just("a"), Just("ä€"), Just(" ")], 0..30), most in 1..5_usize) {
        let text = parts.concat();
        let folder = folder(&[("a", text.as_bytes())]);
        let mut lines = Lines::open(&folder.path().join("a"), Encoding::AUTO, most).unwrap();
        let mut read = vec![];
        loop {
            let batch = lines.next_batch().unwrap();
            if batch.is_empty() {
                break;
            }
            prop_assert!(batch.len() <= most);
            read.extend(batch);
        }
        let expected = text.replace("\r\n", "\n").replace('\r', "\n");
        let found: Vec<&str> = read.iter().map(|line| &*line.text).collect();
        prop_assert_eq!(found, expected.lines().collect::<Vec<_>>());
        prop_assert!(read.iter().zip(1..).all(|(line, number)| line.number == number));
    }
}

#[cfg(unix)]
#[test]
fn lines_of_a_pipe_come_before_it_ends_and_find_their_encoding() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    if !Path::new(&path).exists() {
        eprintln!("skipped: there is no /dev/fd");
        return;
    }
    let mut lines = Lines::open(path.as_ref(), Encoding::AUTO, 10).unwrap();
    writer.write_all(b"one\n").unwrap();
    assert_eq!(lines.next_batch().unwrap()[0].text, "one");
    writer.write_all(b"sch\xf6n\rund gr\xf6\xdfer").unwrap();
    drop(writer);
    let mut rest = vec![];
    loop {
        let batch = lines.next_batch().unwrap();
        if batch.is_empty() {
            break;
        }
        rest.extend(batch);
    }
    let found: Vec<_> = rest.iter().map(|line| (line.number, &*line.text)).collect();
    assert_eq!(found, [(2, "schön"), (3, "und größer")]);
    assert!(rest[0].note.as_ref().unwrap().contains("is read as windows-1252"), "{rest:?}");
}

#[test]
fn each_piece_of_a_text_in_utf_16_is_seen() {
    let text = "one\n<|endoftext|>\ntwö\n";
    let content: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let texts = Texts::of(content, Path::new("a.txt"), None).unwrap();
    let mut pieces = 0;
    texts
        .replay(|event| {
            pieces += usize::from(event == Event::End);
            Ok::<_, DataError>(())
        })
        .unwrap();
    assert_eq!((pieces, &*texts.pieces().unwrap()[1].text), (2, "twö\n"));
}

fn in_utf_16(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn utf_16_without_a_mark_is_known_by_its_zeros_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let long = "Ĩn Ċ lines\n".repeat(20_000);
    let texts = ["one\ntwö\n", "x", "Москва, Россия\nКиев\n", "一二三。\n四五六\n　一\n", "a 😀\n", &long];
    for (text, big) in texts.into_iter().flat_map(|text| [(text, false), (text, true)]) {
        fs::write(&path, in_utf_16(text, big)).unwrap();
        assert_eq!(read_text(&path, Encoding::AUTO).unwrap(), text, "{big}");
        let name = if big { "utf-16be" } else { "utf-16le" };
        let note = Encoding::AUTO.note(&path).unwrap().unwrap();
        assert!(note.contains(&format!("is read as {name}")), "{note}");
        let mut lines = Lines::open(&path, Encoding::AUTO, 1).unwrap();
        let first = lines.next_batch().unwrap().remove(0);
        assert_eq!((Some(&*first.text), first.note), (text.lines().next(), Some(note)));
        assert_eq!(look(&path, Encoding::AUTO).unwrap().kind, look::Kind::Text);
    }
    let numbers: Vec<u8> = (0..200u16).flat_map(u16::to_le_bytes).collect();
    let odd = [&in_utf_16("one\n", false)[..], b"x"].concat();
    // A zero in a text of UTF-8 makes no other alphabet of it.
    let (latin, chinese) = (b"K:C\r\n\n\n\0", "世界\n\0".as_bytes());
    for content in [&numbers[..], &odd, b"one\0two\0", b"\0\0\0\0", &in_utf_16("a\0b", true), latin, chinese]
    {
        fs::write(&path, content).unwrap();
        let error = read_text(&path, Encoding::AUTO).unwrap_err().to_string();
        assert!(error.contains("binary"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn utf_16_without_a_mark_comes_through_a_pipe() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    if !Path::new(&path).exists() {
        eprintln!("skipped: there is no /dev/fd");
        return;
    }
    writer.write_all(&in_utf_16("öne\ntwo\n", false)).unwrap();
    drop(writer);
    let mut lines = Lines::open(path.as_ref(), Encoding::AUTO, 10).unwrap();
    let first = lines.next_batch().unwrap().remove(0);
    assert_eq!(first.text, "öne");
    assert!(first.note.unwrap().contains("is read as utf-16le"));
}

//! What files and folders are taken for.

use std::path::Path;

use anaphora_data::Encoding;
use anaphora_data::look::{Kind, look};

use crate::{data, folder};

fn kind(path: &Path) -> Kind {
    look(path, Encoding::AUTO).unwrap().kind
}

#[test]
fn each_kind_of_file_is_told_from_text() {
    let many = |line: fn(usize) -> String| (0..40).map(line).collect::<String>();
    let series = "date,a,b\n".to_owned() + &many(|i| format!("2020-01-{:02},{i}.5,{}\n", i % 28 + 1, i * 2));
    // Whoever reads it says that the word is no number.
    let broken = series.replace("2020-01-11,10.5,", "2020-01-11,closed,");
    let german = "Datum;Preis\n".to_owned() + &many(|i| format!("{:02}.01.2020;{i}\n", i % 28 + 1));
    let numbers = many(|i| format!("{} {i}.25 {}.5 {}.5 {}.75\n", i % 2, i * 3, i * 7, i * 11));
    let tweets = many(|i| format!("{}\tI saw number {i} today\n", ["good", "bad"][i % 2]));
    let reviews = "text,score\n".to_owned() + &many(|i| format!("film number {i} was so,{}.{i}\n", i * 7));
    let films = many(|i| format!("{} a film of number {i}\n", i % 2));
    let pairs = many(|i| format!("the man number {i}\tder Mann Nummer {i}\n"));
    let words = "Rome\tB-LOC\nfell\tO\n\nthe\tO\nman\tO\n".repeat(5);
    let captions = "image,caption\n".to_owned() + &many(|i| format!("{i}.jpg,a dog of number {i}\n"));
    let fasttext = many(|i| format!("__label__a __label__b{} some, text {i}\n", i % 2));
    let novel = "He said, and went on; then came the 2 others.\n\nNobody spoke.\n".repeat(20);
    let verses = many(|i| format!("{} In the beginning there was {i}\n", i + 1));
    let dialogue = "A: well\nB: no\nA: so, then\n".repeat(10);
    for (name, content, expected) in [
        ("a.csv", &series, Kind::Series),
        ("b.csv", &german, Kind::Series),
        ("broken.csv", &broken, Kind::Series),
        ("numbers.txt", &numbers, Kind::LabelledNumbers),
        ("a.tsv", &tweets, Kind::LabelledTexts),
        ("tweets.txt", &tweets, Kind::LabelledTexts),
        ("reviews.csv", &reviews, Kind::Scores),
        ("films.txt", &films, Kind::LabelledTexts),
        ("pairs.txt", &pairs, Kind::Pairs),
        ("words.txt", &words, Kind::Tagged),
        ("words.conll", &words, Kind::Tagged),
        ("captions.csv", &captions, Kind::Captions),
        ("fasttext.txt", &fasttext, Kind::LabelledTexts),
        ("novel.txt", &novel, Kind::Text),
        ("verses.txt", &verses, Kind::Text),
        ("dialogue.txt", &dialogue, Kind::Text),
        ("a.json", &"{\"train\": [[[60, 64]]]}".to_owned(), Kind::Chords),
        ("tunes.txt", &"X:1\nK:C\nCDE|\n".to_owned(), Kind::Abc),
        ("empty.txt", &String::new(), Kind::Text),
    ] {
        let folder = folder(&[(name, content.as_bytes())]);
        assert_eq!(kind(&folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn paths_are_told_from_series_and_from_rows_of_classes() {
    let rows = |line: &dyn Fn(usize, usize) -> String| -> String {
        (0..8)
            .flat_map(|path| (0..10).map(move |step| (path, step)))
            .map(|(path, step)| line(path, step))
            .collect()
    };
    let x = |path: usize, step: usize| (path * 7 + step * step) as f64 / 4.0;
    let y = |path: usize, step: usize| (path as f64 - step as f64) * 1.5;
    // No order from row to row.
    let noise = |path: usize, step: usize| ((path * 31 + step * 17) * 7919 % 101) as f64 / 7.0;
    let plain = rows(&|p, s| format!("{p},{},{}\n", x(p, s), y(p, s)));
    let counted = rows(&|p, s| format!("bird{p};{s};{};{};{}\n", x(p, s), y(p, s), x(s, p)));
    let classes = rows(&|p, s| format!("{p},{},{},{}\n", noise(p, s), noise(s, p), noise(p + 3, s)));
    let frames = rows(&|p, s| format!("{p},{s},{},{}\n", noise(p, s), noise(s, p)));
    let months = rows(&|p, s| format!("{},{},{}\n", 1990 + p, s + 1, y(p, s)));
    let days = rows(&|p, s| format!("{},{},{},{}\n", 1990 + p, 1 + s / 5, 1 + s % 5, y(p, s)));
    let mixed = rows(&|p, s| format!("{},{},{}\n", s, x(p, s), y(p, s)));
    for (header, content, expected) in [
        ("path,x,y\n", &plain, Kind::Paths),
        ("", &plain, Kind::Paths),
        ("track;frame;x;y;z\n", &counted, Kind::Paths),
        ("label,a,b,c\n", &classes, Kind::LabelledNumbers),
        ("frame,id,x,y\n", &frames, Kind::Series),
        ("year,month,value\n", &months, Kind::Series),
        ("", &months, Kind::Series),
        ("", &days, Kind::Series),
        ("year,month,day,value\n", &days, Kind::Series),
        ("a,b,c\n", &mixed, Kind::Series),
    ] {
        let folder = folder(&[("a.csv", (header.to_owned() + content).as_bytes())]);
        assert_eq!(kind(&folder.path().join("a.csv")), expected, "{header}{}", &content[..60]);
    }
}

#[test]
fn each_kind_of_folder_is_told_from_texts() {
    for (files, expected) in [
        (&["a.txt", "b.txt"][..], Kind::Text),
        (&["a.abc", "b.txt"], Kind::Abc),
        (&["a.mid"], Kind::Midi),
        (&["dog/a.wav"], Kind::Sounds),
        (&["dog/a.png", "cat/b.jpg"], Kind::Pictures),
        (&["captions.csv", "images/a.png"], Kind::Captions),
    ] {
        let place = tempfile::tempdir().unwrap();
        for name in files {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "word\n").unwrap();
        }
        assert_eq!(kind(place.path()), expected, "{files:?}");
    }
    assert!(look(Path::new("/nowhere/at/all"), Encoding::AUTO).is_err());
}

#[test]
fn the_real_files() {
    for (name, expected) in [
        ("series/ETTh1.csv", Kind::Series),
        ("series/AirPassengers.csv", Kind::Series),
        ("series/monthly-sunspots.csv", Kind::Series),
        ("series/exchange_rate.csv", Kind::Series),
        ("series/ECG5000_TRAIN.txt", Kind::LabelledNumbers),
        ("sentiment/sst2.train.txt", Kind::LabelledTexts),
        ("sentiment/vader_tweets.txt", Kind::Scores),
        ("biology/splice.data", Kind::LabelledTexts),
        ("text/tinyshakespeare.txt", Kind::Text),
        ("translation/multi30k.train.de", Kind::Text),
        ("music/irish.abc", Kind::Abc),
        ("music/jsb-chorales-quarter.json", Kind::Chords),
        ("names", Kind::Text),
        ("audio/fsdd", Kind::Sounds),
        ("images", Kind::Pictures),
        ("captions", Kind::Captions),
    ] {
        let Some(path) = data(name) else { return };
        assert_eq!(kind(&path), expected, "{name}");
    }
}

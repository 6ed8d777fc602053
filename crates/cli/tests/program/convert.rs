//! `anaphora convert` on real files.

use crate::common::{Workplace, names};

const TWO: &str = "\
X:1
T:The Gale
M:4/4
L:1/8
K:D
|:DEFG ABcd|d8:|

X:2
T:O'Neill's ?
M:3/4
L:1/4
K:G
GAB|^ dcA|G3|]
";

#[test]
fn every_tune_becomes_a_file() {
    let place = Workplace::new();
    place.write("two.abc", TWO);
    let called = place.call(&["convert", "two.abc", "--to", "midi"]);
    assert_eq!(called.stderr.lines().count(), 1, "{called:?}");
    assert!(called.stderr.starts_with("two.abc:13:"), "{called:?}");
    assert_eq!(called.ok(), "2 tunes written to two/, 1 problem reported\n");
    assert_eq!(names(&place.path("two")), ["1-the-gale.mid", "2-oneills.mid"]);

    let lines = place.call(&["convert", "two.abc", "--to", "wav", "--out", "a/b", "--json"]).json();
    assert_eq!(names(&place.path("a/b")), ["1-the-gale.wav", "2-oneills.wav"]);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["title"], &lines[0]["notes"]), (&"The Gale".into(), &18.into()));
    assert_eq!(lines[1]["problems"][0]["line"], 13);
    let wav = place.read("a/b/1-the-gale.wav");
    assert_eq!((&wav[..4], &wav[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    assert!(wav[44..].iter().any(|&byte| byte != 0), "it sounds");
}

#[test]
fn midi_and_abc_lead_back_to_each_other() {
    let place = Workplace::new();
    let one = TWO.split("\n\n").next().unwrap();
    place.write("one.abc", one);
    assert_eq!(place.call(&["convert", "one.abc", "--to", "midi"]).ok(), "1 tune written to one.mid\n");
    let sentence = place.call(&["convert", "one.abc", "--to", "abc"]).refused(2);
    assert_eq!(sentence, "one.abc would be written over; choose another folder with --out");
    assert_eq!(place.read("one.abc"), one.as_bytes());
    place.call(&["convert", "one.mid", "--to", "abc", "--out", "back"]).ok();
    place.call(&["convert", "back/one.abc", "--to", "midi", "--out", "back"]).ok();
    let pitches = |name: &str| {
        let score = anaphora_music::midi::read(&place.read(name)).unwrap();
        let notes = score.parts[0].notes.iter().map(|note| (note.start, note.duration, note.pitch));
        notes.collect::<Vec<_>>()
    };
    assert_eq!(pitches("one.mid").len(), 18);
    assert_eq!(pitches("one.mid"), pitches("back/one.mid"));
}

#[test]
fn only_a_file_without_any_tune_fails() {
    let place = Workplace::new();
    place.write("half.abc", "X:1\nT:Nothing\nK:C\n\nX:2\nK:C\nCDEF|]\n");
    let called = place.call(&["convert", "half.abc", "--to", "midi", "--json"]);
    assert!(called.stderr.contains("half.abc:1:1: the tune has no notes and is left out"), "{called:?}");
    let lines = called.json();
    assert!(lines[0]["file"].is_null());
    assert_eq!(lines[1]["file"], "half/2.mid");
    assert_eq!(names(&place.path("half")), ["2.mid"]);
    for (content, said) in [
        (&b"X:1\nT:Nothing\nK:C\n"[..], "there is no tune with notes in it"),
        (b"A letter.\n", "no tune found"),
        (b"", "the file is empty"),
        (
            b"X:1\nT:Sch\xc3\xb6n \xc3\xb6\xf6\nK:C\nC|\n",
            "byte 0xF6 at offset 15 (line 2) is not valid utf-8",
        ),
        (b"X:1\0", "a binary file"),
        (b"MThd\0\0\0\x06\0\x01", "this is not a readable MIDI file"),
    ] {
        place.write("bad.abc", content);
        let sentence = place.call(&["convert", "bad.abc", "--to", "wav"]).refused(1);
        assert!(sentence.starts_with("bad.abc: ") && sentence.contains(said), "{sentence}");
    }
    place.write("bad.sf2", "no font");
    let call = ["convert", "half.abc", "--to", "wav", "--soundfont", "bad.sf2"];
    assert!(place.call(&call).refused(1).starts_with("bad.sf2: this is not a readable SoundFont"));
}

#[test]
fn nothing_is_written_over_unless_asked_for() {
    let place = Workplace::new();
    let one = TWO.split("\n\n").next().unwrap();
    place.write("song.abc", one);
    place.call(&["convert", "song.abc", "--to", "midi"]).ok();
    place.write("song.abc", "X:1\nT:By hand\nK:C\nC|\n");
    let back = ["convert", "song.mid", "--to", "abc"];
    let sentence = place.call(&back).refused(2);
    assert_eq!(sentence, "song.abc is there already; write over it with --force, or name another");
    assert!(place.read("song.abc").starts_with(b"X:1\nT:By hand"));
    place.call(&[&back[..], &["--force"]].concat()).ok();
    assert!(place.read("song.abc").starts_with(b"X:1\nT:The Gale"));
    let sentence = place.call(&["convert", "song.abc", "--to", "abc", "--force"]).refused(2);
    assert!(sentence.starts_with("song.abc would be written over"), "{sentence}");

    // Of several tunes none is written where one of them is there.
    place.write("two.abc", TWO);
    std::fs::create_dir(place.path("two")).unwrap();
    place.write("two/2-oneills.mid", "mine");
    let sentence = place.call(&["convert", "two.abc", "--to", "midi"]).refused(2);
    assert!(sentence.starts_with("two/2-oneills.mid is there already"), "{sentence}");
    assert_eq!(names(&place.path("two")), ["2-oneills.mid"]);
}

#[test]
fn lines_may_end_as_on_any_system() {
    let place = Workplace::new();
    let mut found = Vec::new();
    for (name, end) in [("unix", "\n"), ("windows", "\r\n"), ("macintosh", "\r")] {
        place.write(&format!("{name}.abc"), TWO.replace('\n', end));
        let called = place.call(&["convert", &format!("{name}.abc"), "--to", "midi"]);
        assert!(called.stderr.starts_with(&format!("{name}.abc:13:")), "{called:?}");
        called.ok();
        found.push([
            place.read(&format!("{name}/1-the-gale.mid")),
            place.read(&format!("{name}/2-oneills.mid")),
        ]);
    }
    assert!(found[0] == found[1] && found[0] == found[2]);
}

#[test]
fn midi_files_as_people_have_them() {
    let place = Workplace::new();
    let one = TWO.split("\n\n").next().unwrap();
    place.write("one.abc", one);
    place.call(&["convert", "one.abc", "--to", "midi"]).ok();
    let file = place.read("one.mid");
    let size = |length: usize| (length as u32).to_le_bytes();
    let data = [b"RMIDdata", &size(file.len())[..], &file].concat();
    place.write("wrapped.rmi", [b"RIFF", &size(data.len())[..], &data].concat());
    place.write("behind.mid", [&file[..], b"\r\n"].concat());
    let notes = |name: &str| {
        let call = ["convert", name, "--to", "midi", "--out", "again", "--force", "--json"];
        place.call(&call).json()[0]["notes"].as_u64().unwrap()
    };
    assert_eq!(["one.mid", "wrapped.rmi", "behind.mid"].map(notes), [18, 18, 18]);
    let track = b"\0\x90\x3c\x50\x60\x3c\0\0\x90\x3e\xc8";
    let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0b";
    place.write("broken.mid", [&header[..], track].concat());
    let sentence = place.call(&["convert", "broken.mid", "--to", "abc"]).refused(1);
    assert_eq!(
        sentence,
        "broken.mid: track 1 of this MIDI file cannot be read from its byte 7 on: \
         a note has pitch 62 and velocity 200; both are 127 at most"
    );
}

//! Music of several voices, through the binary.

use crate::common::{Workplace, names};
use anaphora_data::events::EventOptions;
use anaphora_data::roll::Note;
use anaphora_music::midi;

/// Calls `train` with what is trained in a moment.
fn train(place: &Workplace, call: &[&str]) {
    let short = ["--steps=30", "--out=run"];
    let called = place.train(&[call, &short].concat());
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert!(called.stderr.ends_with("Write with     anaphora generate run\n"), "{called:#?}");
}

#[test]
fn chords_are_learnt_scored_and_written() {
    for notes in ["independent", "conditioned"] {
        let place = Workplace::new();
        train(&place, &["--builtin=chorales", "--notes", notes]);
        let report = place.call(&["evaluate", "run", "--split=test", "--json"]).json().remove(0);
        let nats = report["nats_a_frame"].as_f64().unwrap();
        assert!((3.0..25.0).contains(&nats), "{report}");
        assert_eq!(report["examples"], 30);

        let write = |more: &[&str]| {
            let call = ["generate", "run", "--tokens=8", "--seed=3", "--json", "--out=new"];
            place.call(&[&call, more].concat()).json()
        };
        let pieces = write(&["--count=2", "--wav"]);
        let mut written = names(&place.path("new"));
        assert_eq!(written, ["piece-1.mid", "piece-1.wav", "piece-2.mid", "piece-2.wav"]);
        assert!(pieces[0]["frames"].as_u64().unwrap() <= 8);
        let midi = place.read("new/piece-1.mid");
        assert!(midi.starts_with(b"MThd") && place.read("new/piece-1.wav").starts_with(b"RIFF"));
        write(&[]);
        written = names(&place.path("new"));
        assert!(written.contains(&"piece-3.mid".to_owned()), "nothing is written over: {written:?}");
        assert_eq!(place.read("new/piece-3.mid"), midi, "the same seed writes the same");
        write(&["--prime=new/piece-1.mid"]);
        assert!(place.read("new/piece-4.mid").len() > midi.len());
    }
}

#[test]
fn midi_files_are_learnt_as_chords() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 12);
    place.call(&["convert", "tunes.abc", "--to=midi", "--out=midi"]).ok();
    train(&place, &["midi", "--task=chorales", "--set=data.frame=0.5", "--set=data.test_every=4"]);
    let report = place.call(&["evaluate", "run", "--split=test", "--json"]).json().remove(0);
    assert_eq!(report["examples"], 3);
}

#[test]
fn midi_files_are_learnt_as_events_and_carried_on() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 12);
    place.call(&["convert", "tunes.abc", "--to=midi", "--out=midi"]).ok();
    let first = names(&place.path("midi")).remove(0);
    let first = format!("midi/{first}");
    train(&place, &["midi", "--task=events"]);
    let report = place.call(&["evaluate", "run", "--json"]).json().remove(0);
    assert!((0.5..6.5).contains(&report["nats_an_event"].as_f64().unwrap()), "{report}");
    let call = ["generate", "run", "--tokens=60", "--seed=1", "--json", "--out=new"];
    let piece = place.call(&call).json().remove(0);
    assert!(piece["events"].as_u64().unwrap() <= 60, "{piece}");
    let prime = ["--prime", &first, "--wav"];
    let more = place.call(&[&call[..], &prime[..]].concat()).json().remove(0);
    assert!(more["notes"].as_u64() > piece["notes"].as_u64(), "the notes that it goes on from are in it");
    assert!(place.read("new/piece-2.wav").len() > 44);
    let sentence = place.call(&[&call[..], &["--key=D"]].concat()).refused(2);
    assert!(sentence.contains("--key is for text"), "{sentence}");

    // Cut in half.
    let whole = place.read(&first);
    place.write("midi/000-half.mid", &whole[..whole.len() / 2]);
    let again = ["midi", "--task=events", "--steps=2", "--out=again"];
    let sentence = place.train(&again).refused(1);
    assert!(sentence.starts_with("midi/000-half.mid: this MIDI file is cut off"), "{sentence}");
    let skipped = place.train(&[&again[..], &["--set=data.skip_bad=true"]].concat());
    assert_eq!(skipped.code, Some(0), "{skipped:#?}");
    assert!(skipped.stderr.contains("midi/000-half.mid: this MIDI file is cut off"), "{}", skipped.stderr);
    assert!(skipped.stderr.contains("it was passed over"), "{}", skipped.stderr);
    let sentence = place.call(&["generate", "run", "--prime", "midi/000-half.mid"]).refused(1);
    assert!(sentence.contains("cut off"), "{sentence}");
}

#[test]
fn a_folder_of_midi_files_is_read_whole_or_its_faults_are_told() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("midi")).unwrap();
    // Eight notes, with something between the fourth and the fifth.
    let file = |between: &[u8]| {
        let note = |pitch: u8| [0, 0x90, pitch, 80, 0x60, 0x80, pitch, 64];
        let notes = |pitches: std::ops::Range<u8>| pitches.flat_map(note).collect::<Vec<u8>>();
        let track = [&notes(60..64)[..], between, &notes(64..68), b"\0\xff\x2f\0"].concat();
        let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
        [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat()
    };
    for number in 0..6 {
        place.write(&format!("midi/{number}.mid"), file(b""));
    }
    place.write("midi/6.mid", file(b"\0\xff\x59\0"));
    place.write("midi/7.rmi", file(b"\0\xff\x01\x02hi"));
    let whole = |task: &str| {
        let out = format!("--out={task}");
        let call = ["midi", &format!("--task={task}"), "--steps=1", &out, "--json"];
        let events = place.train(&call).json();
        let started = events.iter().find(|event| event["event"] == "started").unwrap().clone();
        [&started["examples"], &started["units"]]
            .map(|of| of["train"].as_u64().unwrap() + of["validation"].as_u64().unwrap())
    };
    // A frame a quarter; beginnings and ends, times between them, one velocity, the end of the piece.
    assert_eq!(whole("chorales"), [8, 64]);
    let [pieces, units] = whole("events");
    assert_eq!(pieces, 8);
    assert_eq!(units % 8, 0, "all pieces have as many events: {units}");

    place.write("midi/8.mid", file(b"\0\x90\x40\xc8"));
    for task in ["chorales", "events"] {
        let task = format!("--task={task}");
        let call = ["midi", &task, "--steps=1", "--out=again"];
        let sentence = place.train(&call).refused(1);
        assert!(sentence.starts_with("midi/8.mid: track 1 of this MIDI file cannot be read"), "{sentence}");
        let called = place.train(&[&call[..], &["--skip-bad"]].concat());
        assert!(called.stderr.contains("midi/8.mid: track 1"), "{called:#?}");
        assert!(called.stderr.contains("it was passed over"), "{called:#?}");
        called.ok();
        std::fs::remove_dir_all(place.path("again")).unwrap();
    }
    std::fs::remove_file(place.path("midi/8.mid")).unwrap();

    // What is wrong with one file's notes names that file.
    let far = ["midi", "--task=chorales", "--steps=1", "--out=far", "--set=data.frame=0.0000001"];
    let sentence = place.train(&far).refused(1);
    assert!(sentence.starts_with("midi/0.mid: steps of"), "{sentence}");
    place.call(&["generate", "chorales", "--prime=midi/7.rmi", "--tokens=2", "--out=new"]).ok();
    let high: Vec<u8> = file(b"").iter().map(|&byte| if byte == 67 { 99 } else { byte }).collect();
    std::fs::create_dir(place.path("high")).unwrap();
    place.write("high/a.mid", file(b""));
    place.write("high/b.mid", high);
    let sentence = place.call(&["evaluate", "chorales", "--data=high"]).refused(1);
    assert!(sentence.starts_with("high/b.mid: the pitch 99 sounds"), "{sentence}");
}

#[test]
fn what_is_no_music_of_several_voices_is_refused() {
    let place = Workplace::new();
    place.write("chords.json", r#"{"train": [[[60, 200]]], "valid": [], "test": []}"#);
    place.write("empty.json", r#"{"train": [[[60]]], "valid": [], "test": []}"#);
    place.write("notes.txt", "no music");
    let refused = |path: &str| place.train(&[path, "--task=chorales", "--steps=1"]).refused(1);
    assert!(refused("chords.json").contains("train piece 1, frame 1: the pitch 200"));
    assert!(refused("empty.json").contains("there is no piece to validate on"));
    assert!(refused("notes.txt").starts_with("notes.txt: this is not a readable MIDI file"));
    std::fs::create_dir(place.path("folder")).unwrap();
    assert!(refused("folder").contains("there is no MIDI file"));
}

#[test]
fn real_tunes_come_back_from_their_events() {
    let data = std::env::var("ANAPHORA_DATA").map(std::path::PathBuf::from);
    let data = data.unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into());
    let tunes = data.join("music/irish.abc");
    if !tunes.exists() {
        eprintln!("skipped: {} is missing", tunes.display());
        return;
    }
    let place = Workplace::new();
    place.call(&["convert", tunes.to_str().unwrap(), "--to=midi", "--out=midi"]).ok();
    let options = EventOptions::default();
    let files = names(&place.path("midi"));
    assert!(files.len() > 700, "{} tunes", files.len());
    let mut furthest = 0.0f64;
    for file in files {
        let score = midi::read(&place.read(&format!("midi/{file}"))).unwrap();
        let note = |(start, end, note): (f64, f64, anaphora_music::Note)| Note {
            start,
            end,
            pitch: note.pitch,
            velocity: note.velocity,
        };
        let notes: Vec<Note> = score.in_seconds().into_iter().map(note).collect();
        let ids = options.encode(&notes).unwrap();
        let decoded = options.decode(ids.iter().copied());
        assert_eq!((&decoded.notes, decoded.stray), (&options.quantise(&notes).unwrap(), 0), "{file}");
        // Each note that begins is there, within half a step.
        for heard in &decoded.notes {
            let near = |note: &&Note| note.pitch == heard.pitch;
            let least = notes.iter().filter(near).map(|note| (note.start - heard.start).abs());
            furthest = furthest.max(least.fold(f64::INFINITY, f64::min));
        }
    }
    assert!(furthest <= options.step / 2.0 + 1e-9, "{furthest}");
}

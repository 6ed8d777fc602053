//! `POST /api/novelty`, `POST /api/sound`.

use serde_json::{Value, json};

use crate::common::{Server, bytes, file, shared, train_on};

#[test]
fn texts_are_compared_with_what_was_learnt() {
    let tunes = shared().post("/api/look", &json!({ "builtin": "tunes" })).json(200);
    let learnt = tunes["examples"][0]["text"].as_str().unwrap();
    let body = learnt.find("\nK:").map(|at| at + 1 + learnt[at + 1..].find('\n').unwrap() + 1).unwrap();
    let (header, notes) = learnt.split_at(body);
    let (copied, own) = (&notes[..40], "zzzz?!äöü?!zzzzzzzz");
    let text = format!("{header}{own}{copied}{own}");
    let ask = json!({ "model": "tunes", "texts": [text, "äb", own] });
    let found = shared().post("/api/novelty", &ask).json(200);
    assert_eq!(found["notes"], json!([]));
    let [mixed, short, foreign] = &found["texts"].as_array().unwrap()[..] else { panic!("{found}") };
    let from = header.chars().count() + own.chars().count();
    assert_eq!(mixed["copied"], json!([[from, from + 40]]), "{mixed}");
    assert!(mixed["longest"].as_u64() >= Some(40) && mixed["passage"].as_str().unwrap().contains(copied));
    let passages = (40 + 2 * own.chars().count() - 15) as f64;
    assert!((mixed["share"].as_f64().unwrap() - 25.0 / passages).abs() < 1e-9, "{mixed}");
    assert_eq!((&short["share"], &short["copied"], &short["window"]), (&Value::Null, &json!([]), &json!(16)));
    assert_eq!((&foreign["copied"], &foreign["share"]), (&json!([]), &json!(0.0)));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let refused = |body: Value| shared().post("/api/novelty", &body).refused(400).1;
    assert_eq!(refused(json!({ "model": "names", "texts": ["a"] })), "model");
    assert_eq!(refused(json!({ "model": "tunes" })), "texts");
    assert_eq!(refused(json!({ "model": "tunes", "texts": vec!["a"; 65] })), "texts");
    assert_eq!(refused(json!({ "model": "tunes", "texts": ["a".repeat(1 << 18), "b".to_owned()] })), "texts");
    shared().post("/api/novelty", &json!({ "model": "nothing", "texts": [] })).refused(404);

    // Training data that are gone are no error, and their place is told nobody.
    let server = Server::new("compared");
    let data = server.folder.join("a tale.txt");
    std::fs::write(&data, "One day a king came to the sea and said nothing at all.\n\n".repeat(20)).unwrap();
    train_on(&server.folder, "tale", &data);
    let ask = json!({ "model": "tale", "texts": ["One day a king came to the hills."] });
    let found = server.post("/api/novelty", &ask).json(200);
    assert_eq!(found["texts"][0]["copied"], json!([[0, 27]]), "{found}");
    std::fs::remove_file(&data).unwrap();
    let found = server.post("/api/novelty", &ask).json(200);
    assert_eq!(found["texts"], json!([]));
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.contains("cannot be read") && !note.contains(server.folder.to_str().unwrap()), "{note}");
}

const TUNE: &str = "X:1\nT:Käse\nM:4/4\nL:1/4\nQ:1/4=60\nK:D\nD2-D f|[Fa]4|]\n";

#[test]
fn a_tune_is_heard() {
    let hear = |body: Value| shared().post("/api/sound", &body).json(200);
    let found = hear(json!({ "abc": TUNE }));
    assert_eq!((&found["problems"], &found["seconds"]), (&json!([]), &json!(8.0)), "{found}");
    let object = found.as_object().unwrap();
    assert!(["text", "midi", "wav"].iter().all(|form| !object.contains_key(*form)));
    let roll = &found["roll"];
    assert_eq!((&roll["title"], &roll["abc"]), (&json!("Käse"), &json!(TUNE)));
    let place = |what: &str| TUNE[..TUNE.find(what).unwrap()].chars().count();
    assert_eq!(roll["notes"][0], json!({ "start": 0.0, "seconds": 3.0, "pitch": 62, "step": place("D2-") }));
    assert_eq!(roll["notes"][1]["step"], place(" f|") + 1);
    assert_eq!(roll["sound"]["seconds"], 8.0);
    assert!(bytes(&roll["sound"]["wav"]).starts_with(b"RIFF"));

    let all = hear(json!({ "abc": TUNE, "formats": ["abc", "midi", "wav"] }));
    assert!(bytes(&all["midi"]).starts_with(b"MThd") && bytes(&all["wav"]).starts_with(b"RIFF"));
    assert!(all["text"] == TUNE && all.get("roll").is_none());
    // The same as a file, and as MIDI, in which no note has a place.
    assert_eq!(hear(json!({ "file": file("a.ABC", TUNE.as_bytes()) })), found);
    let midi = hear(json!({ "file": file("a.mid", &bytes(&all["midi"])), "formats": ["roll", "abc"] }));
    assert_eq!(
        (&midi["roll"]["notes"][0]["pitch"], &midi["roll"]["notes"][0]["step"]),
        (&json!(62), &Value::Null)
    );
    assert!(
        midi["text"].as_str().unwrap().starts_with("X:") && midi["seconds"].as_f64() > Some(7.9),
        "{midi}"
    );

    // What is wrong is told with its line, and the rest is heard.
    let found = hear(json!({ "abc": format!("{TUNE}\nX:2\nK:C\nCDE|\n") }));
    assert_eq!(found["problems"], json!(["the text has 2 tunes, and the first of them is heard"]));
    let found = hear(json!({ "abc": "X:1\nL:1/4\nK:D\nD2 ? f|\n" }));
    assert!(found["problems"][0].as_str().unwrap().starts_with("line 4, column 4: "), "{found}");
}

#[test]
fn what_has_no_note_has_no_sound_and_what_is_no_music_is_refused() {
    let refused = |body: Value| shared().post("/api/sound", &body).refused(400);
    for silent in ["", "no tune", "X:1\nK:C\n", "X:1\nK:C\nz4|\n"] {
        let formats = json!(["roll", "midi", "wav"]);
        let found = shared().post("/api/sound", &json!({ "abc": silent, "formats": formats })).json(200);
        let forms = ["roll", "midi", "wav"].map(|form| found.get(form));
        assert_eq!((forms, &found["seconds"]), ([None; 3], &json!(0.0)), "{silent:?}");
    }
    assert_eq!(refused(json!({})).1, "abc");
    assert_eq!(refused(json!({ "abc": TUNE, "file": file("a.abc", b"X:1") })).1, "file");
    assert_eq!(refused(json!({ "file": file("a.mid", b"no MIDI") })).1, "file");
    assert_eq!(refused(json!({ "file": file("a.wav", b"RIFF") })).1, "file");
    assert_eq!(refused(json!({ "abc": TUNE, "formats": ["mp3"] })).1, "formats");
    assert_eq!(refused(json!({ "abc": "C".repeat((1 << 18) + 1) })).1, "abc");
    let long = format!("X:1\nL:1/1\nQ:1/4=10\nK:C\n{}|\n", "C8".repeat(300));
    assert_eq!(refused(json!({ "abc": long, "formats": ["wav"] })).1, "formats");
    let many = format!("X:1\nL:1/64\nK:C\n{}|\n", "C".repeat(100_001));
    assert!(refused(json!({ "abc": many })).0.contains("100001 notes"));
}

#[test]
fn what_sounds_beyond_measure_is_refused_at_once() {
    // Few notes and minutes, but each note sounds through all of them.
    let octave = |marks: &str| "CDEFGAB".chars().map(|note| format!("{note}{marks}")).collect::<String>();
    let chord: String = [",,", ",", "", "'", "''"].map(octave).concat();
    let chord = format!("[{chord}]25-|").repeat(16);
    let bomb = format!("X:1\nM:none\nL:1/1\nQ:1/4=120\nK:C\n{chord}\n");
    let begun = std::time::Instant::now();
    let refused = shared().post("/api/sound", &json!({ "abc": bomb, "formats": ["wav"] })).refused(400);
    assert_eq!(refused.1, "formats");
    assert!(refused.0.starts_with("the notes of these pieces sound more than"), "{}", refused.0);
    assert!(begun.elapsed().as_secs() < 20);
    let told =
        shared().post("/api/sound", &json!({ "abc": format!("X:1\nK:C\n{}C|", "{".repeat(5000)) })).json(200);
    let problems = told["problems"].as_array().unwrap();
    assert!(
        problems.len() == 101 && problems[100].as_str().unwrap().contains("other places"),
        "{}",
        problems.len()
    );
}

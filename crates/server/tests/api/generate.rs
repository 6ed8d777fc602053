//! `POST /api/generate`.

use serde_json::{Value, json};

use crate::common::{bytes, file, shared};

fn generate(body: Value) -> Value {
    shared().post("/api/generate", &body).json(200)
}

#[test]
fn tunes_are_written_in_all_forms() {
    let prompt = "X:1\nT:A\nM:4/4\nL:1/4\nK:C\nCDEF|";
    let ask = json!({ "model": "tunes", "prompt": prompt, "n": 2, "seed": 7, "max_tokens": 30, "retry": 0,
                      "formats": ["abc", "midi", "wav", "roll"], "novelty": true });
    let found = generate(ask.clone());
    let pieces = found["pieces"].as_array().unwrap();
    assert_eq!((pieces.len(), &found["seed"], &found["notes"]), (2, &json!(7), &json!([])));
    for piece in pieces {
        assert!(piece["text"].as_str().unwrap().starts_with(prompt), "{piece}");
        assert_eq!(piece["complete"] == true, piece["reason"].is_null());
        assert!(bytes(&piece["midi"]).starts_with(b"MThd") && bytes(&piece["wav"]).starts_with(b"RIFF"));
        assert_eq!(piece["novelty"]["window"], 16);
        let (roll, first) = (&piece["roll"], &piece["roll"]["notes"][0]);
        assert_eq!((&roll["title"], &roll["abc"]), (&json!("A"), &piece["text"]));
        assert_eq!(
            (&first["start"], &first["pitch"], &first["step"]),
            (&json!(0.0), &json!(60), &Value::Null)
        );
        assert!(bytes(&roll["sound"]["wav"]).starts_with(b"RIFF"), "{roll}");
    }
    assert_ne!(pieces[0]["text"], pieces[1]["text"]);
    assert!(found == generate(ask), "the same seed, the same pieces");

    let usual = generate(json!({ "model": "tunes", "max_tokens": 20, "retry": 1 }));
    let piece = usual["pieces"][0].as_object().unwrap();
    assert!(piece["text"].as_str().unwrap().starts_with("X:"), "{usual}");
    assert!(!piece.contains_key("midi") && !piece.contains_key("novelty"));
    assert_eq!((&piece["complete"], piece["reason"].is_string()), (&json!(false), true));
}

#[test]
fn header_fields_are_set() {
    let fields = json!({ "K": "d mixolydian", "M": "6/8" });
    let ask =
        json!({ "model": "tunes", "prompt": "X:1\nM:", "fields": { "K": "D" }, "max_tokens": 10, "seed": 1 });
    generate(ask);
    let refused = |body: Value| shared().post("/api/generate", &body).refused(400);
    let ask = |fields: Value| json!({ "model": "tunes", "prompt": "X:1\nK:C\n", "fields": fields });
    for fields in
        [fields, json!({ "K": "H" }), json!({ "T": "A" }), json!({ "Key": "D" }), json!({ "M": "x" })]
    {
        assert_eq!(refused(ask(fields)).1, "fields");
    }
}

#[test]
fn music_of_several_voices_is_written() {
    for model in ["chorales", "played"] {
        let ask = json!({ "model": model, "n": 2, "seed": 3, "max_tokens": 12, "formats": ["midi", "abc"] });
        let found = generate(ask.clone());
        let pieces = found["pieces"].as_array().unwrap();
        assert_eq!(pieces.len(), 2);
        for piece in pieces {
            assert_eq!(piece["complete"] == true, piece["reason"].is_null(), "{piece}");
            assert!(piece["text"].as_str().unwrap().starts_with("X:"), "{piece}");
        }
        assert!(found == generate(ask));
        let Some(begun) = pieces.iter().find(|piece| piece["midi"].is_string()) else { continue };
        let prompt = file("begun.mid", &bytes(&begun["midi"]));
        let ask = json!({ "model": model, "prompt": prompt, "max_tokens": 4 });
        let on = generate(ask);
        assert!(bytes(&on["pieces"][0]["midi"]).starts_with(b"MThd"), "{on}");
        let ask = json!({ "model": model, "prompt": file("begun.mid", b"nothing") });
        let (message, param) = shared().post("/api/generate", &ask).refused(400);
        assert!(param == "prompt" && message.contains("begun.mid"), "{message}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let refused = |body: Value| shared().post("/api/generate", &body).refused(400);
    let (message, param) = refused(json!({ "model": "names" }));
    assert!(message.contains("/api/predict") && param == "model", "{message}");
    assert_eq!(refused(json!({ "model": "tunes", "n": 0 })).1, "n");
    assert_eq!(refused(json!({ "model": "tunes", "n": 64, "max_tokens": 100_000 })).1, "max_tokens");
    assert_eq!(refused(json!({ "model": "tunes", "temperature": -1 })).1, "temperature");
    assert_eq!(refused(json!({ "model": "tunes", "top_p": 0 })).1, "top_p");
    assert_eq!(refused(json!({ "model": "tunes", "formats": ["mp3"] })).1, "formats");
    assert_eq!(refused(json!({ "model": "tunes", "prompt": "\u{1F600}" })).1, "prompt");
    assert_eq!(refused(json!({ "model": "tunes", "prompt": file("a.abc", b"X:1") })).1, "prompt");
    assert_eq!(refused(json!({ "model": "chorales", "prompt": "X:1" })).1, "prompt");
    assert_eq!(refused(json!({ "model": "chorales", "fields": { "K": "D" } })).1, "fields");
    assert_eq!(refused(json!({ "model": "played", "retry": 3 })).1, "retry");
    assert_eq!(refused(json!({ "model": "tunes", "tokens": 3 })).1, "tokens");
}

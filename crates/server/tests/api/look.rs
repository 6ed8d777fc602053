//! `POST /api/look`.

use serde_json::{Value, json};

use crate::common::{base64, bytes, file, picture, shared, tiny};
use crate::data::upload;

fn look(body: &Value) -> Value {
    shared().post("/api/look", body).json(200)
}

fn setting<'a>(found: &'a Value, field: &str) -> Option<&'a Value> {
    found["fields"].as_array().unwrap().iter().find(|setting| setting["field"] == field)
}

#[test]
fn what_of_tunes_cannot_be_read_is_told_with_its_line() {
    let tune = |k: usize| format!("X:{k}\nT:A\nM:4/4\nL:1/8\nK:D\nDEFG|\n\n");
    let text = (1..9).map(tune).collect::<String>() + "X:9\nM:9/0\nK:D\nDE?F|\n";
    let found = look(&json!({ "data": file("mine.abc", text.as_bytes()) }));
    let notes: Vec<&str> = found["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for line in ["line 58, ", "line 60, "] {
        assert!(notes.iter().any(|note| note.starts_with(line)), "{notes:?}");
    }
}

#[test]
fn every_task_shows_what_it_would_learn() {
    for (builtin, task, example) in [
        ("tunes", "music", "X:1"),
        ("names", "classify", "a"),
        ("reverse", "translate", "1"),
        ("scenes", "caption", "circle"),
        ("seasonal", "forecast", "step, "),
        ("ball", "trajectory", "step, "),
        ("adding", "memory", "*"),
        ("copy", "memory", "0"),
        ("phrases", "tag", "the"),
        ("prices", "regress", "s"),
        ("shapes", "classify", ""),
        ("waves", "classify", "0."),
        ("chorales", "chorales", "X:1"),
        ("played", "events", "X:"),
    ] {
        let found = look(&json!({ "builtin": builtin }));
        assert_eq!(
            (&found["name"], &found["task"], &found["found"]),
            (&json!(builtin), &json!(task), &Value::Null)
        );
        let examples = found["examples"].as_array().unwrap();
        assert!(examples.len() >= if task == "forecast" { 1 } else { 3 }, "{builtin}: {examples:?}");
        assert!(
            examples.iter().any(|shown| shown["text"].as_str().unwrap().contains(example)),
            "{builtin}: {examples:?}"
        );
        let has_label = matches!(task, "classify" | "translate" | "memory" | "tag" | "regress");
        for shown in examples {
            assert_eq!(shown["label"].is_string(), has_label, "{builtin}: {shown}");
            assert_eq!(
                shown["picture"].is_string(),
                matches!(builtin, "scenes" | "shapes"),
                "{builtin}: {shown}"
            );
            assert!(shown["text"].as_str().unwrap().chars().count() <= 600);
        }
        assert!(found["parameters"].as_u64().unwrap() > 1000, "{found}");
        assert!(found["train"].as_str().unwrap().contains(", "), "{found}");
        assert_eq!(found["recipe"]["task"], task);
        assert!(setting(&found, "training.steps").is_some() && setting(&found, "data.train").is_none());
    }
    assert_eq!(
        look(&json!({ "builtin": "tunes" }))["train"].as_str().unwrap().split(' ').nth(1),
        Some("tunes,")
    );
}

#[test]
fn a_look_is_what_a_training_finds() {
    // Of a run, its own recipe; the number of weights is the same.
    let of_run = look(&json!({ "like": "shapes" }));
    let run = shared().get("/api/runs/shapes").json(200);
    assert_eq!(of_run["parameters"], run["parameters"]);
    assert_eq!(of_run["recipe"]["model"], run["recipe"]["model"]);
    let other = look(&json!({ "like": "shapes", "recipe": { "model.hidden_size": 32 } }));
    assert!(other["parameters"].as_u64() > of_run["parameters"].as_u64());
    let hidden = setting(&other, "model.hidden_size").unwrap();
    assert_eq!(
        (&hidden["value"], &hidden["kind"], &hidden["choices"]),
        (&json!(32), &json!("whole"), &Value::Null)
    );
    assert_eq!(hidden["takes"], "a whole number from 1 to 65536");
    assert!(hidden["default"].as_u64().unwrap() > 32 && hidden["common"] == true, "{hidden}");
    let backbone = setting(&other, "model.backbone").unwrap();
    assert!(backbone["kind"] == "choice" && backbone["choices"].as_array().unwrap().contains(&json!("gru")));
    assert!(setting(&other, "series.horizon").is_none(), "it is not read");
}

#[test]
fn what_is_sent_is_looked_at() {
    let tale = "Once upon a time there was a king.\n".repeat(60);
    let found = look(&json!({ "data": file("a tale.txt", tale.as_bytes()) }));
    assert_eq!(
        (&found["name"], &found["task"], &found["found"]),
        (&json!("a tale.txt"), &json!("text"), &json!("holds text"))
    );
    assert_eq!(found["examples"].as_array().unwrap().len(), 4, "{found}");
    let shown = found["examples"][0]["text"].as_str().unwrap();
    assert!(tale.starts_with(shown) && shown.chars().count() == 600);
    assert!(found["predicts"].as_str().unwrap().starts_with("the next of "), "{found}");
    let table: String = (0..60).map(|n| format!("{n},name {n}\n")).collect();
    let found = look(&json!({ "data": file("a.csv", table.as_bytes()), "recipe": { "task": "text" } }));
    assert_eq!(found["notes"], json!([]));

    let png = picture();
    let files: Vec<(String, &[u8])> = (0..8)
        .map(|number| {
            (format!("my pets/{}/{number}.png", if number < 4 { "cats" } else { "dogs" }), &png[..])
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let sent = upload(shared(), &files);
    let found = look(&json!({ "upload": sent, "recipe": tiny(json!({})) }));
    assert_eq!((&found["name"], &found["found"]), (&json!("my pets"), &json!("holds pictures")));
    assert_eq!(found["recipe"]["data"]["train"], "my pets");
    let labels: Vec<&str> =
        found["examples"].as_array().unwrap().iter().map(|shown| shown["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"cats") && labels.contains(&"dogs"), "{labels:?}");
    let shown =
        found["examples"][0]["picture"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    assert!(bytes(&json!(shown)).starts_with(b"\x89PNG"), "{shown}");
    let place = std::env::temp_dir().display().to_string();
    assert!(!found.to_string().contains(&place), "a path of this machine: {found}");
    assert!(!found.to_string().contains(&base64(b"/tmp")));
}

#[test]
fn what_cannot_be_learnt_is_refused_in_the_librarys_words() {
    let refused = |body: Value| shared().post("/api/look", &body).refused(400);
    let (message, param) = refused(json!({ "data": file("one.txt", b"a") }));
    assert!(
        param == "data" && message.contains("cannot be split into training and validation data"),
        "{message}"
    );
    assert_eq!(refused(json!({})).1, "data");
    assert_eq!(refused(json!({ "builtin": "tunes", "like": "tunes" })).1, "like");
    assert_eq!(refused(json!({ "builtin": "nothing" })).1, "builtin");
    assert_eq!(refused(json!({ "builtin": "tunes", "recipe": { "series.horizon": 3 } })).1, "series.horizon");
    assert_eq!(
        refused(json!({ "builtin": "tunes", "recipe": { "data.validation": "/etc/passwd" } })).1,
        "data.validation"
    );
    assert_eq!(shared().post("/api/look", &json!({ "like": "nothing" })).refused(404).1, "like");
    let (message, param) = refused(json!({ "data": file("pets.zip", b"PK") }));
    assert!(param == "data" && message.contains("pets/cats/1.png"), "{message}");
    // Weights that no memory holds are refused before any is taken.
    let huge = json!({ "model.hidden_size": 65536, "model.layers": 8 });
    let (message, _) = refused(json!({ "builtin": "tunes", "recipe": huge }));
    assert!(message.contains("memory"), "{message}");
    // A table of captions names no picture of this machine.
    let outside = "image,caption\n/etc/a.png,a shape on a wall\n";
    let sent = upload(shared(), &[("p/b.png", &picture()), ("p/captions.csv", outside.as_bytes())]);
    let (message, _) = refused(json!({ "upload": sent }));
    assert!(message.contains("does not lie in the folder"), "{message}");
}

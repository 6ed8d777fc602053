//! `POST /api/train`, stopping, resuming, and the course of a training.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::common::{Server, file, picture, tiny, train_on};
use crate::data::upload;

fn done(run: &Value) -> bool {
    run["training"] == false
}

/// A stream of a training's course.
struct Course(BufReader<TcpStream>);

impl Course {
    fn open(server: &Server, id: &str) -> Self {
        let path = format!("/api/runs/{id}/metrics");
        let mut stream = BufReader::new(server.open("GET", &path, "Accept: text/event-stream\r\n", b""));
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        Self(stream)
    }
}

impl Iterator for Course {
    /// The kind of an event, and its data.
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let mut kind = "message".to_owned();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(found) = line.trim_end().strip_prefix("event: ") {
                kind = found.to_owned();
            } else if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return Some((kind, serde_json::from_str(data).unwrap()));
            }
        }
    }
}

#[test]
fn a_training_goes_to_its_end_and_is_followed() {
    let server = Server::new("followed");
    let ask = json!({ "builtin": "names", "recipe": tiny(json!({ "training.steps": 6 })) });
    assert_eq!(server.post("/api/train", &ask).json(202), json!({ "id": "names" }));
    let mut course: Vec<(String, Value)> = Course::open(&server, "names").collect();
    let run = server.wait("names", done);
    assert_eq!((&run["steps"], &run["error"]), (&json!(6), &Value::Null), "{run}");
    let end = json!({ "ended": "the budget of the recipe was used up", "error": null });
    assert_eq!(course.pop(), Some(("end".to_owned(), end)));
    let records = server.get("/api/runs/names/metrics").json(200)["records"].as_array().unwrap().clone();
    let followed: Vec<Value> = course
        .into_iter()
        .map(|(kind, record)| {
            assert_eq!(kind, "message");
            record
        })
        .collect();
    assert!(records.iter().any(|record| record["kind"] == "validation"));
    assert_eq!(followed, records);
    // A training that has ended is told at once.
    assert_eq!(Course::open(&server, "names").count(), records.len() + 1);

    // The next of the same data has a name of its own; one that is asked for must be free.
    assert_eq!(server.post("/api/train", &ask).json(202)["id"], "names-2");
    server.wait("names-2", done);
    let ask = json!({ "builtin": "names", "recipe": tiny(json!({})), "name": "names" });
    let (message, _) = server.post("/api/train", &ask).refused(409);
    assert!(message.contains("'names' already"), "{message}");
}

#[test]
fn data_that_are_sent_stay_with_the_run() {
    let server = Server::new("sent");
    let table: String =
        (0..60).map(|n| format!("{},name {n}\n", if n % 2 == 0 { "even" } else { "odd" })).collect();
    let table = format!("label,text\n{table}");
    let ask = json!({ "data": file("../my names.csv", table.as_bytes()), "recipe": tiny(json!({})), "name": "mine" });
    assert_eq!(server.post("/api/train", &ask).json(202)["id"], "mine");
    let run = server.wait("mine", done);
    assert_eq!(
        (&run["task"], &run["steps"], &run["error"]),
        (&json!("classify"), &json!(4), &Value::Null),
        "{run}"
    );
    assert_eq!(std::fs::read_to_string(server.folder.join("mine/data/my_names.csv")).unwrap(), table);
    let source = &run["sources"]["data.train"];
    assert_eq!((&source["name"], &source["bytes"]), (&json!("my_names.csv"), &json!(table.len())));
    assert_eq!(run["recipe"]["data"]["train"], "my_names.csv");
    assert!(!run.to_string().contains(server.folder.to_str().unwrap()), "{run}");

    // It can be asked, and goes on.
    let found = server.post("/api/predict", &json!({ "model": "mine", "inputs": ["name 3"] })).json(200);
    assert!(found["predictions"][0]["label"].is_string());
    let (message, _) = server.send("POST", "/api/runs/mine/resume", "", b"").refused(409);
    assert!(message.contains("had ended"), "{message}");
    assert_eq!(server.post("/api/runs/mine/resume", &json!({ "steps": 2 })).json(202)["id"], "mine");
    assert_eq!(server.wait("mine", done)["steps"], 6);
}

#[test]
fn a_training_is_stopped_and_goes_on_to_the_same_bits() {
    let server = Server::new("stopped");
    let recipe =
        |steps: u64| tiny(json!({ "training.steps": steps, "model.dropout": 0.1, "training.patience": 0 }));
    let ask = json!({ "builtin": "names", "recipe": recipe(400), "name": "stopped" });
    server.post("/api/train", &ask).json(202);
    let mut course = Course::open(&server, "stopped");
    course.next().expect("it has begun");
    // There is one training at a time.
    let other = json!({ "builtin": "names", "recipe": recipe(4) });
    let (message, _) = server.post("/api/train", &other).refused(409);
    assert!(message.contains("'stopped' is being trained"), "{message}");
    server.post("/api/runs/stopped/resume", &json!({})).refused(409);
    assert_eq!(server.get("/api/runs").json(200)["runs"][0]["training"], true);
    server.send("POST", "/api/runs/stopped/stop", "", b"").json(202);
    let (kind, end) = course.last().unwrap();
    assert_eq!((kind.as_str(), &end["error"]), ("end", &Value::Null), "{end}");
    let run = server.wait("stopped", done);
    let steps = run["steps"].as_u64().unwrap();
    assert!(steps > 0 && steps < 400 && run["ended"].is_null(), "{run}");
    server.send("POST", "/api/runs/stopped/stop", "", b"").refused(409);

    server.send("POST", "/api/runs/stopped/resume", "", b"").json(202);
    assert_eq!(server.wait("stopped", done)["steps"], 400);
    let ask = json!({ "builtin": "names", "recipe": recipe(400), "name": "whole" });
    server.post("/api/train", &ask).json(202);
    server.wait("whole", done);
    let model = |id: &str| std::fs::read(server.folder.join(id).join("model.safetensors")).unwrap();
    assert!(model("stopped") == model("whole"));
}

/// Pictures in a folder for each class, and a table of captions of some.
fn pictures() -> Vec<(String, Vec<u8>)> {
    let name = |class: &str, number: u32| format!("pets/{class}/{number}.png");
    let some = ["cats", "dogs"].into_iter().flat_map(|class| (0..6).map(move |number| name(class, number)));
    some.map(|name| (name, picture())).collect()
}

fn as_files(files: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect()
}

#[test]
fn folders_that_were_sent_stay_with_the_run_and_with_those_like_it() {
    let server = Server::new("folders");
    let sent = upload(&server, &as_files(&pictures()));
    let ask = json!({ "upload": sent, "recipe": tiny(json!({})) });
    assert_eq!(server.post("/api/train", &ask).json(202)["id"], "pets");
    let run = server.wait("pets", done);
    assert_eq!((&run["task"], &run["error"]), (&json!("classify"), &Value::Null), "{run}");
    assert_eq!(run["recipe"]["data"]["train"], "pets");
    assert_eq!(std::fs::read(server.folder.join("pets/data/pets/dogs/3.png")).unwrap(), picture());

    // Another like it has data of its own, and goes on when the first is gone.
    let ask = json!({ "like": "pets", "recipe": { "model.backbone": "gru" } });
    assert_eq!(server.post("/api/train", &ask).json(202)["id"], "pets-2");
    let run = server.wait("pets-2", done);
    assert_eq!((&run["backbone"], &run["error"]), (&json!("gru"), &Value::Null), "{run}");
    assert_eq!((&run["steps"], &run["recipe"]["model"]["hidden_size"]), (&json!(4), &json!(16)));
    assert!(server.folder.join("pets-2/data/pets/dogs/3.png").is_file());
    std::fs::remove_dir_all(server.folder.join("pets")).unwrap();
    server.post("/api/runs/pets-2/resume", &json!({ "steps": 2 })).json(202);
    assert_eq!(server.wait("pets-2", done)["steps"], 6);

    // Captions lie with their pictures.
    let mut captioned: Vec<(String, Vec<u8>)> =
        (0..12).map(|number| (format!("told/images/{number}.png"), picture())).collect();
    let rows: String = (0..12).map(|number| format!("{number}.png,a shape on a wall\n")).collect();
    captioned.push(("told/captions.csv".to_owned(), format!("image,caption\n{rows}").into_bytes()));
    let sent = upload(&server, &as_files(&captioned));
    let ask = json!({ "upload": sent, "recipe": tiny(json!({})) });
    assert_eq!(server.post("/api/train", &ask).json(202)["id"], "told");
    let run = server.wait("told", done);
    assert_eq!((&run["task"], &run["error"]), (&json!("caption"), &Value::Null), "{run}");

    // Data that are used where they lie stay there; built-in ones are made again.
    let file = server.folder.parent().unwrap().join("somewhere.txt");
    std::fs::write(&file, "One day a king came to the sea and said nothing at all.\n\n".repeat(20)).unwrap();
    train_on(&server.folder, "tale", &file);
    server.post("/api/train", &json!({ "like": "tale", "name": "again" })).json(202);
    let run = server.wait("again", done);
    assert_eq!(
        (&run["error"], &run["sources"]["data.train"]["name"]),
        (&Value::Null, &json!("somewhere.txt"))
    );
    assert!(!server.folder.join("again/data").exists());
}

#[test]
fn what_cannot_be_trained_is_refused_or_told_later() {
    let server = Server::new("refused");
    let refused = |body: Value| server.post("/api/train", &body).refused(400);
    let recipe = |recipe: Value| refused(json!({ "builtin": "names", "recipe": recipe }));
    let (message, param) = recipe(json!({ "training.bach": 3 }));
    assert_eq!(
        (&*message, &*param),
        ("there is no field training.bach; did you mean training.batch?", "training.bach")
    );
    let (message, param) = recipe(json!({ "model.hidden_size": -3 }));
    assert!(message.contains("it takes a whole number") && param == "model.hidden_size", "{message}");
    assert_eq!(recipe(json!({ "series.horizon": 3 })).1, "series.horizon");
    for (field, value) in [
        ("data.validation", json!("/etc/passwd")),
        ("data.train", json!("x")),
        ("data.builtin", json!("tunes")),
        ("data.tokenizer", json!("/tmp/tokenizer.json")),
        ("training.steps", json!(null)),
    ] {
        assert_eq!(recipe(json!({ field: value })).1, field);
    }
    assert_eq!(refused(json!({ "builtin": "nothing" })).1, "builtin");
    assert_eq!(refused(json!({})).1, "data");
    assert_eq!(refused(json!({ "builtin": "names", "data": file("a", b"a") })).1, "builtin");
    for name in ["", "..", "a/b", "/x", ".x", "a\0b", &"long".repeat(20)] {
        assert_eq!(refused(json!({ "builtin": "names", "name": name })).1, "name", "{name:?}");
    }
    assert_eq!(refused(json!({ "upload": "u-x", "like": "names" })).1, "like");
    assert_eq!(server.post("/api/train", &json!({ "upload": "u-x" })).refused(404).1, "upload");
    assert_eq!(server.post("/api/train", &json!({ "like": "nothing" })).refused(404).1, "like");
    let (message, param) = refused(json!({ "data": file("pets.ZIP", b"PK") }));
    assert!(param == "data" && message.starts_with("pets.ZIP is an archive"), "{message}");
    server.post("/api/runs/nothing/resume", &json!({})).refused(404);
    server.post("/api/runs/nothing/stop", &json!({})).refused(404);

    // What is wrong with the data is found when they are read.
    let ask = json!({ "data": file("one.txt", b"a"), "recipe": tiny(json!({})), "name": "one" });
    server.post("/api/train", &ask).json(202);
    let run = server.wait("one", done);
    let error = run["error"].as_str().unwrap();
    assert!(!error.contains(server.folder.to_str().unwrap()), "{error}");
    let end = Course::open(&server, "one").last().unwrap();
    assert_eq!(end, ("end".to_owned(), json!({ "ended": null, "error": error })));
    let left: Vec<_> = std::fs::read_dir(&server.folder).unwrap().collect();
    assert!(left.is_empty(), "nothing stays of what was refused: {left:?}");
}

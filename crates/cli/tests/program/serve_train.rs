//! Trainings of a server: ended by a signal, killed, done by another process.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Workplace, names, tiny};

/// A process that ends with this value.
struct Process(Child);

impl Process {
    /// Ends it by SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server of the folder `runs` in a process of its own.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(place: &Workplace) -> Self {
        std::fs::create_dir_all(place.path("runs")).unwrap();
        let mut command = place.command(&["serve", "runs", "--port=0", "--threads=1"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Process(child);
        let mut stderr = BufReader::new(process.0.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
        }
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { process, address }
    }

    fn open(&self, method: &str, path: &str, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The object of an answer that must be of this status.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = String::new();
        self.open(method, path, "", &body).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).expect(body)
    }

    /// Waits until a run has so many steps in its metrics, or is no longer trained.
    fn wait(&self, id: &str, steps: u64) -> Value {
        let begun = Instant::now();
        loop {
            let run = self.ask("GET", &format!("/api/runs/{id}"), &Value::Null, 200);
            let metrics = self.ask("GET", &format!("/api/runs/{id}/metrics"), &Value::Null, 200);
            let done = metrics["records"]
                .as_array()
                .unwrap()
                .last()
                .map_or(0, |record| record["step"].as_u64().unwrap());
            if run["training"] == false || done >= steps {
                return run;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "{run}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends by SIGTERM.
    fn terminate(&mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.process.0.id().to_string()).status().unwrap().success());
        self.process.0.wait().unwrap().code()
    }
}

#[test]
fn a_training_ends_with_the_same_bits_however_its_server_ends() {
    let place = Workplace::new();
    place
        .train(&[
            "--builtin=names",
            "--steps=600",
            "--dropout=0.1",
            "--set=training.patience=0",
            "--out=runs/whole",
        ])
        .ok();
    let mut server = Server::start(&place);
    let ask = json!({ "builtin": "names", "name": "served", "recipe": {
        "training.steps": 600, "model.dropout": 0.1, "training.patience": 0, "model.hidden_size": 32, "training.batch": 4,
        "training.threads": 1, "training.precision": "f32", "training.validate_every": 20, "training.checkpoint_every": 10 } });
    server.ask("POST", "/api/train", &ask, 202);
    assert_eq!(server.wait("served", 30)["training"], true, "it is under way");
    assert_eq!(server.terminate(), Some(0));
    let info = || -> Value { serde_json::from_slice(&place.read("runs/served/run.json")).unwrap() };
    let saved = info()["steps"].as_u64().unwrap();
    assert!((30..600).contains(&saved) && info()["ended"].is_null(), "{}", info());
    let checkpoints = names(&place.path("runs/served/checkpoints"));
    assert!(checkpoints.iter().any(|name| name.contains(&saved.to_string())), "{saved} {checkpoints:?}");

    let mut server = Server::start(&place);
    server.ask("POST", "/api/runs/served/resume", &Value::Null, 202);
    server.wait("served", saved + 50);
    server.process.kill();
    assert!(info()["ended"].is_null(), "it was under way: {}", info());
    place.call(&["resume", "runs/served"]).ok();
    assert_eq!(info()["steps"], 600);
    let model = |run: &str| place.read(&format!("runs/{run}/model.safetensors"));
    assert!(model("served") == model("whole"));
}

#[test]
fn a_training_of_another_process_is_followed() {
    let place = Workplace::new();
    let server = Server::start(&place);
    let other = place.start(&tiny(&[
        "--builtin=names",
        "--steps=100000000",
        "--set=training.patience=0",
        "--out=runs/other",
    ]));
    let mut other = Process(other);
    let begun = Instant::now();
    while !place.path("runs/other/metrics.jsonl").exists() {
        assert!(begun.elapsed() < Duration::from_secs(120) && other.0.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    let runs = server.ask("GET", "/api/runs", &Value::Null, 200);
    assert_eq!((&runs["runs"][0]["id"], &runs["runs"][0]["training"]), (&json!("other"), &json!(true)));
    for way in ["stop", "resume"] {
        let refused = server.ask("POST", &format!("/api/runs/other/{way}"), &Value::Null, 409);
        assert!(refused["error"]["message"].as_str().unwrap().starts_with("another process"), "{refused}");
    }
    let stream = server.open("GET", "/api/runs/other/metrics", "Accept: text/event-stream\r\n", "");
    let (mut seen, mut killed, mut end) = (0, false, None);
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    while let Some(line) = lines.next() {
        if line.starts_with("data: ") {
            seen += 1;
        }
        if line == "event: end" {
            end = lines.next();
            break;
        }
        if seen > 10 && !killed {
            other.kill();
            killed = true;
        }
    }
    assert!(killed);
    assert_eq!(end.as_deref(), Some(r#"data: {"ended":null,"error":null}"#));
}

#[test]
fn a_stream_ends_with_its_server() {
    let place = Workplace::new();
    let mut server = Server::start(&place);
    let ask =
        json!({ "builtin": "names", "recipe": { "training.steps": 1_000_000, "training.patience": 0 } });
    server.ask("POST", "/api/train", &ask, 202);
    server.wait("names", 1);
    let stream = server.open("GET", "/api/runs/names/metrics", "Accept: text/event-stream\r\n", "");
    let begun = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(60));
    let text = BufReader::new(stream).lines().map_while(Result::ok).collect::<Vec<_>>().join("\n");
    let last = text.rsplit("event: ").next().unwrap_or_default();
    assert!(last.starts_with("error") && last.contains("shutting_down") || last.starts_with("end"), "{last}");
    place.call(&["resume", "runs/names", "--steps=1"]).ok();
}

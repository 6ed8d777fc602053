//! Trained models over HTTP, by the real program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Workplace;

/// A server that ends with this value.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(place: &Workplace, call: &[&str]) -> Self {
        Self::of(place, &[&["serve", "--port=0"], call].concat()).0
    }

    /// A server by this call, and what it says before where it is.
    fn of(place: &Workplace, call: &[&str]) -> (Self, String) {
        let call = [call, &["--threads=2"]].concat();
        let mut child = place.command(&call).stderr(Stdio::piped()).spawn().unwrap();
        let (mut line, mut said) = (String::new(), String::new());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        while !line.contains("http://") {
            said += &line;
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
        }
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        (Self { child, address }, said + &line)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Status and object of an answer.
    fn get(&self, path: &str) -> (u16, Value) {
        answer(agent().get(self.url(path)).call())
    }

    /// Status and object of the answer to an object.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(agent().post(self.url(path)).send_json(body))
    }

    /// The objects of a stream.
    fn stream(&self, path: &str, body: &Value) -> Vec<Value> {
        let answer = agent().post(self.url(path)).send_json(body).unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let text = answer.into_body().read_to_string().unwrap();
        let mut all: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
        assert_eq!(all.pop(), Some("data: [DONE]"), "{text}");
        all.iter()
            .map(|event| serde_json::from_str(event.strip_prefix("data: ").expect(event)).unwrap())
            .collect()
    }

    /// A count of `/metrics`.
    fn count(&self, name: &str) -> f64 {
        let text = agent().get(self.url("/metrics")).call().unwrap().into_body().read_to_string().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Asks the process to end, and waits until it has.
    fn terminate(&mut self) -> Option<i32> {
        let process = self.child.id().to_string();
        assert!(std::process::Command::new("kill").arg(process).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(called: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let called = called.unwrap();
    let status = called.status().as_u16();
    let text = called.into_body().read_to_string().unwrap();
    (status, serde_json::from_str(&text).expect(&text))
}

/// A folder of a model of tunes and one that predicts.
fn trained() -> Workplace {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 12);
    place.train(&["tunes.abc", "--steps=20", "--out=runs/tunes"]).ok();
    place.train(&["--builtin=names", "--steps=3", "--out=runs/names"]).ok();
    place
}

fn completion(seed: u64, tokens: usize) -> Value {
    json!({ "model": "tunes", "prompt": "X:1\n", "max_tokens": tokens, "seed": seed })
}

fn text(answer: &Value) -> &str {
    answer["choices"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_text_is_the_same_whatever_else_is_asked() {
    let place = trained();
    let server = Serving::start(&place, &[]);
    let alone: Vec<Value> =
        (0..12).map(|seed| server.post("/v1/completions", &completion(seed, 80)).1).collect();
    assert!(alone[1..].iter().any(|other| text(other) != text(&alone[0])), "a seed makes a difference");
    std::thread::scope(|scope| {
        let ask = |seed: u64| {
            let (server, alone) = (&server, &alone);
            move || {
                if seed.is_multiple_of(2) {
                    let found = server.post("/v1/completions", &completion(seed, 80)).1;
                    assert_eq!(text(&found), text(&alone[seed as usize]));
                } else {
                    let mut asked = completion(seed, 80);
                    (asked["stream"], asked["prompt"]) = (true.into(), json!(["X:1\n", "X:2\n"]));
                    let parts = server.stream("/v1/completions", &asked);
                    let own = parts.iter().filter(|part| part["choices"][0]["index"] == 0);
                    assert_eq!(own.map(text).collect::<String>(), text(&alone[seed as usize]));
                }
            }
        };
        (0..12).for_each(|seed| _ = scope.spawn(ask(seed)));
    });
    // Whoever wants the best of several has the first among them.
    let several = json!({ "model": "tunes", "prompt": "X:1\n", "max_tokens": 80, "seed": 3, "n": 3 });
    assert_eq!(text(&server.post("/v1/completions", &several).1), text(&alone[3]));
}

#[test]
fn prompts_have_the_log_probabilities_that_evaluate_finds() {
    let place = trained();
    let tune = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA dAFD|\n";
    place.write("one.abc", tune);
    let known = place.call(&["evaluate", "runs/tunes", "--data=one.abc", "--json"]).json().remove(0);
    let server = Serving::start(&place, &["runs/tunes"]);
    // The end of the piece before comes first, and the end of this one last, as where a piece is read whole.
    let (_, tokens) = server.post("/tokenize", &json!({ "prompt": tune }));
    let mut ids: Vec<Value> = tokens["tokens"].as_array().unwrap().clone();
    ids.push(ids[0].clone());
    let asked = json!({ "model": "tunes", "prompt": ids, "max_tokens": 0, "echo": true, "logprobs": 1 });
    let (status, found) = server.post("/v1/completions", &asked);
    assert_eq!(status, 200, "{found}");
    let told = &found["choices"][0]["logprobs"];
    let values = told["token_logprobs"].as_array().unwrap();
    assert!(values[0].is_null() && told["tokens"][1] == "X" && told["text_offset"][2] == 1, "{told}");
    let values: Vec<f64> = values[1..].iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(values.len(), known["tokens"].as_u64().unwrap() as usize);
    let loss = -values.iter().sum::<f64>() / values.len() as f64;
    let wanted = known["loss"].as_f64().unwrap();
    assert!((loss - wanted).abs() < 1e-4 * wanted, "{loss} where evaluate has {wanted}");
}

#[test]
fn who_goes_away_is_not_written_for() {
    let place = trained();
    let server = Serving::start(&place, &[]);
    for streams in [true, false] {
        let mut asked = completion(5, 1_000_000);
        (asked["stream"], asked["stop"]) = (streams.into(), Value::Null);
        // Ends of pieces never come, so that the text goes on and on.
        asked["logit_bias"] = json!({ "0": -100 });
        let mut connection = TcpStream::connect(&server.address).unwrap();
        let body = asked.to_string();
        write!(
            connection,
            "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        wait_for("a text is written", || server.count("anaphora_open_texts") == 1.0);
        drop(connection);
        wait_for("its place is free", || server.count("anaphora_open_texts") == 0.0);
    }
    // The model still answers.
    assert_eq!(server.post("/v1/completions", &completion(1, 5)).0, 200);
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}: not after a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_cannot_be_answered_is_said_in_an_object() {
    let place = trained();
    let server = Serving::start(&place, &[]);
    for (change, param, said) in [
        (json!({ "model": "../tunes" }), "model", "does not exist"),
        (json!({ "model": "none" }), "model", "does not exist"),
        (json!({ "model": "names" }), "model", "/api/predict"),
        (json!({ "prompt": "X:1\u{4e2d}" }), "prompt", "U+4E2D"),
        (json!({ "prompt": [1, 2, 100_000] }), "prompt", "token 100000"),
        (json!({ "prompt": [] }), "prompt", "empty"),
        (json!({ "prompt": { "a": 1 } }), "prompt", "a list of tokens"),
        (json!({ "temperature": 2.5 }), "temperature", "from 0 to 2"),
        (json!({ "temperature": "hot" }), "temperature", "a number is needed"),
        (json!({ "n": 500 }), "n", "from 1 to 128"),
        (json!({ "n": 128, "prompt": ["X", "X"] }), "n", "128 at most"),
        (json!({ "max_tokens": 2_000_000_000_000u64 }), "max_tokens", "at most"),
        (json!({ "logprobs": 6 }), "logprobs", "from 0 to 5"),
        (json!({ "stop": ["a", "b", "c", "d", "e"] }), "stop", "four"),
        (json!({ "logit_bias": { "x": 1 } }), "logit_bias", "no token"),
        (json!({ "tools": [] }), "tools", "not supported"),
        (json!({ "stream_options": { "include_usage": true } }), "stream_options", "set stream to true"),
        (json!({ "beams": 4 }), "seed", "beams"),
        (json!({ "beams": 4, "seed": null, "prompt": [1, 0, 2] }), "prompt", "send it as a text"),
        (json!({ "best_of": 3, "stream": true }), "best_of", "stream"),
    ] {
        let mut asked = completion(1, 5);
        asked.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, found) = server.post("/v1/completions", &asked);
        let error = &found["error"];
        assert!(matches!(status, 400 | 404), "{change}: {status}");
        assert_eq!(error["param"], param, "{change}: {error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{change}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(server.get("/v1/nothing").0, 404);
    assert_eq!(server.get("/v1/completions").1["error"]["code"], "method_not_allowed");
    assert_eq!(server.get("/v1/models/%2e%2e%2ftunes").0, 404);
    let deep = format!("{{\"model\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for body in ["no JSON".to_owned(), deep] {
        let (found, object) = answer(agent().post(server.url("/v1/completions")).send(body));
        assert_eq!((found, object["error"]["message"].is_string()), (400, true));
    }
    // A client that goes on sending is answered before it has sent all.
    let mut connection = TcpStream::connect(&server.address).unwrap();
    let head =
        format!("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 40 << 20);
    connection.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "HTTP/1.1 413 Payload Too Large");
    let elsewhere = answer(agent().get(server.url("/v1/models")).header("host", "elsewhere.example").call());
    assert_eq!(elsewhere.0, 403);
    let found =
        answer(agent().get(server.url("/v1/models")).header("origin", "http://elsewhere.example").call());
    assert_eq!(found.1["error"]["code"], "wrong_origin");
    // Nothing of this disturbed the others.
    assert_eq!(server.post("/v1/completions", &completion(1, 5)).0, 200);
}

#[test]
fn a_run_may_be_trained_on_and_deleted_while_it_is_served() {
    let place = trained();
    let server = Serving::start(&place, &[]);
    let asked =
        json!({ "model": "tunes", "prompt": "X:1\nT:", "max_tokens": 0, "echo": true, "logprobs": 0 });
    let score =
        || server.post("/v1/completions", &asked).1["choices"][0]["logprobs"]["token_logprobs"][2].as_f64();
    let before = score().unwrap();
    place.call(&["resume", "runs/tunes", "--steps=20"]).ok();
    assert_ne!(score().unwrap(), before, "the newer model answers");
    std::fs::remove_dir_all(place.path("runs/tunes")).unwrap();
    assert_eq!(server.post("/v1/completions", &asked).0, 404);
    let ids = server.get("/v1/models").1["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].clone())
        .collect::<Vec<_>>();
    assert_eq!(ids, ["names"]);
}

#[test]
fn streams_are_told_that_the_server_ends() {
    let place = trained();
    let mut server = Serving::start(&place, &[]);
    let mut asked = completion(5, 1_000_000);
    (asked["stream"], asked["logit_bias"]) = (true.into(), json!({ "0": -100 }));
    let reading = agent().post(server.url("/v1/completions")).send_json(&asked).unwrap();
    let told = std::thread::spawn(move || {
        reading.into_body().into_with_config().limit(1 << 30).read_to_string().unwrap()
    });
    assert_eq!(server.terminate(), Some(0));
    let told = told.join().unwrap();
    let last: Vec<&str> = told.trim_end().rsplit("\n\n").take(2).collect();
    assert_eq!(last[0], "data: [DONE]");
    assert!(last[1].contains("the server is being shut down"), "{}", last[1]);
}

#[test]
fn others_need_a_key() {
    let place = trained();
    place.write("key.txt", "a-key-of-sixteen-letters\n");
    let call = ["serve", "--host=0.0.0.0", "--port=0"];
    assert!(place.call(&call).refused(2).contains("--api-key-file"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let set = |mode| {
            std::fs::set_permissions(place.path("key.txt"), std::fs::Permissions::from_mode(mode)).unwrap()
        };
        set(0o644);
        let sentence = place.call(&[&call[..], &["--api-key-file=key.txt"]].concat()).refused(1);
        assert!(sentence.contains("chmod 600 key.txt"), "{sentence}");
        set(0o600);
    }
    let server = Serving::start(&place, &["--api-key-file=key.txt"]);
    let models = |key: &str| {
        answer(agent().get(server.url("/v1/models")).header("authorization", format!("Bearer {key}")).call())
            .0
    };
    assert_eq!(
        (server.get("/v1/models").0, models("another-key-of-letters"), models("a-key-of-sixteen-letters")),
        (401, 401, 200)
    );
    // A port in use, and a folder that is not there.
    let port = server.address.rsplit_once(':').unwrap().1;
    let sentence = place.call(&["serve", "--port", port]).refused(1);
    assert!(sentence.contains("another program listens there"), "{sentence}");
    assert!(place.call(&["serve", "nowhere"]).refused(1).contains("nowhere: there is no such folder"));
}

#[test]
fn the_studio_is_a_page_and_the_api() {
    let place = Workplace::new();
    let call = ["studio", "new/runs", "--port=0", "--no-open"];
    let (mut server, said) = Serving::of(&place, &call);
    assert_eq!(said, format!("The studio is at http://{}\n", server.address));
    assert!(place.path("new/runs").is_dir());
    let page = agent().get(server.url("/")).call().unwrap();
    let header = |name: &str| page.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("content-security-policy"), "frame-ancestors 'none'");
    assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-cache"));
    assert!(page.into_body().read_to_string().unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(server.get("/v1/models").1["data"], json!([]));
    // The lecture's page is served as soon as there is one.
    assert_eq!((server.get("/lecture").0, &server.get("/api/builtins").1["lecture"]), (404, &json!(false)));
    std::fs::create_dir(place.path("lecture")).unwrap();
    place.write("lecture/index.html", "<!DOCTYPE html><title>A lecture</title>");
    assert_eq!(server.get("/api/builtins").1["lecture"], true);
    let lecture = agent().get(server.url("/lecture")).call().unwrap();
    assert!(lecture.into_body().read_to_string().unwrap().contains("A lecture"));
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_studio_whose_port_is_taken_takes_another_unless_it_was_named() {
    let place = Workplace::new();
    let Ok(taken) = std::net::TcpListener::bind("127.0.0.1:8080") else {
        // Something else has the port already, which does as well.
        return assert_free(&place);
    };
    assert_free(&place);
    let failed = place.call(&["studio", "--port=8080", "--no-open"]).refused(1);
    assert!(failed.contains("another program listens there"), "{failed}");
    drop(taken);
}

/// A studio finds a port although 8080 is taken.
fn assert_free(place: &Workplace) {
    let (server, said) = Serving::of(place, &["studio", "--no-open"]);
    assert!(
        said.starts_with("Another program listens at port 8080, so the studio takes a free one.\n"),
        "{said}"
    );
    assert!(!server.address.ends_with(":8080"));
    assert_eq!(agent().get(server.url("/")).call().unwrap().status(), 200);
}

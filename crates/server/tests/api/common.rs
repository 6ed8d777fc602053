//! A server with tiny runs, and a client.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anaphora::{Precision, Recipe};
use anaphora_server::{Guard, Pages, Settings, serve};
use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of an answer that must be of this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The message and the field of an error that must be of this status, and complete: its message is for people, and has neither
    /// the field in front nor an endpoint in it.
    #[track_caller]
    pub fn refused(&self, status: u16) -> (String, String) {
        let json = self.json(status);
        let error = json["error"].as_object().unwrap();
        let names: Vec<&String> = error.keys().collect();
        assert_eq!(names, ["code", "message", "param", "see", "type"]);
        let message = error["message"].as_str().unwrap().to_owned();
        let place = std::env::temp_dir().display().to_string();
        assert!(!message.contains(&place), "a path of this machine: {message}");
        let param = error["param"].as_str().unwrap_or_default().to_owned();
        let endpoints = ["/api/", "/v1/", "GET ", "POST "];
        assert!(!endpoints.iter().any(|part| message.contains(part)), "an endpoint: {message}");
        assert!(param.is_empty() || !message.starts_with(&format!("{param}: ")), "the field: {message}");
        (message, param)
    }

    /// The endpoint that an error of this status says helps.
    #[track_caller]
    pub fn see(&self, status: u16) -> String {
        self.json(status)["error"]["see"].as_str().unwrap_or_default().to_owned()
    }
}

/// A server of a folder; it ends with the process.
#[derive(Clone)]
pub struct Server {
    pub folder: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Serves a new folder, which stays for a look at it until the tests run again.
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self::of(&folder)
    }

    /// Serves a folder.
    pub fn of(folder: &Path) -> Self {
        Self::guarded(folder, Guard::default())
    }

    /// Serves a folder to those who show a key.
    pub fn with_key(folder: &Path, key: &str) -> Self {
        Self::guarded(folder, Guard { keys: vec![key.to_owned()], ..Guard::default() })
    }

    fn guarded(folder: &Path, guard: Guard) -> Self {
        let pages = Some(Pages { lecture: folder.join("lecture") });
        Self::with(&Settings {
            folder: folder.to_owned(),
            threads: 1,
            precision: Precision::auto(),
            memory: 1 << 30,
            guard,
            pages,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves as it is said.
    pub fn with(settings: &Settings) -> Self {
        let settings = settings.clone();
        let folder = settings.folder.clone();
        let (told, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            serve(&settings, "127.0.0.1:0".parse().unwrap(), |address| told.send(address).unwrap()).unwrap();
        });
        Self { folder, address: address.recv().unwrap() }
    }

    pub fn open(&self, method: &str, path: &str, head: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    pub fn send(&self, method: &str, path: &str, head: &str, body: &[u8]) -> Answer {
        Self::answer(self.open(method, path, head, body))
    }

    /// The answer to these bytes.
    pub fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request).unwrap();
        Self::answer(stream)
    }

    fn answer(mut stream: TcpStream) -> Answer {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head") + 4;
        let head = String::from_utf8(all[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = all.split_off(end);
        if head.contains("transfer-encoding: chunked") {
            body = whole(&body);
        }
        Answer { status, head, body }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// Waits until a run is as it should be, and returns it.
    #[track_caller]
    pub fn wait(&self, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let run = self.get(&format!("/api/runs/{id}")).json(200);
            if is(&run) {
                return run;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "{run}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A body that was sent in chunks.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&chunks[end + 2..][..length]);
        chunks = &chunks[end + 2 + length + 2..];
    }
    body
}

/// The fields of a tiny recipe.
pub const TINY: [(&str, &str); 6] = [
    ("model.hidden_size", "16"),
    ("training.steps", "4"),
    ("training.validate_every", "2"),
    ("training.checkpoint_every", "2"),
    ("training.threads", "1"),
    ("training.precision", "f32"),
];

/// The same as JSON, with others.
pub fn tiny(more: Value) -> Value {
    let number = |text: &str| text.parse::<u64>().map_or(json!(text), |number| json!(number));
    let mut all: serde_json::Map<String, Value> =
        TINY.iter().map(|(field, value)| ((*field).to_owned(), number(value))).collect();
    all.extend(more.as_object().unwrap().clone());
    all.into()
}

/// Trains a tiny model on built-in data.
pub fn train(folder: &Path, id: &str, builtin: &str) {
    train_as(folder, id, ("data.builtin", builtin));
}

/// Trains one on a file of text.
pub fn train_on(folder: &Path, id: &str, path: &Path) {
    train_as(folder, id, ("data.train", path.to_str().unwrap()));
}

fn train_as(folder: &Path, id: &str, data: (&str, &str)) {
    let all: Vec<(&str, &str)> = [data].into_iter().chain(TINY).collect();
    let setting =
        |field: &str| all.iter().find(|(named, _)| *named == field).map(|(_, value)| (*value).to_owned());
    let mut recipe = Recipe::for_settings(setting);
    recipe.set_all(&all).unwrap();
    let trained = anaphora::train(&recipe, &folder.join(id), &mut |_| ControlFlow::Continue(()));
    trained.unwrap_or_else(|error| panic!("{data:?}: {error}"));
}

/// One server with a run of each kind, for tests that change nothing.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let server = Server::new("shared");
        let kinds = [
            "tunes", "names", "reverse", "scenes", "seasonal", "ball", "adding", "phrases", "prices",
            "shapes", "chorales", "played",
        ];
        kinds.iter().for_each(|builtin| train(&server.folder, builtin, builtin));
        server
    })
}

/// A picture as a PNG file.
pub fn picture() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 24, 24);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = (0..24 * 24).flat_map(|pixel| [pixel as u8, (pixel / 24 * 10) as u8, 90]).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn bytes(base64: &Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

/// A file in a request.
pub fn file(name: &str, content: &[u8]) -> Value {
    json!({ "name": name, "data": base64(content) })
}

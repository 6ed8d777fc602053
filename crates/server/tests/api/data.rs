//! `POST /api/data`.

use serde_json::json;

use crate::common::{Answer, Server, shared};

/// A form of files, each a name and its content.
pub fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content) in files {
        let head =
            format!("--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].iter().for_each(|part| form.extend_from_slice(part));
    }
    form.extend_from_slice(b"--cut--\r\n");
    form
}

/// Sends files.
pub fn send(server: &Server, files: &[(&str, &[u8])]) -> Answer {
    let head = "Content-Type: multipart/form-data; boundary=cut\r\n";
    server.send("POST", "/api/data", head, &form(files))
}

/// The id of an upload of these files.
#[track_caller]
pub fn upload(server: &Server, files: &[(&str, &[u8])]) -> String {
    send(server, files).json(201)["upload"].as_str().unwrap().to_owned()
}

#[test]
fn files_and_folders_are_taken() {
    let server = Server::new("data");
    let told = |files: &[(&str, &[u8])]| {
        let mut told = send(&server, files).json(201);
        let id = told.as_object_mut().unwrap().remove("upload").unwrap();
        assert!(id.as_str().unwrap().starts_with("u-"), "{id}");
        told
    };
    assert_eq!(told(&[("tunes.abc", b"X:1\n")]), json!({ "name": "tunes.abc", "files": 1, "bytes": 4 }));
    let folder: [(&str, &[u8]); 3] =
        [("pets/cats/1.png", b"a"), ("pets/dogs/1.png", b"bc"), ("pets/.DS_Store", b"x")];
    assert_eq!(told(&folder), json!({ "name": "pets", "files": 2, "bytes": 3 }));
    // More than the body of another request.
    let large = vec![b'a'; 40 << 20];
    let id = upload(&server, &[("large.txt", &large)]);
    let train = json!({ "upload": id, "recipe": { "training.bach": 1 } });
    assert_eq!(server.post("/api/train", &train).refused(400).1, "training.bach");
    // The newest eight are kept.
    (0..8).for_each(|_| _ = told(&[("a.txt", b"a")]));
    assert_eq!(server.post("/api/train", &train).refused(404).1, "upload");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let refused = |files: &[(&str, &[u8])]| send(shared(), files).refused(400);
    assert_eq!(refused(&[]).1, "file");
    assert_eq!(refused(&[("a/.hidden", b"x")]).1, "file");
    assert_eq!(refused(&[("..", b"x")]).1, "file");
    let (message, param) = refused(&[("a/b.txt", b"x"), ("a/b.txt", b"y")]);
    assert!(param == "file" && message.starts_with("a/b.txt comes twice"), "{message}");
    assert_eq!(refused(&[("a", b"x"), ("a/b.txt", b"y")]).1, "file");
    assert_eq!(refused(&[("a/b.txt", b"x"), ("a", b"y")]).1, "file");
    let head = "Content-Type: multipart/form-data; boundary=cut\r\n";
    let part =
        |head: &str| format!("--cut\r\nContent-Disposition: form-data; {head}\r\n\r\nx\r\n--cut--\r\n");
    let post = |body: &str| shared().send("POST", "/api/data", head, body.as_bytes()).refused(400);
    assert_eq!(post(&part("name=\"other\"")).1, "other");
    assert_eq!(post(&part("name=\"file\"")).1, "file");
    assert!(post("no form").0.contains("form"));
    let (message, _) = shared().post("/api/data", &json!({})).refused(400);
    assert!(message.contains("form"), "{message}");
    // What says that it is too large is not read.
    let head = "POST /api/data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000\r\nConnection: close\r\n\r\n";
    shared().raw(head.as_bytes()).refused(413);
}

//! Pages, what is offered, and runs that are deleted.

use anaphora::Precision;
use anaphora_server::{Guard, Pages, Settings};
use serde_json::{Value, json};

use crate::common::{Server, shared, train};

#[test]
fn what_is_offered_is_told() {
    let found = shared().get("/api/builtins").json(200);
    let names: Vec<&str> =
        found["builtins"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.len() >= 16 && names.contains(&"tunes"), "{names:?}");
    let tunes = &found["builtins"][0];
    assert_eq!((&tunes["name"], &tunes["task"]), (&json!("tunes"), &json!("music")));
    let all = found["builtins"].as_array().unwrap().iter().chain(found["backbones"].as_array().unwrap());
    assert!(all.clone().all(|one| one["about"].as_str().unwrap().len() > 20));
    assert_eq!(found["backbones"].as_array().unwrap().len(), 5);
    assert_eq!((&found["trains"], &found["lecture"]), (&json!(true), &json!(false)));
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    let only = Server::of(&shared().folder.join("names"));
    assert_eq!(only.get("/api/builtins").json(200)["trains"], false);
}

#[test]
fn pages_are_for_servers_that_have_some_and_the_studio_needs_no_key() {
    let folder = Server::new("pages").folder;
    let settings = Settings {
        precision: Precision::auto(),
        folder: folder.clone(),
        threads: 1,
        memory: 1 << 20,
        guard: Guard::default(),
        pages: None,
    };
    let without = Server::with(&settings);
    without.get("/").refused(404);
    without.get("/lecture").refused(404);
    let key = "a key of some length";
    let guard = Guard { keys: vec![key.to_owned()], ..Guard::default() };
    let pages = Some(Pages { lecture: folder.join("lecture") });
    let server = Server::with(&Settings { guard, pages, ..settings });
    let studio = server.get("/");
    assert_eq!(studio.status, 200);
    let head = &studio.head;
    for line in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: frame-ancestors 'none'\r",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    // What it may load stands in the page.
    let page = String::from_utf8(studio.body).unwrap();
    assert!(page.contains("connect-src &#39;self&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"));
    server.get("/lecture").refused(401);
    server.get("/api/builtins").refused(401);
    let shown = format!("Authorization: Bearer {key}\r\n");
    let get = |path: &str| server.send("GET", path, &shown, b"");
    get("/lecture").refused(404);
    std::fs::create_dir(folder.join("lecture")).unwrap();
    std::fs::write(folder.join("lecture/index.html"), "<!DOCTYPE html>").unwrap();
    let lecture = get("/lecture");
    assert_eq!((lecture.status, &lecture.body[..]), (200, &b"<!DOCTYPE html>"[..]));
    assert!(lecture.head.contains("content-security-policy: sandbox allow-scripts; "), "{}", lecture.head);
    assert_eq!(get("/api/builtins").json(200)["lecture"], true);
}

#[test]
fn an_inspection_is_a_page_where_that_is_asked_for() {
    let ask = json!({ "model": "names", "text": "Anders", "views": ["gates"] }).to_string();
    let post = |accept: &str| shared().send("POST", "/api/inspect", accept, ask.as_bytes());
    let page = post("Accept: text/html\r\n");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") && !text.contains(shared().folder.to_str().unwrap()));
    post("Accept: */*\r\n").json(200);
    let wrong: Value = json!({ "model": "names", "views": ["gaits"] });
    let refused =
        shared().send("POST", "/api/inspect", "Accept: text/html\r\n", wrong.to_string().as_bytes());
    assert_eq!(refused.refused(400).1, "views");
}

#[test]
fn a_run_is_deleted() {
    let server = Server::new("deleted");
    for id in ["one", "two"] {
        train(&server.folder, id, "names");
    }
    let delete = |id: &str| server.send("DELETE", &format!("/api/runs/{id}"), "", b"");
    let ask = json!({ "model": "one", "inputs": ["Anders"] });
    server.post("/api/predict", &ask).json(200);
    #[cfg(unix)]
    {
        // Of a link only the link goes, and what a run's folder links to stays.
        std::os::unix::fs::symlink(server.folder.join("two"), server.folder.join("link")).unwrap();
        std::os::unix::fs::symlink(server.folder.join("two"), server.folder.join("one/link")).unwrap();
        assert_eq!(delete("link").status, 204);
        assert!(server.folder.join("two/run.json").is_file() && !server.folder.join("link").exists());
    }
    let gone = delete("one");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert!(!server.folder.join("one").exists());
    server.post("/api/predict", &ask).refused(404);
    delete("one").refused(404);
    let hidden = std::fs::read_dir(&server.folder).unwrap().map(|entry| entry.unwrap().file_name());
    let hidden: Vec<_> = hidden.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    std::fs::create_dir(server.folder.join("no-run")).unwrap();
    for id in ["no-run", "..", "%2e%2e%2fdeleted", "a%00b"] {
        delete(id).refused(404);
    }
    assert!(server.folder.join("no-run").exists() && server.folder.join("two/model.safetensors").is_file());

    // One that is being trained stays, and so does the one that is all there is.
    let recipe = json!({ "model.hidden_size": 16, "training.steps": 100_000, "training.patience": 0 });
    server.post("/api/train", &json!({ "builtin": "names", "recipe": recipe, "name": "busy" })).json(202);
    server.wait("busy", |run| run["created"].is_number());
    assert!(delete("busy").refused(409).0.contains("is being trained"));
    server.send("POST", "/api/runs/busy/stop", "", b"").json(202);
    server.wait("busy", |run| run["training"] == false);
    assert_eq!(delete("busy").status, 204);
    let only = Server::of(&server.folder.join("two"));
    only.send("DELETE", "/api/runs/two", "", b"").refused(409);
    assert!(server.folder.join("two/run.json").is_file());
}

#[test]
fn what_a_killed_server_left_of_a_run_is_no_run_and_is_swept() {
    let server = Server::new("half-deleted");
    train(&server.folder, "names", "names");
    let left = anaphora::run::Deleted::new(&server.folder.join("names")).unwrap();
    let hidden = std::fs::read_dir(&server.folder).unwrap().next().unwrap().unwrap().file_name();
    let hidden = hidden.to_str().unwrap();
    assert_eq!(server.get("/api/runs").json(200)["runs"], json!([]));
    assert_eq!(server.get("/v1/models").json(200)["data"], json!([]));
    for path in ["/api/runs/", "/v1/models/"] {
        server.get(&format!("{path}{hidden}")).refused(404);
    }
    server.post("/api/predict", &json!({ "model": hidden, "inputs": ["a"] })).refused(404);
    // The next server finds it.
    Server::of(&server.folder).get("/health");
    assert!(std::fs::read_dir(&server.folder).unwrap().next().is_none());
    left.remove().unwrap();
}

//! `POST /api/inspect`.

use anaphora::inspect::{Request, Source};
use anaphora::model::Compute;
use anaphora::{Device, Precision};
use serde_json::{Value, json};

use crate::common::{Server, file, picture, shared, train};

#[test]
fn an_inspection_is_what_the_library_says() {
    let server = shared();
    let text = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA|";
    let found =
        server.post("/api/inspect", &json!({ "model": "tunes", "text": text, "views": ["gates"] })).json(200);
    let request = Request {
        source: Source::Text(text.into()),
        index: 0,
        views: Some(["gates".parse().unwrap()].into()),
    };
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let expected = anaphora::tasks::inspect(&server.folder.join("tunes"), &mut compute, &request).unwrap();
    let mut expected: Value = serde_json::from_str(&serde_json::to_string(&expected).unwrap()).unwrap();
    expected["about"]["run"] = "tunes".into();
    assert!(found == expected);
    assert_eq!(found["arrays"]["gates.l0.i"]["shape"], json!([text.len() + 1, 16]));
}

#[test]
fn held_out_data_files_and_pictures_are_looked_at() {
    let server = shared();
    for (body, array) in [
        (json!({ "model": "names", "index": 2, "views": ["gates"] }), "gates.l0.i"),
        (json!({ "model": "scenes", "file": file("a.png", &picture()), "views": ["next"] }), "logits"),
        (json!({ "model": "shapes", "file": file("b.png", &picture()), "views": ["gates"] }), "gates.l0.i"),
        (
            json!({ "model": "reverse", "file": file("a.txt", b"1 2 3\n"), "reference": file("b.txt", b"3 2 1\n"),
                    "views": ["next"] }),
            "logits",
        ),
    ] {
        let found = server.post("/api/inspect", &body).json(200);
        assert!(found["arrays"][array].is_object(), "{} {:?}", found["not_shown"], found["notes"]);
        assert_eq!(found["about"]["run"], body["model"]);
    }
}

#[test]
fn what_cannot_be_looked_at_is_refused_by_name() {
    let refused = |body: Value| shared().post("/api/inspect", &body).refused(400);
    assert_eq!(refused(json!({ "model": "tunes", "text": "X", "views": ["gaits"] })).1, "views");
    assert_eq!(refused(json!({ "model": "tunes", "text": "X:1", "views": ["attention"] })).1, "views");
    assert_eq!(refused(json!({ "model": "tunes", "text": "" })).1, "text");
    assert_eq!(refused(json!({ "model": "tunes", "index": 0 })).1, "index");
    assert_eq!(refused(json!({ "model": "tunes", "text": "X", "file": file("a", b"X") })).1, "file");
    assert_eq!(
        refused(json!({ "model": "tunes", "text": "X", "reference": file("a", b"X") })).1,
        "reference"
    );
    let (message, param) = refused(json!({ "model": "shapes", "file": file("a shape.png", b"no picture") }));
    assert!(param == "file" && message.contains("a shape.png"), "{message}");
    shared().post("/api/inspect", &json!({ "model": "nothing" })).refused(404);
}

#[test]
fn runs_are_listed_as_they_are() {
    let server = Server::new("listed");
    train(&server.folder, "names", "names");
    std::fs::create_dir(server.folder.join("broken")).unwrap();
    std::fs::write(server.folder.join("broken/run.json"), "{").unwrap();
    std::fs::write(server.folder.join("no-run"), "").unwrap();
    let runs = server.get("/api/runs").json(200);
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{runs:?}");
    let run = |id: &str| runs.iter().find(|run| run["id"] == id).unwrap();
    let names = run("names");
    assert_eq!((&names["task"], &names["backbone"]), (&json!("classify"), &json!("lstm")));
    assert_eq!(
        (&names["steps"], &names["training"], &names["has_model"]),
        (&json!(4), &json!(false), &json!(true))
    );
    assert_eq!(names["ended"], "the budget of the recipe was used up");
    assert_eq!(names["best"]["criterion"], "accuracy");
    assert_eq!(names["best"]["value"], names["best"]["scores"]["accuracy"]);
    assert!(names["bytes"].as_u64().unwrap() > 1000 && names["created"].as_i64().unwrap() > 1_700_000_000);
    let broken = run("broken");
    assert!(broken["error"].as_str().unwrap().starts_with("broken/run.json: "), "{broken}");
    assert_eq!((&broken["task"], &broken["has_model"]), (&Value::Null, &json!(false)));

    let mut details = server.get("/api/runs/names").json(200);
    assert_eq!(details["recipe"]["training"]["steps"], 4);
    assert_eq!(details["recipe"]["data"]["builtin"], "names");
    assert_eq!(details["input"], "text");
    let more = ["recipe", "sources", "program", "input", "imported", "from"];
    more.iter().for_each(|name| _ = details.as_object_mut().unwrap().remove(*name).expect(name));
    assert_eq!(&details, names);
    assert!(server.get("/api/runs/broken").json(200)["error"].is_string());
    for id in ["nothing", "..", "no-run", "%2e%2e%2fnames", "a%00b"] {
        server.get(&format!("/api/runs/{id}")).refused(404);
        server.get(&format!("/api/runs/{id}/metrics")).refused(404);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(server.folder.join("names"), server.folder.join("link")).unwrap();
        let models = server.get("/v1/models").json(200);
        let ids: Vec<&str> =
            models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["link", "names"]);
        server.post("/api/predict", &json!({ "model": "link", "inputs": ["Anders"] })).json(200);
        std::fs::remove_file(server.folder.join("link")).unwrap();
    }
    // A run is replaced by another, and deleted, while it is served.
    let ask = json!({ "model": "names", "inputs": ["Anders"] });
    server.post("/api/predict", &ask).json(200);
    std::fs::remove_dir_all(server.folder.join("names")).unwrap();
    server.post("/api/predict", &ask).refused(404);
    train(&server.folder, "names", "prices");
    assert_eq!(server.post("/api/predict", &ask).json(200)["task"], "regress");
    // One run is served by itself.
    let only = Server::of(&server.folder.join("names"));
    assert_eq!(only.get("/api/runs").json(200)["runs"][0]["id"], "names");
    only.get("/api/runs/names/metrics").json(200);
    only.get("/api/runs/broken").refused(404);
    only.post("/api/train", &json!({ "builtin": "names" })).refused(409);
}

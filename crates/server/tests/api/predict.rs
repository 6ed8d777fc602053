//! `POST /api/predict`.

use serde_json::{Value, json};

use crate::common::{Server, file, picture, shared};

fn predict(server: &Server, model: &str, inputs: Value) -> Value {
    server.post("/api/predict", &json!({ "model": model, "inputs": inputs })).json(200)
}

#[test]
fn every_task_that_predicts_is_asked() {
    let server = shared();
    let paths: String = (0..60).map(|step| format!("1,{},{}\n", 0.01 * f64::from(step), 0.5)).collect();
    let paths = format!("throw,x,y\n{paths}");
    for (model, task, input, key) in [
        ("names", "classify", json!("Anders"), "label"),
        ("reverse", "translate", json!("1 2 3"), "translation"),
        ("scenes", "caption", file("a picture.png", &picture()), "caption"),
        ("ball", "trajectory", file("throws.csv", paths.as_bytes()), "forecast"),
        ("adding", "memory", json!("0.5* 0.1 0.9 0.3* 0.7"), "sum"),
        ("phrases", "tag", json!("the old man sleeps"), "tags"),
        ("prices", "regress", json!("two apples"), "number"),
        ("shapes", "classify", file("shape.png", &picture()), "label"),
    ] {
        let found = predict(server, model, json!([input]));
        assert_eq!((&found["model"], &found["task"]), (&json!(model), &json!(task)));
        let [one] = &found["predictions"].as_array().unwrap()[..] else { panic!("{found}") };
        assert!(!one[key].is_null() && one["text"].is_string(), "{model}: {one}");
        assert!(!one.to_string().contains("anaphora-"), "a path of the server: {one}");
    }
    // A series goes on by itself.
    let found = server.post("/api/predict", &json!({ "model": "seasonal" })).json(200);
    let next = &found["predictions"][0];
    assert!(next["forecast"].as_array().unwrap().len() > 1, "{found}");
    // What is known stands before it: the hour before the first that is forecast.
    let known = next["history"].as_array().unwrap();
    assert_eq!(
        (&known.last().unwrap()["step"], &next["from"]),
        (&json!("2024-12-29 23:00:00"), &json!("2024-12-30 00:00:00"))
    );
    assert!(known.iter().all(|step| step["load"].is_number()), "{next}");
}

#[test]
fn inputs_are_answered_in_their_order_and_lines_one_by_one() {
    let inputs = json!(["Anders", file("names.txt", b"Mueller\n\nRossi\n"), "Anders"]);
    let found = predict(shared(), "names", inputs);
    let all = found["predictions"].as_array().unwrap();
    let inputs: Vec<&str> = all.iter().map(|one| one["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["Anders", "Mueller", "", "Rossi", "Anders"]);
    assert_eq!(all[0], all[4]);
    assert_eq!((&all[2]["label"], &all[3]["line"]), (&Value::Null, &json!(3)));
}

#[test]
fn forms_are_read_as_json_is() {
    let part = |head: &str, content: &[u8]| {
        [b"--cut\r\nContent-Disposition: form-data; ", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"]
            .concat()
    };
    let form = |parts: &[Vec<u8>]| {
        let head = "Content-Type: multipart/form-data; boundary=cut\r\n";
        shared().send("POST", "/api/predict", head, &[&parts.concat()[..], b"--cut--\r\n"].concat())
    };
    let model = |name: &str| part("name=\"model\"", name.as_bytes());
    let shape = part("name=\"file\"; filename=\"my shape.png\"", &picture());
    let found = form(&[model("shapes"), shape]).json(200);
    assert_eq!(found["predictions"][0]["input"], "my shape.png");
    let json = predict(shared(), "shapes", json!([file("my shape.png", &picture())]));
    assert_eq!(found, json);
    let texts = [part("name=\"text\"", b"1 2"), part("name=\"text\"", b"3"), part("name=\"n_best\"", b"2")];
    let found = form(&[&[model("reverse")], &texts[..]].concat()).json(200);
    let best: Vec<usize> = found["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["best"].as_array().unwrap().len())
        .collect();
    assert_eq!(best, [2, 2]);

    assert_eq!(form(&[part("name=\"text\"", b"1 2")]).refused(400).1, "model");
    assert_eq!(form(&[model("names"), part("name=\"tex\"", b"1 2")]).refused(400).1, "tex");
    assert_eq!(form(&[model("reverse"), part("name=\"beams\"", b"many")]).refused(400).1, "beams");
    assert_eq!(form(&[model("names"), part("name=\"file\"", b"no name")]).refused(400).1, "file");
}

#[test]
fn what_cannot_be_predicted_is_refused_by_name() {
    let server = shared();
    let refused = |body: Value| server.post("/api/predict", &body).refused(400);
    for (model, does) in [("tunes", "writes tunes"), ("chorales", "writes music")] {
        let answer = server.post("/api/predict", &json!({ "model": model, "inputs": ["X:1"] }));
        let (message, param) = answer.refused(400);
        assert!(message.ends_with(does) && param == "model", "{message}");
        assert_eq!(answer.see(400), "POST /api/generate");
    }
    assert_eq!(
        server.post("/api/predict", &json!({ "model": "no", "inputs": [] })).see(404),
        "GET /v1/models"
    );
    assert_eq!(refused(json!({ "model": "names" })).1, "inputs");
    assert_eq!(refused(json!({ "model": "names", "inputs": [7] })).1, "inputs");
    assert_eq!(refused(json!({ "model": "names", "inputs": ["a"], "beam": 2 })).1, "beam");
    assert_eq!(refused(json!({ "model": "names", "inputs": ["a"], "beams": 2 })).1, "beams");
    assert_eq!(refused(json!({ "model": "reverse", "inputs": ["1"], "beams": 0 })).1, "beams");
    assert_eq!(refused(json!({ "model": "names", "inputs": vec!["a"; 257] })).1, "inputs");
    assert_eq!(refused(json!({ "model": "names", "inputs": [{ "name": "a", "data": "?" }] })).1, "inputs[0]");
    for model in ["../names", "nothing", "names/", ""] {
        server.post("/api/predict", &json!({ "model": model, "inputs": ["a"] })).refused(404);
    }

    let (message, param) = refused(
        json!({ "model": "shapes", "inputs": [file("a.png", &picture()), file("../b c.png", b"no")] }),
    );
    assert!(param == "inputs[1]" && message.contains("../b c.png"), "{message}");
    let (message, param) = refused(json!({ "model": "adding", "inputs": ["0.5* 0.1 0.3*", "nothing"] }));
    assert!(param == "inputs[1]", "{message}");
}

#[test]
fn no_input_names_a_file_of_the_machine() {
    let server = shared();
    let path = server.folder.join("picture.png");
    std::fs::write(&path, picture()).unwrap();
    let path = path.to_str().unwrap();
    let table = format!("image,caption\n{path},a shape\n");
    for input in [json!(path), file("table.csv", table.as_bytes()), file("table.png", table.as_bytes())] {
        let body = json!({ "model": "scenes", "inputs": [input] });
        assert_eq!(server.post("/api/predict", &body).refused(400).1, "inputs[0]");
    }
    server.post("/api/inspect", &json!({ "model": "scenes", "text": path })).refused(400);
    let body = json!({ "model": "scenes", "file": file("table.csv", table.as_bytes()) });
    server.post("/api/inspect", &body).refused(400);
}

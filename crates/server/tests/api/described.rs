//! What `/openapi.json` says of the endpoints.

use serde_json::{Value, json};

use crate::common::shared;
use crate::data::send;

#[test]
fn every_endpoint_is_described_with_its_errors() {
    let described = shared().get("/openapi.json").json(200);
    for (path, method, status) in [
        ("/api/predict", "post", "200"),
        ("/api/inspect", "post", "200"),
        ("/api/generate", "post", "200"),
        ("/api/data", "post", "201"),
        ("/api/look", "post", "200"),
        ("/api/train", "post", "202"),
        ("/api/novelty", "post", "200"),
        ("/api/sound", "post", "200"),
        ("/api/runs/{id}", "delete", "204"),
        ("/api/runs", "get", "200"),
        ("/api/runs/{id}", "get", "200"),
        ("/api/runs/{id}/metrics", "get", "200"),
        ("/api/runs/{id}/stop", "post", "202"),
        ("/api/runs/{id}/resume", "post", "202"),
    ] {
        let responses = described["paths"][path][method]["responses"].as_object().unwrap();
        let found: Vec<&str> = responses.keys().map(String::as_str).collect();
        assert_eq!(found, [status, "4XX", "5XX"], "{path}");
    }
    let body = &described["paths"]["/api/predict"]["post"]["requestBody"]["content"];
    assert!(body["application/json"].is_object() && body["multipart/form-data"].is_object());
    // Every structure that is named is there.
    let text = described.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(described["components"]["schemas"][name].is_object(), "{name}");
    }
}

/// What does not fit a schema.
fn misfit(all: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfit(all, all.pointer(&name[1..]).unwrap(), value, at);
    }
    if let Some(several) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let all: Vec<Option<String>> = several.iter().map(|one| misfit(all, one, value, at)).collect();
        return if all.contains(&None) { None } else { all.into_iter().flatten().next() };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        // The fields of a part are not those of another.
        let mut whole = json!({ "type": "object", "properties": {}, "required": [] });
        for part in parts {
            let part = part["$ref"].as_str().map_or(part, |name| all.pointer(&name[1..]).unwrap());
            whole["properties"]
                .as_object_mut()
                .unwrap()
                .extend(part["properties"].as_object().unwrap().clone());
            whole["required"]
                .as_array_mut()
                .unwrap()
                .extend(part["required"].as_array().into_iter().flatten().cloned());
        }
        return misfit(all, &whole, value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |named: &Value| named == kind || named == "number" && kind == "integer";
    let fits = match &schema["type"] {
        Value::Array(several) => several.iter().any(is),
        Value::Null => true,
        one => is(one),
    };
    if !fits {
        return Some(format!("{at} is {kind}, and {} is described", schema["type"]));
    }
    match value {
        Value::Array(items) if schema["items"].is_object() => {
            items.iter().find_map(|item| misfit(all, &schema["items"], item, at))
        }
        Value::Object(fields) => {
            let missing = schema["required"].as_array().into_iter().flatten();
            let missing = missing.map(|name| name.as_str().unwrap()).find(|name| !fields.contains_key(*name));
            if let Some(missing) = missing {
                return Some(format!("{at} has no {missing}"));
            }
            fields.iter().find_map(|(name, value)| {
                match (&schema["properties"], &schema["additionalProperties"]) {
                    (Value::Object(known), _) if known.contains_key(name) => {
                        misfit(all, &known[name], value, &format!("{at}.{name}"))
                    }
                    (_, other @ Value::Object(_)) => misfit(all, other, value, &format!("{at}.{name}")),
                    (Value::Null, _) => None,
                    _ => Some(format!("{at}.{name} is not described")),
                }
            })
        }
        _ => None,
    }
}

#[test]
fn answers_are_as_described() {
    let server = shared();
    let described = server.get("/openapi.json").json(200);
    let ask = |path: &str, body: Value| (path.to_owned(), "post", server.post(path, &body));
    let get = |path: &str, at: &str| (path.to_owned(), "get", server.get(at));
    let tune = json!({ "model": "tunes", "max_tokens": 20, "retry": 0, "novelty": true, "formats": ["abc", "midi", "wav", "roll"],
                       "prompt": "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|" });
    for (path, method, answer) in [
        ask("/api/predict", json!({ "model": "names", "inputs": ["Anders"] })),
        ask("/api/inspect", json!({ "model": "names", "views": ["gates"] })),
        ask("/api/generate", tune),
        ask("/api/generate", json!({ "model": "nothing" })),
        ask("/api/look", json!({ "builtin": "scenes" })),
        ask("/api/look", json!({ "like": "seasonal" })),
        ask("/api/look", json!({ "upload": "none" })),
        ask("/api/train", json!({})),
        ("/api/data".to_owned(), "post", send(server, &[("a.txt", b"a")])),
        ask("/api/novelty", json!({ "model": "tunes", "texts": ["X:1\nK:C\nCDEF|"] })),
        ask("/api/sound", json!({ "abc": "X:1\nK:C\nCDEF|", "formats": ["roll", "abc", "midi", "wav"] })),
        get("/api/builtins", "/api/builtins"),
        get("/api/runs", "/api/runs"),
        get("/api/runs/{id}", "/api/runs/names"),
        get("/api/runs/{id}", "/api/runs/nothing"),
        get("/api/runs/{id}/metrics", "/api/runs/names/metrics"),
    ] {
        let value = answer.json(answer.status);
        let responses = &described["paths"][&path][method]["responses"];
        let of_kind = format!("{}XX", answer.status / 100);
        let response = responses.get(answer.status.to_string()).unwrap_or_else(|| &responses[&of_kind]);
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} {}: {response}", answer.status);
        assert_eq!(misfit(&described, schema, &value, &path), None);
    }
}

//! What `/openapi.json` says of the endpoints.

use crate::common::shared;

#[test]
fn every_endpoint_is_described_with_its_errors() {
    let described = shared().get("/openapi.json").json(200);
    for (path, method, status) in [
        ("/api/predict", "post", "200"),
        ("/api/inspect", "post", "200"),
        ("/api/generate", "post", "200"),
        ("/api/train", "post", "202"),
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

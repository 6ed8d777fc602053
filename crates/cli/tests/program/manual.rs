//! What is made from the definitions of the commands: completions and the manual; and what the program tells of itself.

use std::fs;

use crate::common::Workplace;

#[test]
fn shells_complete_every_command() {
    let place = Workplace::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.call(&["completions", shell]).ok();
        let misses = |word: &&&str| !script.contains(**word);
        let words = ["inspect", "doctor", "temperature", "transformer"];
        assert_eq!(words.iter().find(misses), None, "{shell}");
    }
    let refused = place.call(&["completions", "cmd"]).refused(2);
    assert!(refused.contains("bash, elvish, fish, powershell, zsh"), "{refused}");
}

#[test]
fn the_manual_has_a_page_of_each_command_and_writes_over_none() {
    let place = Workplace::new();
    let first = place.call(&["man"]).ok();
    assert!(first.contains(".TH anaphora 1") && first.contains("standard error"), "{first}");
    place.call(&["man", "--out", "man"]).ok();
    let mut names: Vec<String> = fs::read_dir(place.path("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let has = |name: &str| names.iter().any(|one| one == name);
    assert!(has("anaphora.1") && has("anaphora-train.1") && has("anaphora-bench-product.1"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    let page = fs::read_to_string(place.path("man/anaphora-train.1")).unwrap();
    assert!(page.contains("\\-\\-backbone") && page.contains("anaphora train"), "{page}");
    fs::write(place.path("man/anaphora-train.1"), "mine").unwrap();
    let refused = place.call(&["man", "--out", "man"]).refused(2);
    assert!(refused.contains("is there already; write over it with --force"), "{refused}");
    assert_eq!(fs::read_to_string(place.path("man/anaphora-train.1")).unwrap(), "mine");
    place.call(&["man", "--out", "man", "--force"]).ok();
    assert_eq!(fs::read_to_string(place.path("man/anaphora-train.1")).unwrap(), page);
}

#[test]
fn the_program_tells_what_it_is_and_what_the_machine_has() {
    let place = Workplace::new();
    let version = place.call(&["--version"]).ok();
    assert!(version.starts_with(concat!("anaphora ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(version.contains("computes with ") && version.contains(std::env::consts::ARCH), "{version}");
    let report = place.call(&["doctor", "--json"]).ok();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["cores"].as_u64() >= report["usable_cores"].as_u64(), "{report}");
    let products = report["products"].as_array().unwrap();
    assert!(products.len() >= 2 && products.iter().all(|one| one["gflops"].as_f64() > Some(0.1)), "{report}");
    let told = place.call(&["doctor"]).ok();
    assert!(told.contains("GF/s") && told.contains("instructions"), "{told}");
}

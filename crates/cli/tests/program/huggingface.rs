//! `import` and `export` as a person calls them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Called, Workplace, names};
use serde_json::{Value, json};

/// A small GPT-2 that `transformers` made.
fn gpt2() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anaphora/tests/gpt2")
}

/// Puts that model into the folder `gpt2`.
fn place_gpt2(place: &Workplace) {
    fs::create_dir_all(place.path("gpt2")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(gpt2().join(file), place.path("gpt2").join(file)).unwrap();
    }
}

#[test]
fn an_imported_model_is_a_run() {
    let place = Workplace::new();
    place_gpt2(&place);
    let said = place.call(&["import", "gpt2"]).ok();
    assert_eq!(said, "A model of 27,616 parameters, imported to runs/gpt2\n");
    let piece = |folder: &str| {
        let call = ["generate", folder, "--prompt=The sea", "--temperature=0", "--tokens=150", "--json"];
        place.call(&call).json()[0]["text"].as_str().unwrap().to_owned()
    };
    let text = piece("runs/gpt2");
    assert!(text.starts_with("The sea") && text.chars().count() > 40, "{text}");

    place.write("sea.txt", "The sea was calm, and the wind came from the west.\n".repeat(8));
    let score = &place.call(&["evaluate", "runs/gpt2", "--data=sea.txt", "--json"]).json()[0];
    assert!(score["loss"].as_f64().unwrap() > 0.0, "{score}");
    let none = "runs/gpt2 is an imported model, without training data or a training to go on with; \
                generate with it, or evaluate it on a file that is named";
    assert_eq!(place.call(&["evaluate", "runs/gpt2"]).refused(1), none);
    assert_eq!(place.call(&["resume", "runs/gpt2"]).refused(1), none);
    assert!(place.call(&["runs"]).ok().contains("gpt2"));

    // Its recipe says what it is, and is enough to train on.
    let recipe = String::from_utf8(place.read("runs/gpt2/recipe.toml")).unwrap();
    assert!(recipe.contains("tokenizer = \"runs/gpt2/tokenizer.json\""), "{recipe}");
    place.write("seas.txt", "The sea was calm, and the wind came from the west.\n".repeat(100));
    place.call(&["train", "seas.txt", "--from=runs/gpt2", "--steps=2", "--threads=1", "--batch=2"]).ok();
    assert_eq!(place.read("runs/seas/tokenizer.json"), place.read("runs/gpt2/tokenizer.json"));

    place.call(&["export", "runs/gpt2", "--to=huggingface", "--out=out"]).ok();
    let files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    assert_eq!(names(&place.path("out")), files);
    place.call(&["import", "out", "--out=again"]).ok();
    assert_eq!(piece("again"), text);
    assert_eq!(place.read("again/model.safetensors"), place.read("runs/gpt2/model.safetensors"));

    let again = place.call(&["export", "runs/gpt2", "--to=huggingface", "--out=out"]).refused(1);
    assert!(again.starts_with("out is not empty (it holds "), "{again}");
    let again = place.call(&["import", "gpt2", "--out=again"]).refused(1);
    assert!(again.starts_with("again already holds a run"), "{again}");
}

/// Changes the header of a safetensors file, and adds bytes at its end.
fn edit_weights(place: &Workplace, change: impl Fn(&mut Value), more: &[u8]) {
    let bytes = place.read("gpt2/model.safetensors");
    let (length, rest) = bytes.split_at(8);
    let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    change(&mut header);
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(more);
    place.write("gpt2/model.safetensors", bytes);
}

/// The sentence for a model whose weights were changed so.
fn refused(change: impl Fn(&mut Value), more: &[u8]) -> String {
    let place = Workplace::new();
    place_gpt2(&place);
    edit_weights(&place, change, more);
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(!place.path("runs").exists(), "nothing is begun");
    said.strip_prefix("gpt2/model.safetensors: ").unwrap_or(&said).to_owned()
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let rename = |from: &'static str, to: &'static str| {
        move |header: &mut Value| {
            let tensor = header.as_object_mut().unwrap().remove(from).unwrap();
            header[to] = tensor;
        }
    };
    assert_eq!(
        // Masks are passed over.
        refused(rename("transformer.h.1.mlp.c_fc.bias", "transformer.h.1.attn.bias"), &[]),
        "tensor transformer.h.1.mlp.c_fc.bias is missing"
    );
    let end = |header: &Value| {
        let ends =
            header.as_object().unwrap().values().filter_map(|tensor| tensor["data_offsets"][1].as_u64());
        ends.max().unwrap()
    };
    let add = |header: &mut Value| {
        let end = end(header);
        header["transformer.h.2.ln_1.bias"] =
            json!({ "dtype": "F32", "shape": [1], "data_offsets": [end, end + 4] });
    };
    assert_eq!(refused(add, &[0; 4]), "tensor transformer.h.2.ln_1.bias is not part of this model");
    assert_eq!(
        refused(|header| header["transformer.wpe.weight"]["shape"] = json!([60, 64]), &[]),
        "tensor transformer.wpe.weight has shape [60, 64] where the model has [120, 32]"
    );
    assert_eq!(
        refused(|header| header["transformer.wpe.weight"]["dtype"] = json!("I32"), &[]),
        "tensor transformer.wpe.weight holds I32 numbers where F32, F16 or BF16 is expected"
    );
    for lie in [json!([0, 1u64 << 60]), json!([8, 4]), json!([1u64 << 40, (1u64 << 40) + 15360])] {
        let said = refused(|header| header["transformer.wpe.weight"]["data_offsets"] = lie.clone(), &[]);
        assert!(said.starts_with("it is no valid safetensors file ("), "{said}");
    }
    let place = Workplace::new();
    place_gpt2(&place);
    for bytes in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", b"\x02\0\0\0\0\0\0\0[]"] {
        place.write("gpt2/model.safetensors", bytes);
        let said = place.call(&["import", "gpt2"]).refused(1);
        assert!(said.starts_with("gpt2/model.safetensors: it is no valid safetensors file ("), "{said}");
    }
}

#[test]
fn a_configuration_that_is_not_gpt2s_is_refused_by_its_field() {
    let place = Workplace::new();
    place_gpt2(&place);
    let config: Value = serde_json::from_slice(&place.read("gpt2/config.json")).unwrap();
    let import = |config: &Value| -> Called {
        place.write("gpt2/config.json", config.to_string());
        place.call(&["import", "gpt2"])
    };
    for (field, value, said) in [
        (
            "model_type",
            json!("bert"),
            "\"bert\", and gpt2, llama, mistral, and lstm, gru, rnn of PyTorch's layers are what can be imported",
        ),
        ("n_head", json!(5), "5, and it has to divide n_embd, which is 32"),
        ("n_layer", json!(-1), "-1, and a whole number from 1 to 48 is needed"),
        ("n_embd", json!("wide"), "\"wide\", and a whole number from 1 to 65536 is needed"),
        ("n_positions", Value::Null, "null, and a whole number from 1 to 65536 is needed"),
        ("vocab_size", json!(1e20), "1e+20, and a whole number from 1 to 16777216 is needed"),
        (
            "activation_function",
            json!("silu"),
            "\"silu\", and gelu_new, gelu, gelu_pytorch_tanh or relu is needed",
        ),
        ("layer_norm_epsilon", json!(0), "0, and a number above 0 to below 1 is needed"),
        ("scale_attn_by_inverse_layer_idx", json!(true), "true, and only false is known here"),
        ("tie_word_embeddings", json!("yes"), "\"yes\", and true or false is needed"),
    ] {
        let mut changed = config.clone();
        changed[field] = value;
        assert_eq!(import(&changed).refused(1), format!("gpt2/config.json: field {field} is {said}"));
    }
    let mut changed = config.clone();
    changed.as_object_mut().unwrap().remove("n_layer");
    let said = "gpt2/config.json: field n_layer is missing, and a whole number from 1 to 48 is needed";
    assert_eq!(import(&changed).refused(1), said);
    // A size that the weights do not have costs no memory.
    changed = config.clone();
    changed["n_positions"] = json!(65_536);
    let said = "gpt2/model.safetensors: tensor transformer.wpe.weight has shape [120, 32] where the model has [65536, 32]";
    assert_eq!(import(&changed).refused(1), said);
    for (text, said) in [("", "not JSON: EOF"), ("[1]", "an object of fields is needed")] {
        place.write("gpt2/config.json", text);
        let sentence = place.call(&["import", "gpt2"]).refused(1);
        assert!(sentence.starts_with(&format!("gpt2/config.json: {said}")), "{sentence}");
    }
    assert!(!place.path("runs").exists(), "nothing is begun");
}

#[test]
fn a_tokenizer_of_another_size_or_kind_is_refused() {
    let place = Workplace::new();
    place_gpt2(&place);
    let mut tokenizer: Value = serde_json::from_slice(&place.read("gpt2/tokenizer.json")).unwrap();
    let more = json!({
        "id": 272, "content": "<more>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    });
    tokenizer["added_tokens"].as_array_mut().unwrap().push(more);
    place.write("gpt2/tokenizer.json", tokenizer.to_string());
    let said = "gpt2/config.json: field vocab_size is 272, and tokenizer.json beside it has 273 tokens";
    assert_eq!(place.call(&["import", "gpt2"]).refused(1), said);
    place.write("gpt2/tokenizer.json", "{}");
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(said.starts_with("gpt2/tokenizer.json: "), "{said}");
    fs::remove_file(place.path("gpt2/tokenizer.json")).unwrap();
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(
        said.starts_with("gpt2: there is no tokenizer.json in it, nor both vocab.json and merges.txt; "),
        "{said}"
    );
}

#[test]
fn older_and_larger_folders_are_read() {
    let place = Workplace::new();
    place_gpt2(&place);
    place.call(&["import", "gpt2", "--out=whole"]).ok();
    let whole = place.read("whole/model.safetensors");
    let imported = |name: &str| {
        place.call(&["import", "gpt2", "--out", name]).ok();
        assert!(place.read(&format!("{name}/model.safetensors")) == whole, "{name}");
    };
    // Wrapped by PyTorch, with leftovers: names are changed, and numbers stay.
    for wrapper in ["module.", "_orig_mod.", "_orig_mod.module."] {
        place_gpt2(&place);
        edit_weights(
            &place,
            |header| {
                let all = header.as_object_mut().unwrap();
                for name in all.keys().cloned().collect::<Vec<_>>() {
                    if name != "__metadata__" {
                        let tensor = all.remove(&name).unwrap();
                        all.insert(format!("{wrapper}{name}"), tensor);
                    }
                }
                let end = all.values().filter_map(|tensor| tensor["data_offsets"][1].as_u64()).max().unwrap();
                let head = json!({ "dtype": "F32", "shape": [1], "data_offsets": [end, end + 4] });
                let mask = json!({ "dtype": "U8", "shape": [4], "data_offsets": [end + 4, end + 8] });
                all.insert(format!("{wrapper}lm_head.weight"), head);
                all.insert(format!("{wrapper}transformer.h.0.attn.bias"), mask);
            },
            &[0; 8],
        );
        imported(wrapper);
    }
    // In parts: the same file twice, each with half of the names.
    place_gpt2(&place);
    let bytes = place.read("gpt2/model.safetensors");
    let mut map = serde_json::Map::new();
    for part in 0..2 {
        place.write("gpt2/model.safetensors", &bytes);
        edit_weights(
            &place,
            |header| {
                let length = bytes.len() - 8 - u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
                let names: Vec<String> = header
                    .as_object()
                    .unwrap()
                    .keys()
                    .filter(|name| *name != "__metadata__")
                    .cloned()
                    .collect();
                let half = |place: usize| place % 2 == part;
                // What is left out of a file leaves its numbers behind, which masks may be.
                for (number, name) in names.iter().enumerate().filter(|(number, _)| !half(*number)) {
                    let mut tensor = header.as_object_mut().unwrap().remove(name).unwrap();
                    let [begin, end] = [0, 1].map(|at| tensor["data_offsets"][at].as_u64().unwrap());
                    assert!(end as usize <= length);
                    tensor["dtype"] = json!("U8");
                    tensor["shape"] = json!([end - begin]);
                    header[format!("transformer.h.{number}.attn.bias")] = tensor;
                }
            },
            &[],
        );
        let names = fs::read(place.path("gpt2/model.safetensors")).unwrap();
        let length = u64::from_le_bytes(names[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&names[8..8 + length]).unwrap();
        let file = format!("model-0000{}-of-00002.safetensors", part + 1);
        for name in header
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| !name.ends_with("attn.bias") && *name != "__metadata__")
        {
            map.insert(name.clone(), json!(file));
        }
        fs::rename(place.path("gpt2/model.safetensors"), place.path("gpt2").join(&file)).unwrap();
    }
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert_eq!(
        said,
        "gpt2: there is no model.safetensors in it, and no model.safetensors.index.json that lists its parts"
    );
    place.write("gpt2/model.safetensors.index.json", json!({ "weight_map": map }).to_string());
    imported("parts");
    let part = "gpt2/model-00002-of-00002.safetensors";
    fs::rename(place.path(part), place.path("elsewhere")).unwrap();
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(
        said.starts_with("gpt2/model.safetensors.index.json: model-00002-of-00002.safetensors, which holds "),
        "{said}"
    );
    place.write("gpt2/model.safetensors.index.json", r#"{"weight_map": {"wte.weight": "../elsewhere"}}"#);
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(said.ends_with("the name of one in the same folder is needed"), "{said}");

    // Tokens and merges in files of their own.
    place_gpt2(&place);
    let tokenizer: Value = serde_json::from_slice(&place.read("gpt2/tokenizer.json")).unwrap();
    let mut vocabulary = tokenizer["model"]["vocab"].clone();
    for token in tokenizer["added_tokens"].as_array().unwrap() {
        vocabulary[token["content"].as_str().unwrap()] = token["id"].clone();
    }
    let merge = |merge: &Value| match merge.as_array() {
        Some(parts) => format!("{} {}\n", parts[0].as_str().unwrap(), parts[1].as_str().unwrap()),
        None => format!("{}\n", merge.as_str().unwrap()),
    };
    let merges: String = tokenizer["model"]["merges"].as_array().unwrap().iter().map(merge).collect();
    fs::remove_file(place.path("gpt2/tokenizer.json")).unwrap();
    place.write("gpt2/vocab.json", vocabulary.to_string());
    place.write("gpt2/merges.txt", format!("#version: 0.2\n{merges}"));
    imported("older");
    // The token that closes a text may be in none of the files.
    vocabulary.as_object_mut().unwrap().remove("<|endoftext|>").unwrap();
    place.write("gpt2/vocab.json", vocabulary.to_string());
    imported("oldest");
    let score = |run: &str| {
        place.write("sea.txt", "The sea was calm, and the wind came from the west.\n".repeat(8));
        place.call(&["evaluate", run, "--data=sea.txt", "--json"]).json().remove(0)
    };
    assert_eq!(score("older"), score("whole"));
    assert_eq!(score("oldest"), score("whole"));

    place.write("gpt2/pytorch_model.bin", "");
    fs::remove_file(place.path("gpt2/model.safetensors")).unwrap();
    fs::remove_file(place.path("gpt2/model.safetensors.index.json")).unwrap();
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(said.contains("; pytorch_model.bin is not read, and save_pretrained"), "{said}");
    for path in ["nowhere", "sea.txt"] {
        let said = place.call(&["import", path]).refused(1);
        assert_eq!(said, format!("{path}: the folder of a model is needed, with its config.json"));
    }
}

#[test]
fn a_model_that_no_format_holds_is_refused_by_its_field() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    let small = ["--backbone=transformer", "--layers=1", "--set=model.heads=2", "--steps=2"];
    let transformer = [&small[..], &["--set=model.norm=layer", "--set=model.feed_forward=gelu"][..]].concat();
    for (number, (settings, said)) in [
        (
            &["--backbone=lstm", "--steps=2"][..],
            "field model.backbone is lstm, and Hugging Face's format holds only a transformer",
        ),
        (&[], "field model.norm is layer, and Llama's format holds only rms norms"),
        (
            &["--set=model.norm=rms"],
            "field model.feed_forward is gelu, and Llama's format holds only swiglu",
        ),
        (
            &["--set=model.position=alibi"],
            "field model.position is alibi, and Hugging Face's format holds only rotary positions (Llama) or learned ones (GPT-2)",
        ),
        (
            &["--set=model.position=learned", "--set=model.norm=rms"],
            "field model.norm is rms, and GPT-2's format holds only layer norms",
        ),
        (
            &["--set=model.position=learned", "--set=model.feed_forward=swiglu"],
            "field model.feed_forward is swiglu, and GPT-2's format holds only relu, gelu or gelu_tanh",
        ),
        (
            &["--set=model.position=learned", "--set=model.kv_heads=1"],
            "field model.kv_heads is 1, and GPT-2's format holds only as many as model.heads",
        ),
        (
            &["--set=model.position=learned", "--tokenizer=word"],
            "field data.tokenizer is word, and Hugging Face's format holds only characters, bytes or sub-words",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let run = format!("run-{number}");
        let out = format!("--out={run}");
        let begin = if settings.first() == Some(&"--backbone=lstm") { &[][..] } else { &transformer[..] };
        let end = ["tunes.abc", "--set=model.embedding_size=32", &out];
        place.train(&[begin, settings, &end[..]].concat()).ok();
        let refused = place.call(&["export", &run, "--to=huggingface"]).refused(1);
        assert_eq!(refused, format!("{run}: {said}"));
        assert!(!place.path(&run).join("huggingface").exists());
    }
}

/// Copies a folder of what PyTorch made.
fn place_pytorch(place: &Workplace, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../anaphora/tests/pytorch").join(name);
    fs::create_dir_all(place.path(name)).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), place.path(name).join(file.file_name())).unwrap();
    }
}

/// Changes a file of JSON.
fn edit(place: &Workplace, file: &str, change: impl Fn(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&place.read(file)).unwrap();
    change(&mut value);
    place.write(file, value.to_string());
}

#[test]
fn a_llama_that_is_another_model_than_ours_is_refused_by_its_field() {
    let place = Workplace::new();
    for (field, value, said) in [
        (
            "head_dim",
            json!(8),
            "head_dim is 8, and hidden_size / num_attention_heads is 4, the one size known here",
        ),
        (
            "num_key_value_heads",
            json!(3),
            "num_key_value_heads is 3, and it has to divide num_attention_heads, which is 4",
        ),
        ("hidden_act", json!("gelu"), "hidden_act is \"gelu\", and silu is needed, the activation of SwiGLU"),
        (
            "rope_parameters",
            json!({ "rope_type": "yarn", "rope_theta": 500.0 }),
            "rope_parameters.rope_type is \"yarn\", and rotary positions that are not scaled (null, or default) are the only ones known here",
        ),
        (
            "rope_scaling",
            json!({ "type": "linear", "factor": 2.0 }),
            "rope_scaling.type is \"linear\", and rotary positions that are not scaled (null, or default) are the only ones known here",
        ),
        ("rope_theta", json!(10_000.0), "rope_theta is 10000.0, and the base is 500 in rope_parameters"),
        ("eos_token_id", json!([1, 2]), "eos_token_id is [1,2], and the number of one token is needed"),
        (
            "max_position_embeddings",
            json!(131_072),
            "max_position_embeddings is 131072, and a whole number from 1 to 65536 is needed",
        ),
    ] {
        place_pytorch(&place, "llama");
        edit(&place, "llama/config.json", |config| config[field] = value.clone());
        let refused = place.call(&["import", "llama"]).refused(1);
        assert_eq!(refused, format!("llama/config.json: field {said}"));
    }
    place_pytorch(&place, "llama");
    edit(&place, "llama/config.json", |config| config["mlp_bias"] = json!(true));
    let refused = place.call(&["import", "llama"]).refused(1);
    assert_eq!(
        refused,
        "llama/model.safetensors.index.json: tensor model.layers.0.mlp.gate_proj.bias is missing"
    );
    assert!(!place.path("runs").exists(), "nothing is begun");
    place_pytorch(&place, "llama");
    edit(&place, "llama/config.json", |config| config["bos_token_id"] = json!(1));
    let called = place.call(&["import", "llama"]);
    assert!(called.stderr.contains("Note: bos_token_id is 1 in config.json"), "{called:?}");
}

#[test]
fn an_index_that_its_parts_do_not_keep_is_refused() {
    let (place, index) = (Workplace::new(), "llama/model.safetensors.index.json");
    let [first, second] = [1, 2].map(|part| format!("model-0000{part}-of-00002.safetensors"));
    let refused = |change: &dyn Fn(&mut Value)| {
        place_pytorch(&place, "llama");
        edit(&place, index, |file| change(&mut file["weight_map"]));
        let said = place.call(&["import", "llama"]).refused(1);
        said.strip_prefix(&format!("{index}: ")).unwrap_or(&said).to_owned()
    };
    assert_eq!(
        refused(&|map| map["lm_head.weight"] = json!(first)),
        format!("tensor lm_head.weight is in {second}, and weight_map has it in {first}")
    );
    assert_eq!(
        refused(&|map| map["model.more.weight"] = json!(first)),
        format!("weight_map has tensor model.more.weight in {first}, and there it is not")
    );
    for outside in ["../gpt2/model.safetensors", "/etc/passwd", "..", ""] {
        assert_eq!(
            refused(&|map| map["lm_head.weight"] = json!(outside)),
            format!(
                "the file of lm_head.weight is \"{outside}\", and the name of one in the same folder is needed"
            )
        );
    }
    // A tensor under two names.
    place_gpt2(&place);
    edit_weights(
        &place,
        |header| {
            let tensors = header.as_object().unwrap().values();
            let end = tensors.filter_map(|tensor| tensor["data_offsets"][1].as_u64()).max().unwrap();
            header["module.transformer.ln_f.bias"] =
                json!({ "dtype": "F32", "shape": [32], "data_offsets": [end, end + 128] });
        },
        &[0; 128],
    );
    assert_eq!(
        place.call(&["import", "gpt2"]).refused(1),
        "gpt2/model.safetensors: tensor transformer.ln_f.bias is there twice"
    );
    assert!(!place.path("runs").exists(), "nothing is begun");
}

#[test]
fn merges_that_give_no_token_are_refused() {
    let place = Workplace::new();
    place_gpt2(&place);
    let tokenizer: Value = serde_json::from_slice(&place.read("gpt2/tokenizer.json")).unwrap();
    fs::remove_file(place.path("gpt2/tokenizer.json")).unwrap();
    place.write("gpt2/vocab.json", tokenizer["model"]["vocab"].to_string());
    for merges in ["#version: 0.2\nq z\n", "abc\n", "a b c\n"] {
        place.write("gpt2/merges.txt", merges);
        let said = place.call(&["import", "gpt2"]).refused(1);
        assert!(said.starts_with("gpt2/vocab.json: the tokenizer file is damaged: its merge "), "{said}");
    }
    place.write("gpt2/vocab.json", "[]");
    let said = place.call(&["import", "gpt2"]).refused(1);
    assert!(said.starts_with("gpt2/vocab.json: an object of tokens and their numbers is needed"), "{said}");
}

#[test]
fn a_module_of_recurrent_layers_is_a_run_and_one_that_is_none_is_refused() {
    let place = Workplace::new();
    place_pytorch(&place, "lstm");
    let called = place.call(&["import", "lstm"]);
    assert_eq!(called.stderr, "");
    assert!(called.ok().contains("imported to runs/lstm"));
    place.call(&["generate", "runs/lstm", "--prompt=The sea", "--tokens=5", "--temperature=0"]).ok();
    place.call(&["export", "runs/lstm", "--to=onnx", "--out=x.onnx"]).ok();

    let refused = |file: &str, change: &dyn Fn(&mut Value)| {
        place_pytorch(&place, "lstm");
        edit(&place, &format!("lstm/{file}"), change);
        place.call(&["import", "lstm", "--out=none"]).refused(1)
    };
    for (field, value, said) in [
        ("hidden_size", json!(9), "hidden_size is 9, and it is 8 by the weights"),
        ("num_layers", json!(1), "num_layers is 1, and it is 2 by the weights"),
        (
            "model_type",
            json!("gru"),
            "model_type is \"gru\", and lstm.weight_hh_l0 has shape [32, 8], as lstm has",
        ),
        ("nonlinearity", json!("relu"), "nonlinearity is \"relu\", and only model_type rnn has one"),
        (
            "tie_word_embeddings",
            json!(true),
            "tie_word_embeddings is true, and emb.weight and fc.weight differ",
        ),
        ("end_token", json!(3), "end_token is 3, and the text of a token is needed"),
    ] {
        let found = refused("config.json", &|config| config[field] = value.clone());
        assert_eq!(found, format!("lstm/config.json: field {said}"));
    }
    let found = refused("config.json", &|config| config["bidirectional"] = json!(true));
    assert!(
        found.starts_with("lstm/config.json: field bidirectional is not known of a recurrent model"),
        "{found}"
    );
    let found = refused("config.json", &|config| config["end_token"] = json!("<stop>"));
    assert_eq!(found, "lstm/vocab.json: there is no \"<stop>\", which config.json names as end_token");
    for (token, number, said) in [
        (
            "more",
            json!(20),
            "token \"more\" is not one character; words and sub-words are read from a tokenizer.json",
        ),
        ("é", json!(0), "both have the number 0"),
        ("é", json!(99), "\"é\" has the number 99, and "),
        ("é", json!(20), "tokens, and the weights are for "),
    ] {
        let found = refused("vocab.json", &|tokens| {
            // Of as many as there are the last.
            let count = tokens.as_object().unwrap().len();
            tokens[token] = if number == json!(20) { json!(count) } else { number.clone() };
        });
        assert!(found.starts_with("lstm/vocab.json: ") && found.contains(said), "{found}");
    }
    // Without an end one is added, and a note says so.
    place_pytorch(&place, "lstm");
    edit(&place, "lstm/vocab.json", |tokens| {
        let number = tokens.as_object_mut().unwrap().remove("<eos>").unwrap();
        tokens["é"] = number;
    });
    let called = place.call(&["import", "lstm", "--out=endless"]);
    assert!(
        called.stderr.starts_with("Note: no token of vocab.json closes a text, so <end> is added"),
        "{called:?}"
    );
    fs::remove_file(place.path("lstm/vocab.json")).unwrap();
    let found = place.call(&["import", "lstm", "--out=none"]).refused(1);
    assert!(found.starts_with("lstm: there is neither tokenizer.json in it, nor vocab.json"), "{found}");
    assert!(!place.path("none").exists(), "nothing is begun");
}

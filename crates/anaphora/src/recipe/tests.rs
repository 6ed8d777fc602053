use std::path::Path;

use super::readers::When;
use super::*;

use proptest::prelude::*;

fn builtin() -> Recipe {
    Recipe { data: Data { builtin: Some(Builtin::Tunes), ..Data::default() }, ..Recipe::default() }
}

/// A recipe in which every optional field has a value.
fn full() -> Recipe {
    let mut recipe = builtin();
    recipe.data.validation = Some("other.abc".into());
    recipe.training.steps = Some(10);
    recipe.training.epochs = Some(0.5);
    recipe.training.minutes = Some(3.0);
    recipe.data.train = Some("tunes.abc".into());
    recipe.data.builtin = None;
    let Data { target, validation_target, test_offset, sample_rate, patch, picture_size, .. } =
        &mut recipe.data;
    for path in [target, validation_target] {
        *path = Some("other.txt".into());
    }
    for count in [test_offset, patch, picture_size] {
        *count = Some(7);
    }
    *sample_rate = Some(8_000);
    let Data { test_files, label_column, text_column, label_separator, layout, .. } = &mut recipe.data;
    for text in [test_files, label_column, text_column, label_separator] {
        *text = Some("2".into());
    }
    *layout = Some(anaphora_data::table::Layout::Tab);
    recipe.training.batch_units = Some(1_000);
    recipe.model.pooling = Some(Pooling::Max);
    let Model { embedding_size, heads, kv_heads, context, feed_forward_size, norm_epsilon, chrono, .. } =
        &mut recipe.model;
    for size in [embedding_size, heads, kv_heads, context, feed_forward_size, chrono] {
        *size = Some(128);
    }
    *norm_epsilon = Some(1e-6);
    let Series { lookback, chunk, season, patch_stride, .. } = &mut recipe.series;
    for steps in [lookback, chunk, season, patch_stride] {
        *steps = Some(24);
    }
    recipe.series.fill = Some(anaphora_data::series::Fill::Linear);
    let Series { date_column, date_format, columns, path_column, validation_from, test_from, until, .. } =
        &mut recipe.series;
    for text in [date_column, date_format, columns, path_column, validation_from, test_from, until] {
        *text = Some("any".into());
    }
    recipe
}

/// A recipe in which nearly every optional field has a value, and all go together.
fn nearly_full() -> Recipe {
    let mut recipe = Recipe { task: Task::Forecast, ..full() };
    recipe.data.validation = None;
    recipe
}

fn refusal(text: &str) -> String {
    Recipe::parse(text).unwrap_err().to_string()
}

fn refusal_of(change: impl FnOnce(&mut Recipe)) -> String {
    let mut recipe = builtin();
    change(&mut recipe);
    recipe.validate().unwrap_err().to_string()
}

#[test]
fn one_line_is_a_whole_recipe() {
    let recipe = Recipe::parse("[data]\ntrain = \"tunes.abc\"").unwrap();
    assert_eq!(recipe.data.train.as_deref(), Some(Path::new("tunes.abc")));
    assert_eq!(recipe.model, Model::default());
    assert_eq!(recipe.training, Training::default());
}

/// Every task with every backbone and each of its data made by rule.
fn combinations() -> Vec<Recipe> {
    let mut all = Vec::new();
    for task in words::<Task>() {
        for backbone in words::<Backbone>() {
            let of = |builtin: Option<&str>| {
                Recipe::for_settings(|field| match field {
                    "task" => Some((*task).to_owned()),
                    "model.backbone" => Some((*backbone).to_owned()),
                    "data.builtin" => builtin.map(str::to_owned),
                    _ => None,
                })
            };
            all.push(of(None));
            let builtins = words::<Builtin>().iter().map(|builtin| of(Some(builtin)));
            all.extend(
                builtins.filter(|recipe| recipe.data.builtin.is_some_and(|b| b.task() == recipe.task)),
            );
        }
    }
    all
}

#[test]
fn every_field_has_a_name_of_its_own_and_a_meaning() {
    let mut paths: Vec<_> = fields().map(|field| field.path).collect();
    let count = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), count);
    for field in fields() {
        assert!(!field.help().is_empty() && !field.help().ends_with('.'), "{field:?}");
        assert!(field.help().chars().next().is_some_and(|first| !first.is_lowercase()), "{field:?}");
    }
}

#[test]
fn words_are_read_and_written_alike() {
    for field in fields() {
        let Accepts::OneOf(words) = field.accepts else { continue };
        assert!(words().len() > 1, "{field:?}");
        for word in words() {
            let mut recipe = builtin();
            recipe.set(field.path, word).unwrap();
            assert_eq!(recipe.get(field.path).as_deref(), Some(*word), "{}", field.path);
        }
    }
    assert_eq!(words::<Optimizer>().first(), Some(&"adamw"));
    assert!(words::<usize>().is_empty());
}

#[test]
fn words_that_an_earlier_version_named_are_no_setting() {
    for (task, tokenizer, is_refused) in
        [("classify", "word:20000", false), ("classify", "bpe:300", true), ("forecast", "word:20000", true)]
    {
        let builtin = if task == "classify" { "waves" } else { "seasonal" };
        let mut recipe = Recipe::for_settings(|field| match field {
            "task" => Some(task.to_owned()),
            "data.builtin" => Some(builtin.to_owned()),
            _ => None,
        });
        recipe.set_all(&[("task", task), ("data.builtin", builtin), ("data.tokenizer", tokenizer)]).unwrap();
        assert_eq!(recipe.refuse_unread().is_err(), is_refused, "{task} {tokenizer}");
    }
}

#[test]
fn every_field_has_a_reader() {
    let settings = [
        ("training.optimizer", "sgd"),
        ("data.test_every", "5"),
        ("data.validation", "other.txt"),
        ("model.head", "quantile"),
        ("data.input", "mel"),
        ("training.schedule", "cosine"),
        ("training.schedule", "plateau"),
        ("data.tokenizer", "word"),
    ];
    let mut recipes = combinations();
    for recipe in combinations() {
        for (field, value) in settings {
            let mut recipe = recipe.clone();
            recipe.set(field, value).unwrap();
            recipes.push(recipe);
        }
    }
    let views: Vec<_> = recipes.iter().map(|recipe| recipe.view().unwrap()).collect();
    for field in fields() {
        let read = views.iter().filter(|view| view.unread(field.readers).is_none()).count();
        assert!(read > 0, "nothing reads {}", field.path);
        assert_eq!(field.readers.is_empty(), read == views.len(), "{}", field.path);
    }
}

#[test]
fn conditions_name_fields_and_words_that_there_are() {
    fn check(when: &When) {
        match when {
            When::Is(path, words) | When::Not(path, words) => match Field::find(path).unwrap().accepts {
                Accepts::OneOf(known) => {
                    words.iter().for_each(|word| assert!(known().contains(word), "{path} {word}"));
                }
                Accepts::Tokens => {}
                other => panic!("{path} takes {other}"),
            },
            When::Set(path) | When::Unset(path) => {
                Field::find(path).unwrap();
            }
            When::For(_, when) => check(when),
            When::Tasks(_) | When::NotTasks(_) | When::Backbones(_) => {}
        }
    }
    fields().flat_map(|field| field.readers).for_each(check);
}

#[test]
fn defaults_are_valid_and_set_what_their_task_reads() {
    let all = combinations();
    for recipe in &all {
        if matches!(recipe.task, Task::Translate | Task::Caption) && recipe.model.backbone == Backbone::Window
        {
            assert!(recipe.validate_model().is_err());
            continue;
        }
        recipe.validate_model().unwrap();
        recipe.refuse_unread().unwrap();
        let usual = Recipe::for_backbone(recipe.model.backbone).table().unwrap();
        let own = recipe.table().unwrap();
        for field in fields().filter(|field| lookup(&own, field.path) != lookup(&usual, field.path)) {
            let mut same = all.iter().filter(|other| other.task == recipe.task);
            assert!(same.any(|other| other.reads(field)), "{} of {}", field.path, recipe.task);
        }
    }
}

#[test]
fn what_is_set_and_not_read_is_refused() {
    let refused = |settings: &[(&str, &str)]| {
        let mut recipe = Recipe::for_settings(|field| {
            settings.iter().find(|(name, _)| *name == field).map(|(_, value)| (*value).to_owned())
        });
        for (field, value) in settings {
            recipe.set(field, value).unwrap();
        }
        recipe.refuse_unread().err().map(|error| error.to_string())
    };
    for (settings, sentence) in [
        (
            &[("model.heads", "7")][..],
            "field model.heads is read by the backbone transformer only, and this one is lstm",
        ),
        (
            &[("model.notes", "independent")],
            "field model.notes is read by the task chorales only, and this one is music or text",
        ),
        (
            &[("task", "classify"), ("series.horizon", "7")],
            "field series.horizon is read by the tasks forecast and trajectory only, and this one is classify",
        ),
        (
            &[("task", "trajectory"), ("data.validation", "others.csv")],
            "field data.validation is read by all tasks but forecast, trajectory and memory, and this one is trajectory",
        ),
        (
            &[("training.momentum", "0.5")],
            "field training.momentum is read only where training.optimizer is sgd or muon, and it is adamw",
        ),
        (
            &[("task", "classify"), ("data.input", "text"), ("data.mels", "20")],
            "field data.mels is read only where data.input is mel, and it is text",
        ),
        (
            &[("data.validation", "a.txt"), ("data.validation_fraction", "0.3")],
            "field data.validation_fraction is read only where data.validation is left out, and it is \"a.txt\"",
        ),
        (
            &[("task", "tag"), ("data.test_offset", "2")],
            "field data.test_offset is read only where data.test_every is set, and it is not",
        ),
        (
            &[("task", "caption"), ("data.patch", "4")],
            "field data.patch is read only where data.input is numbers, samples or patches, and it is picture",
        ),
    ] {
        assert_eq!(refused(settings).as_deref(), Some(sentence), "{settings:?}");
    }
    for settings in [
        &[("model.heads", "7"), ("model.backbone", "transformer")][..],
        &[("training.momentum", "0.5"), ("training.optimizer", "sgd")],
        &[("training.momentum", "0.9")],
        &[("task", "classify"), ("data.mels", "20")],
        &[("task", "translate"), ("training.batch", "20")],
    ] {
        assert_eq!(refused(settings), None, "{settings:?}");
    }
}

#[test]
fn a_recipe_is_settled_where_its_backbone_changes() {
    let mut before = Recipe::for_backbone(Backbone::Transformer);
    before.data.builtin = Some(Builtin::Tunes);
    before.model.heads = Some(2);
    let mut recipe = before.clone();
    recipe.set("model.backbone", "lstm").unwrap();
    assert!(recipe.refuse_unread().is_err());
    recipe.settle(&before, |field| field == "model.backbone").unwrap();
    recipe.refuse_unread().unwrap();
    assert_eq!((recipe.model.heads, recipe.model.layers), (None, 4), "what is read stays");
    // What was asked for in vain before is in vain now.
    before.model.backbone = Backbone::Gru;
    let mut recipe = before.clone();
    recipe.set("model.backbone", "lstm").unwrap();
    recipe.settle(&before, |field| field == "model.backbone").unwrap();
    assert!(recipe.refuse_unread().is_err());
}

#[test]
fn what_is_written_is_read_back() {
    for recipe in combinations().into_iter().chain([nearly_full(), Recipe { task: Task::Music, ..builtin() }])
    {
        let text = recipe.to_toml().unwrap();
        assert_eq!(Recipe::parse_unvalidated(&text).unwrap(), recipe, "{text}");
        assert!(text.contains("# "), "comments");
        assert_eq!(text.contains("[series]"), recipe.task.forecasts(), "{text}");
    }
}

#[test]
fn fields_that_are_not_read_are_not_written() {
    let lists = |recipe: &Recipe, field: &str| recipe.to_toml().unwrap().contains(&format!("\n{field} = "));
    let mut recipe = builtin();
    assert!(lists(&recipe, "forget_bias") && !lists(&recipe, "position"));
    assert!(!lists(&recipe, "momentum") && !lists(&recipe, "curriculum"));
    recipe.model.kv_heads = Some(3);
    assert!(lists(&recipe, "kv_heads"), "nothing that was set is lost");
}

#[test]
fn a_field_of_series_is_found_from_another_section() {
    for field in fields().filter(|field| field.section() == "series") {
        let moved = field.path.replace("series.", "data.");
        let message = builtin().set(&moved, "1").unwrap_err().to_string();
        assert_eq!(message, format!("there is no field {moved}; did you mean {}?", field.path));
    }
}

#[test]
fn overrides_by_dotted_path() {
    let mut recipe = builtin();
    recipe.set("training.batch", "64").unwrap();
    recipe.set("training.epochs", "2").unwrap();
    recipe.set("training.betas", "[0.8, 0.95]").unwrap();
    recipe.set("model.backbone", "gru").unwrap();
    recipe.set("model.backbone", "\"gru\"").unwrap();
    recipe.set("data.validation", "other tunes.abc").unwrap();
    recipe.set("task", "music").unwrap();
    recipe.clone().set("data.validation", "1923").unwrap();
    assert_eq!(recipe.training.batch, 64);
    assert_eq!(recipe.training.epochs, Some(2.0));
    assert_eq!(recipe.training.betas, [0.8, 0.95]);
    assert_eq!(recipe.model.backbone, Backbone::Gru);
    assert_eq!(recipe.data.validation.as_deref(), Some(Path::new("other tunes.abc")));
    assert_eq!(recipe.task, Task::Music);

    let before = recipe.clone();
    let error = recipe.set("training.batch", "-3").unwrap_err().to_string();
    assert_eq!(error, "field training.batch is -3; it takes a whole number from 1 to 65536");
    let error = recipe.set("training", "3").unwrap_err().to_string();
    assert!(error.starts_with("there is no field training"), "{error}");
    assert!(recipe.set("training.batch", "3\ntraining.length = 4").is_err());
    assert_eq!(recipe, before);
}

#[test]
fn each_bad_value_is_one_sentence() {
    let cases = [
        ("[training]\nbatch = -3", "field training.batch is -3; it takes a whole number from 1 to 65536"),
        (
            "[training]\nbatch = \"32\"",
            "field training.batch is \"32\"; it takes a whole number from 1 to 65536",
        ),
        ("[training]\nbatch = 3.5", "field training.batch is 3.5; it takes a whole number from 1 to 65536"),
        ("[training]\nlearning_rate = nan", "field training.learning_rate is nan; it takes a number above 0"),
        (
            "[training]\nbetas = [0.9, 1.0]",
            "field training.betas is [0.9, 1.0]; it takes two numbers from 0 to below 1, as in [0.9, 0.999]",
        ),
        ("[model]\nlayers = 49", "field model.layers is 49; it takes a whole number from 1 to 48"),
        ("[model]\ndropout = 1", "field model.dropout is 1; it takes a number from 0 to below 1"),
        (
            "[model]\nbackbone = \"perceptron\"",
            "field model.backbone is \"perceptron\"; it takes window, rnn, gru, lstm or transformer",
        ),
        ("[model]\nhiden_size = 3", "there is no field model.hiden_size; did you mean model.hidden_size?"),
        (
            "[training]\nhidden_size = 3",
            "there is no field training.hidden_size; did you mean model.hidden_size?",
        ),
        ("batch = 3", "there is no field batch; did you mean training.batch?"),
        ("[optimiser]\nkind = 3", "there is no field optimiser; did you mean training.optimizer?"),
        ("zzz = 3", "there is no field zzz"),
        ("model = 3", "there is no field model"),
        ("[training.steps]\na = 1", "field training.steps is { a = 1 }; it takes a whole number from 1 on"),
        ("a = 1\nb = = 2", "line 2: this is not TOML"),
        ("", "there is nothing to learn from: name a file"),
    ];
    for (text, expected) in cases {
        let message = refusal(text);
        assert!(message.starts_with(expected), "{text:?}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn fields_that_do_not_go_together() {
    let tied = refusal_of(|r| r.model.tied_weights = true);
    assert!(
        tied.contains("model.embedding_size and model.hidden_size") && tied.contains("128 and 512"),
        "{tied}"
    );
    let mel = refusal_of(|r| {
        (r.task, r.data.builtin, r.data.input) = (Task::Caption, Some(Builtin::Scenes), Input::Mel)
    });
    assert!(mel.contains("rows, patches or picture"), "{mel}");
    let deep = refusal_of(|r| r.model.layers = 9);
    assert_eq!(deep, "model.layers is 9; a recurrent model has 8 at most");
    let both = refusal_of(|r| r.data.train = Some("a.abc".into()));
    assert!(both.contains("a.abc"), "{both}");
    assert!(refusal_of(|r| r.training.schedule = ScheduleKind::Cosine).contains("training.steps"));
    assert!(refusal_of(|r| r.training.patience = 0).contains("nothing would end"));
    // Values that came in from Rust and not from a file.
    assert!(refusal_of(|r| r.training.batch = 0).contains("training.batch"));
    assert!(refusal_of(|r| r.training.learning_rate = f64::NAN).contains("training.learning_rate"));
    assert!(refusal_of(|r| r.training.steps = Some(u64::MAX)).contains("TOML"));
}

#[test]
fn a_file_is_named_in_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe.toml");
    std::fs::write(&path, "[model]\nlayers = -1").unwrap();
    let message = Recipe::read(&path).unwrap_err().to_string();
    let expected =
        format!("{}: field model.layers is -1; it takes a whole number from 1 to 48", path.display());
    assert_eq!(message, expected);
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert!(Recipe::read(&path).unwrap_err().to_string().contains("recipe.toml"));
    std::fs::write(&path, "[model]\nlayers = 2").unwrap();
    assert!(Recipe::read(&path).unwrap_err().to_string().contains("nothing to learn from"));
    assert_eq!(Recipe::read_unvalidated(&path).unwrap().model.layers, 2);
    nearly_full().write(&path).unwrap();
    assert_eq!(Recipe::read(&path).unwrap(), nearly_full());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = Recipe::parse(&text);
    }

    #[test]
    fn any_override_is_taken_or_refused(field in 0..fields().count(), value in "\\PC{0,20}") {
        let mut recipe = builtin();
        let before = recipe.clone();
        let field = fields().nth(field).unwrap();
        if recipe.set(field.path, &value).is_err() {
            prop_assert_eq!(recipe, before);
        }
    }
}

#[test]
fn a_transformer_has_sizes_that_fit_each_other() {
    let refusal_of = |change: fn(&mut Recipe)| {
        let mut recipe = Recipe::for_backbone(Backbone::Transformer);
        recipe.data.builtin = Some(Builtin::Tunes);
        recipe.validate().unwrap();
        change(&mut recipe);
        recipe.validate().unwrap_err().to_string()
    };
    let set = "set model.heads, model.kv_heads or model.hidden_size";
    assert_eq!(
        refusal_of(|r| r.model.heads = Some(3)),
        format!("3 heads do not divide a width of 128; {set}")
    );
    assert_eq!(
        refusal_of(|r| r.model.kv_heads = Some(3)),
        format!("3 heads of keys and values do not divide 4 heads of queries; {set}")
    );
    assert!(refusal_of(|r| r.model.context = Some(50)).contains("model.context only 50"));
    let mut model_alone = Recipe::for_backbone(Backbone::Transformer);
    model_alone.validate_model().unwrap();
    model_alone.model.heads = Some(3);
    assert!(model_alone.validate_model().is_err());
}

//! `POST /api/look`: what would be learnt from some data, before a training.

use anaphora::recipe::{Accepts, Field, Task, fields};
use anaphora::training::{DataSize, Description, Shown};
use anaphora::{Error, Prospect, Recipe};
use anaphora_data::error::{counted, grouped};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::{Attached, Folder};
use super::names::{Names, Refuse, file_name, storage};
use super::runs::shown;
use super::source::{Asked, Source, encoding, settings};
use crate::body::{Body, Fields, take};
use crate::error::{ApiResult, ErrorBody};
use crate::queue::Gone;
use crate::{Server, Shared};

/// Pixels along the longer side of a picture that is shown, at most.
const SIDE: usize = 256;

/// What to look at.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct LookRequest {
    /// Data that were sent to `/api/data`, by the id of that upload. Of this, `data`, `builtin` and `like` one is given.
    upload: Option<String>,
    /// The data, one file.
    data: Option<Attached>,
    /// Built-in data, by their name: `tunes`, `names` …
    builtin: Option<String>,
    /// A run, to look at its data by its recipe, but for the fields in `recipe`.
    like: Option<String>,
    /// Fields of the recipe, as for `/api/train`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "model.backbone": "gru" }))]
    recipe: Map<String, Value>,
}

/// What a training would learn from, and how.
#[derive(Serialize, ToSchema)]
pub struct Looked {
    /// The name of the data.
    name: String,
    /// What would be learnt: `music`, `text`, `classify` …
    task: String,
    /// What was found in the data, a clause: `holds tunes in ABC`; null for built-in data.
    found: Option<String>,
    /// How much there is to learn from, for people.
    train: String,
    /// How much is held out, for people.
    validation: String,
    /// What is read and predicted, for people.
    predicts: String,
    /// Numbers in the model.
    parameters: usize,
    /// Some of the training data: five, where there are as many; of a series its beginning.
    examples: Vec<Example>,
    /// What reading the data gave to say, a sentence each.
    notes: Vec<String>,
    /// The fields of the recipe that are read, section by section; files by their names, without folders.
    #[schema(value_type = Object)]
    recipe: Option<Value>,
    /// The fields that are read and can be set, in the order of a recipe.
    fields: Vec<Setting>,
}

/// An example as a person sees it.
#[derive(Serialize, ToSchema)]
struct Example {
    /// What is read, to 600 characters, or the name of its file.
    text: String,
    /// What is to be said of it, likewise: a class, a number, a translation, tags; null where it is in the text itself.
    label: Option<String>,
    /// The picture that is read, as a data URL; null where it is none.
    picture: Option<String>,
}

/// A field of the recipe.
#[derive(Serialize, ToSchema)]
struct Setting {
    /// Its name with dots.
    field: &'static str,
    /// Its value; null where there is none.
    #[schema(value_type = Value)]
    value: Option<Value>,
    /// The value that it has for this task and backbone where nobody sets it; null where there is none.
    #[schema(value_type = Value)]
    default: Option<Value>,
    /// What it is.
    about: &'static str,
    /// What it takes, for people.
    takes: String,
    /// The words that it takes, where it takes some words only.
    choices: Option<Vec<&'static str>>,
    kind: Kind,
    /// Whether it is one of the few that most people need.
    common: bool,
}

/// What values are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of some words.
    Choice,
    /// A text, or numbers in brackets.
    Text,
}

impl Fields for LookRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Look at data before a training
///
/// They are read as a training would read them, and nothing is kept. One look is made at a time.
#[utoipa::path(post, path = "/api/look", tag = "runs", request_body = LookRequest, responses(
    (status = 200, body = Looked), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<LookRequest>,
) -> ApiResult<Json<Looked>> {
    let own = server.clone();
    server.looking.work(move |gone| look(&own, request, gone)).await.map(Json)
}

fn look(server: &Server, request: LookRequest, gone: &Gone) -> ApiResult<Looked> {
    let LookRequest { upload, data, builtin, like, recipe: asked } = request;
    let source = Source::new(server, Asked { data, upload, builtin, like })?;
    let settings = settings(&asked)?;
    let mut names = Names::default();
    // Lives until all is read.
    let mut folder = Folder::new(&server.scratch)?;
    let path = match &source {
        Source::File(file) => Some(folder.keep(file, &mut names)?),
        Source::Upload(upload) => {
            names.add(&upload.path, &upload.name());
            Some(upload.path.clone())
        }
        Source::Like(run, id) => {
            names = Names::of_run(run, id);
            None
        }
        Source::Builtin(_) => None,
    };
    let looked = path.as_deref().map(|path| source.look(path, encoding(&settings), &names)).transpose()?;
    let recipe = source.recipe(path.as_deref().zip(looked.map(|(task, _)| task)), &settings, &names)?;
    let place = server.scratch.folder("look-");
    let place =
        place.map_err(|error| storage(&error, format!("the server has no place to read data: {error}")))?;
    let prospect = anaphora::look(&recipe, place.path(), &mut |_| gone.flow());
    let prospect = prospect.map_err(|error| match error {
        Error::Recipe(_) => names.refused("recipe", &error),
        error => names.refused(source.field(), &error),
    })?;
    let train = prospect.recipe.data.train.clone();
    // What came was looked at already.
    let found = match (&source, &train) {
        (Source::Like(..), Some(path)) => Some(source.look(path, recipe.data.encoding, &names)?),
        _ => looked,
    };
    let name = match (&source, &train) {
        (Source::Like(..), Some(path)) => file_name(path),
        (Source::Like(..), None) => recipe.data.builtin.map_or(source.name(), |builtin| builtin.to_string()),
        _ => source.name(),
    };
    let mut notes: Vec<String> = prospect.notes.iter().map(|note| sentence(&names.say(note))).collect();
    let is_table =
        train.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "csv" || end == "tsv"));
    if prospect.recipe.task == Task::Text && is_table && !asked.contains_key("task") {
        notes.push(format!(
            "{name} is taken for text, which is learnt by its characters; the field task names what a table is for."
        ));
    }
    let Description { example, unit, train, validation, maps, .. } = &prospect.data;
    let size = |DataSize { examples, units }: &DataSize| {
        let of = |number: usize, one: &str| {
            counted(number, one).replacen(&number.to_string(), &grouped(number as u64), 1)
        };
        format!("{}, {}", of(*examples, example), of(*units, unit))
    };
    let continues = prospect.recipe.task.continues();
    Ok(Looked {
        name,
        task: prospect.recipe.task.to_string(),
        found: found.map(|(_, found)| found.to_owned()),
        train: size(train),
        validation: size(validation),
        predicts: if continues { format!("the next of {maps}") } else { maps.clone() },
        parameters: prospect.parameters,
        examples: prospect.examples.iter().map(Example::new).collect(),
        notes,
        recipe: shown(&prospect.recipe),
        fields: settable(&prospect),
    })
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    format!("{}.", clause.trim_end_matches('.'))
}

impl Example {
    fn new(example: &Shown) -> Self {
        let picture = example.picture.as_ref().and_then(|picture| picture.png(SIDE));
        Self {
            text: example.text.clone(),
            label: example.label.clone(),
            picture: picture.map(|file| format!("data:image/png;base64,{}", STANDARD.encode(file))),
        }
    }
}

/// The fields that the training would read and that can be set.
fn settable(prospect: &Prospect) -> Vec<Setting> {
    let recipe = &prospect.recipe;
    let usual = Recipe::for_settings(|field| match field {
        "task" => Some(recipe.task.to_string()),
        "data.builtin" => recipe.data.builtin.map(|builtin| builtin.to_string()),
        "model.backbone" => Some(recipe.model.backbone.to_string()),
        _ => None,
    });
    let [recipe, usual] = [recipe, &usual].map(|recipe| recipe.to_json().unwrap_or_default());
    let value = |recipe: &Value, field: &Field| match field.section() {
        "" => recipe.get(field.name()).cloned(),
        section => recipe.get(section)?.get(field.name()).cloned(),
    };
    let is_settable = |field: &&Field| {
        !matches!(field.accepts, Accepts::Path) && field.path != "data.builtin" && prospect.reads(field)
    };
    let setting = |field: &'static Field| {
        let (kind, choices) = match field.accepts {
            Accepts::Bool => (Kind::Bool, None),
            Accepts::OneOf(words) => (Kind::Choice, Some(words().to_vec())),
            Accepts::Whole(..) => (Kind::Whole, None),
            Accepts::Number(..) | Accepts::Below(..) | Accepts::Positive => (Kind::Number, None),
            _ => (Kind::Text, None),
        };
        let takes = match field.accepts {
            Accepts::Text => "a text".to_owned(),
            Accepts::Tokens => {
                let takes = field.accepts.to_string();
                takes.split(", or the path").next().unwrap_or_default().to_owned()
            }
            accepts => accepts.to_string(),
        };
        Setting {
            field: field.path,
            value: value(&recipe, field),
            default: value(&usual, field),
            about: field.help(),
            takes,
            choices,
            kind,
            common: field.flag.is_some_and(|flag| flag.common),
        }
    };
    fields().filter(is_settable).map(setting).collect()
}

//! A recipe as TOML: read from a file's text, written with a comment on each field.

use toml::{Table, Value};

use super::{Field, Recipe, RecipeError, fields, lookup};

impl Recipe {
    /// Reads a recipe from the text of a file and validates it.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let recipe = Self::parse_unvalidated(text)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Like [`parse`](Self::parse), for a file that overrides will complete: single values are checked, but not
    /// yet whether they go together.
    pub fn parse_unvalidated(text: &str) -> Result<Self, RecipeError> {
        Self::parse_under(text, |_| None)
    }

    /// Like [`parse_unvalidated`](Self::parse_unvalidated); what the file leaves out has the defaults of the task and
    /// backbone that `setting` names, or else the file.
    pub fn parse_under(text: &str, setting: impl Fn(&str) -> Option<String>) -> Result<Self, RecipeError> {
        let table: Table = text.parse().map_err(|error| toml_error(text, &error))?;
        let in_file = |field: &str| Some(plain(lookup(&table, field)?));
        let mut recipe = Self::for_settings(|field| setting(field).or_else(|| in_file(field)));
        recipe.apply("", table)?;
        Ok(recipe)
    }

    /// The recipe as a TOML file: every field that is read, with a comment that says what it is and what it takes. What the
    /// task and the backbone do not read is left out, unless it was set all the same.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        let (view, defaults) = (self.view()?, self.defaults().table()?);
        let mut text = String::new();
        let mut section = "";
        for field in fields() {
            let value = view.value(field.path);
            if view.unread(field.readers).is_some() && lookup(&defaults, field.path) == value {
                continue;
            }
            if field.section() != section {
                section = field.section();
                text.push_str(&format!("\n[{section}]\n"));
            }
            let name = field.name();
            let setting = match value {
                Some(value) => format!("{name} = {value}"),
                None => format!("# {name} ="),
            };
            text.push_str(&format!("{setting:<32} # {}: {}\n", field.help(), field.accepts));
        }
        Ok(text)
    }

    /// Whether a text that [`to_toml`](Self::to_toml) wrote has its last field, which always has a value.
    ///
    /// # Errors
    /// The field that is not there. A text that is no TOML has its own error where it is read.
    pub fn reaches_end(text: &str) -> Result<(), &'static str> {
        let (table, last) = (text.parse::<Table>(), fields().last().map_or("", |field| field.path));
        let is_there = table.map_or(true, |table| lookup(&table, last).is_some());
        if is_there { Ok(()) } else { Err(last) }
    }

    /// The fields that are read and have a value, as [`to_toml`](Self::to_toml) writes them.
    pub fn to_json(&self) -> Result<serde_json::Value, RecipeError> {
        let text = self.to_toml()?;
        let table: Table = text.parse().map_err(|error| toml_error(&text, &error))?;
        Ok(serde_json::json!(table))
    }

    /// Overrides one field by its dotted path: `set("training.batch", "32")`. The value is written as in TOML;
    /// words and paths need no quotes.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), RecipeError> {
        let parsed = format!("value = {value}").parse::<Table>().ok();
        // A text that goes on after the value (`1\nx = 2`) is no value.
        let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
        // A file may be named 1923.
        let text = Field::find(field)?.accepts.is_text();
        let parsed = parsed.filter(|parsed| !text || parsed.is_str());
        self.apply_one(field, parsed.unwrap_or_else(|| Value::String(value.to_owned())))
    }

    /// Overrides fields, each with its value. A batch of so many sequences takes the place of a batch of so many units.
    ///
    /// # Errors
    /// The number of the pair that is refused, and why.
    pub fn set_all(&mut self, settings: &[(&str, &str)]) -> Result<(), (usize, RecipeError)> {
        for (number, (field, value)) in settings.iter().enumerate() {
            self.set(field, value).map_err(|error| (number, error))?;
        }
        let is_set = |field| settings.iter().any(|(set, _)| *set == field);
        if is_set("training.batch") && !is_set("training.batch_units") {
            self.training.batch_units = None;
        }
        Ok(())
    }

    /// The value of a field as [`set`](Self::set) takes it; none where it is left out.
    pub fn get(&self, field: &str) -> Option<String> {
        lookup(&self.table().ok()?, field).map(plain)
    }

    /// Sets all fields in `table`, which lies at `path` in the recipe.
    fn apply(&mut self, path: &str, table: Table) -> Result<(), RecipeError> {
        for (name, value) in table {
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            let section = fields().any(|field| field.section() == path);
            match value {
                Value::Table(table) if section => self.apply(&path, table)?,
                value => self.apply_one(&path, value)?,
            }
        }
        Ok(())
    }

    fn apply_one(&mut self, path: &str, value: Value) -> Result<(), RecipeError> {
        let field = Field::find(path)?;
        field.check(&value)?;
        self.put(field, Some(value))
    }

    /// Sets a field, or leaves it out.
    pub(super) fn put(&mut self, field: &Field, value: Option<Value>) -> Result<(), RecipeError> {
        let mut table = self.table()?;
        let section = match field.section() {
            "" => Some(&mut table),
            section => table.get_mut(section).and_then(Value::as_table_mut),
        };
        let (Some(section), name) = (section, field.name()) else { return Ok(()) };
        let refused = value.as_ref().map(|value| field.refused(value));
        match value {
            Some(value) => section.insert(name.into(), value),
            None => section.remove(name),
        };
        match (table.try_into(), refused) {
            (Ok(recipe), _) => *self = recipe,
            (Err(_), Some(refused)) => return Err(refused),
            (Err(error), None) => return Err(RecipeError::Conflict(error.message().to_owned())),
        }
        Ok(())
    }

    /// All fields that have a value. Fails where a count is beyond TOML's 64-bit signed numbers.
    pub(super) fn table(&self) -> Result<Table, RecipeError> {
        Table::try_from(self)
            .map_err(|error| RecipeError::Conflict(format!("the recipe cannot be written as TOML ({error})")))
    }
}

/// A value as it is written on a command line: texts without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The parser's message without its drawing of the text.
fn toml_error(text: &str, error: &toml::de::Error) -> RecipeError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
    RecipeError::Toml { line, reason: error.message().lines().collect::<Vec<_>>().join("; ") }
}

//! Regression: a number from a text, a row of numbers, a sound or a picture.

use std::path::Path;

use anaphora_data::examples::{Example, Named, Reader};
use anaphora_data::frames::PictureSteps;
use anaphora_data::table::read_table;
use anaphora_data::{Packed, Place, Sequence, Tokenizer, builtin};
use anaphora_nn::Start;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shared::{
    ExampleTask, Input, InspectTask, Lesson, Looked, Names, PredictTask, Prediction, Prepares, Reading,
    Splits, Using, Words, hold_out, malformed_at, name, reader,
};
use crate::Result;
use crate::inspect::{Original, Says};
use crate::metrics::{Evaluation, mae, r_squared, rmse};
use crate::model::{Compute, Objective, SequenceModel, Shape, Targets};
use crate::recipe::{self, Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::training::{Shown, Validation};

/// The name of the file of what a run's model reads, and how its numbers are scaled.
const NUMBERS: &str = "numbers.json";

/// The seed from which built-in lists are made, and how many.
const BUILTIN: (u64, usize) = (1, 8_000);

/// What a model reads, and how the numbers that it gives are scaled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbers {
    target: Scale,
    #[serde(flatten)]
    reader: Reader,
}

/// Mean and deviation of the numbers that are learnt, in `f64`: they may be large beside what they differ by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(numbers: &[f64]) -> Self {
        let count = numbers.len() as f64;
        let mean = numbers.iter().map(|x| x / count).sum::<f64>();
        let deviation = numbers.iter().map(|x| (x - mean).powi(2) / count).sum::<f64>().sqrt();
        // What is left of numbers that are all the same is rounding.
        let constant = deviation <= 1e-14 * mean.abs() || !deviation.is_normal();
        Self { mean, deviation: if constant { 1.0 } else { deviation } }
    }

    /// Decimals that say something of a prediction.
    fn decimals(&self) -> usize {
        (4.0 - self.deviation.log10().floor()).clamp(0.0, 17.0) as usize
    }
}

/// Examples as a model reads them, each with its number.
pub struct Examples {
    inputs: Vec<Sequence>,
    numbers: Vec<f64>,
}

impl Lesson for Numbers {
    type Encoded = Examples;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        Task::Regress
    }

    fn input(&self) -> Option<recipe::Input> {
        Some(self.reader.steps.input())
    }

    fn complete(&self, recipe: &mut Recipe) {
        reader::complete(&self.reader.steps, recipe);
    }

    fn lengths(&self, examples: &Examples) -> Vec<usize> {
        examples.inputs.iter().map(Sequence::len).collect()
    }

    fn describe(&self) -> Words {
        Words {
            example: "example",
            unit: self.reader.steps.unit(),
            maps: format!("{}, one number", self.reader.description()),
        }
    }

    fn batch(&self, examples: &Examples, batch: &[usize], _: Place) -> (Packed, Targets) {
        let Scale { mean, deviation } = self.target;
        let scaled = |&example: &usize| ((examples.numbers[example] - mean) / deviation) as f32;
        let numbers = batch.iter().map(scaled).collect();
        (Packed::new(batch.iter().map(|&example| &examples.inputs[example])), Targets::Values(numbers))
    }

    fn validate(&self, model: &SequenceModel, compute: &mut Compute, on: &Examples) -> Result<Validation> {
        let predicted = self.numbers(model, compute, &on.inputs)?;
        let error = rmse(&on.numbers, &predicted)? / self.target.deviation;
        let scores =
            vec![("mae", mae(&on.numbers, &predicted)?), ("r2", r_squared(&on.numbers, &predicted)?)];
        Ok(Validation::by_loss(error * error, scores))
    }
}

impl ExampleTask for Numbers {
    type Example = Example;

    fn built_in(data: &Data) -> Result<Splits<Example>> {
        let lists = builtin::prices(BUILTIN.0, BUILTIN.1).into_iter();
        let texts = lists.map(|(text, price)| (price.to_string(), text));
        let mut examples = Example::texts(texts, &reader::options(data), &name(data));
        reader::settle(&mut examples, data, &mut |_| {});
        Ok(Splits::of(examples, &hold_out(data), |_| false)?)
    }

    fn read(from: &mut Reading<Self>) -> Result<Vec<Example>> {
        let mut options = reader::options(from.data());
        options.labelled.numeric = true;
        if options.labelled.label.is_none() && !from.path.is_dir() {
            let table = read_table(from.path, &options.labelled.table)?;
            options.labelled.label = table.number_to_learn()?;
        }
        let known = from.known.map(|known| &known.reader);
        reader::read(from, &options, known)
    }

    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Example>> {
        let mut all = Self::read(from)?;
        reader::settle(&mut all, &from.recipe.data, from.notes);
        Ok(Splits::of(all, &hold_out(from.data()), |_| false)?)
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Example>) -> Result<Self> {
        let tokenizer = reader::tokenizer(&splits.train, &recipe.data, assets)?;
        let made = tokenizer.clone();
        let numbers: Self = assets.json(NUMBERS, || Self::learn(splits, recipe, made))?;
        Ok(Self { reader: reader::opened(numbers.reader, &recipe.data, assets, tokenizer)?, ..numbers })
    }

    fn show(&self, example: &Example) -> Result<Shown> {
        Ok(reader::shown(example))
    }

    fn encode(&self, examples: Vec<Example>, from: &mut Reading<Self>) -> Result<Examples> {
        let (skip_bad, notes) = (from.data().skip_bad, &mut *from.notes);
        let (inputs, numbers) = self.reader.encode(examples, skip_bad, notes, number)?;
        Ok(Examples { inputs, numbers })
    }

    fn model(&self, recipe: &Recipe, start: Start, _: Option<&Examples>) -> SequenceModel {
        let shape = Shape { reads: reader::reads(&self.reader), outputs: 1, each_step: false, causal: false };
        SequenceModel::new(&reader::sized(&self.reader, &recipe.model), shape, Objective::Squared, start)
    }

    fn evaluate(&self, on: &mut Using<Self>, examples: Vec<Example>) -> Result<Evaluation> {
        let Examples { inputs, numbers } = self.encode(examples, &mut on.from)?;
        let mut evaluation = Evaluation::new(inputs.len(), "example");
        if inputs.is_empty() {
            return Ok(evaluation);
        }
        let predicted = self.numbers(on.model, on.compute, &inputs)?;
        let errors = |found: &[f64]| -> Result<[f64; 3]> {
            Ok([mae(&numbers, found)?, rmse(&numbers, found)?, r_squared(&numbers, found)?])
        };
        for (name, error) in ["mae", "rmse", "r2"].into_iter().zip(errors(&predicted)?) {
            evaluation.add(name, error);
        }
        let [absolute, squared, explained] = errors(&vec![self.target.mean; numbers.len()])?;
        evaluation
            .details
            .insert("mean".into(), json!({ "mae": absolute, "rmse": squared, "r2": explained }));
        // Rounding leaves a minus in front of zero.
        let shown = (1e3 * explained).round() / 1e3 + 0.0;
        let table = format!(
            "What the mean of the training data would score: mae {absolute:.4}, rmse {squared:.4}, r2 {shown:.3}\n"
        );
        evaluation.table = Some(table);
        Ok(evaluation)
    }
}

impl PredictTask for Numbers {
    fn reads_lines(&self, path: &Path) -> Result<bool> {
        Ok(reader::reads_lines(&self.reader, path))
    }

    fn nothing(&self, text: &str) -> Value {
        json!({ "input": text, "number": null })
    }

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let (inputs, names) = reader::inputs(&self.reader, inputs)?;
        let numbers = self.numbers(with.model, with.compute, &inputs)?;
        let decimals = self.target.decimals();
        let predict = |(Named { name, notes }, number): (Named, f64)| {
            let json = json!({ "input": name, "number": number });
            Prediction::new(format!("{number:.decimals$}  {name}"), json).noted(&notes)
        };
        Ok(names.into_iter().zip(numbers).map(predict).collect())
    }
}

impl InspectTask for Numbers {
    fn names(&self) -> Names {
        Names {
            outputs: vec!["number".into()],
            symbols: reader::symbols(&self.reader),
            says: Says::Numbers { mean: self.target.mean as f32, deviation: self.target.deviation as f32 },
            unit: self.reader.steps.unit(),
            is_each_step: false,
        }
    }

    fn file(&self) -> &'static str {
        NUMBERS
    }

    fn prepares(&self) -> Prepares {
        reader::prepares(&self.reader)
    }

    fn end(&self) -> Option<u32> {
        self.reader.tokenizer.as_ref().map(Tokenizer::end_id)
    }

    fn look_at_input(&self, input: &Input, _: &Recipe) -> Result<Vec<Looked>> {
        reader::look_at_inputs(&self.reader, input)
    }

    fn original(&self, batch: &Packed) -> Option<Original> {
        reader::original(&self.reader, &batch.values)
    }

    fn look_at(&self, example: &Example, batch: &Packed) -> (Option<Vec<String>>, Option<String>) {
        (reader::look_at(&self.reader, batch), reader::text(example).map(str::to_owned))
    }

    fn notes_of(&self, example: &Example) -> Vec<String> {
        reader::notes_of(&self.reader, example)
    }
}

impl Numbers {
    /// The pictures that are read, where they are such.
    pub fn pictures(&self) -> Option<PictureSteps> {
        reader::pictures(&self.reader)
    }

    fn learn(splits: &Splits<Example>, recipe: &Recipe, tokenizer: Option<Tokenizer>) -> Result<Self> {
        // Those that cannot be read are told of where they are encoded.
        let numbers =
            splits.train.iter().map(number).filter(|number| number.is_ok() || !recipe.data.skip_bad);
        let numbers = numbers.collect::<Result<Vec<f64>>>()?;
        if numbers.is_empty() {
            number(&splits.train[0])?;
        }
        let reader = reader::learn(splits, tokenizer, &recipe.model)?;
        Ok(Self { target: Scale::of(&numbers), reader })
    }

    /// What the model says of sequences, in the numbers' own unit.
    fn numbers(&self, model: &SequenceModel, compute: &mut Compute, inputs: &[Sequence]) -> Result<Vec<f64>> {
        let Scale { mean, deviation } = self.target;
        let outputs = reader::outputs(model, compute, inputs, 1)?;
        Ok(outputs.into_iter().map(|output| mean + deviation * f64::from(output)).collect())
    }
}

/// An example's number.
fn number(example: &Example) -> Result<f64> {
    let number = example.label.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let reason = || format!("{} stands where a finite number is to be learnt", example.label);
    number.ok_or_else(|| malformed_at(&example.path, example.line, reason()))
}

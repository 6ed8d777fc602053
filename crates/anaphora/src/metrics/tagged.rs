//! Scores of a tagger.

use serde_json::{Map, Value, json};

use super::{Confusion, Evaluation, ScoreError, SpanScores, class_table, mark_spans, span_scores};

/// How well words are tagged, beside what each word's usual tag would give.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// Mean cross-entropy without weights or smoothing, in nats.
    pub loss: f64,
    model: Found,
    /// By the tag that each word has most often.
    usual: Found,
}

#[derive(Clone, Debug)]
struct Found {
    confusion: Confusion,
    /// Where tags mark spans.
    spans: Option<SpanScores>,
}

impl Tagged {
    /// How good the tags `predicted` and the `usual` ones are. All are numbers of `tags`, word by word; `lengths` are the words
    /// of each sentence.
    ///
    /// # Errors
    /// Those of [`Confusion::new`] and [`span_scores`].
    pub fn new(
        loss: f64,
        [truth, predicted, usual]: [&[usize]; 3],
        lengths: &[usize],
        tags: &[String],
    ) -> Result<Self, ScoreError> {
        let found = |predicted| Found::new(truth, predicted, lengths, tags);
        Ok(Self { loss, model: found(predicted)?, usual: found(usual)? })
    }

    /// The two scores that matter most, the one that tells the best model first: F1 of spans where tags mark them.
    pub fn best(&self) -> [(&'static str, f64); 2] {
        let Found { confusion, spans } = &self.model;
        let accuracy = ("accuracy", confusion.accuracy());
        match spans {
            Some(spans) => [("span_f1", spans.all.f1), accuracy],
            None => [accuracy, ("macro_f1", confusion.macro_f1())],
        }
    }

    /// The score as text and as JSON.
    pub fn evaluation(&self, sentences: usize, tags: &[String]) -> Evaluation {
        let mut evaluation = Evaluation::new(sentences, "sentence");
        let Found { confusion, spans } = &self.model;
        evaluation.add("accuracy", confusion.accuracy());
        evaluation.add("macro_f1", confusion.macro_f1());
        if let Some(SpanScores { all, .. }) = spans {
            evaluation.add("span_precision", all.precision);
            evaluation.add("span_recall", all.recall);
            evaluation.add("span_f1", all.f1);
        }
        evaluation.add("loss", self.loss);
        evaluation.confusion("tag", tags, confusion);
        let mut table = evaluation.table.take().unwrap_or_default();
        if let Some(SpanScores { all, kinds }) = spans {
            let rows = kinds.iter().map(|(kind, score)| (kind.as_str(), score)).chain([("all spans", all)]);
            table += &format!("\n{}", class_table("span", rows));
            let kinds: Map<String, Value> =
                kinds.iter().map(|(kind, score)| (kind.clone(), json!(score))).collect();
            evaluation.details.insert("spans".into(), kinds.into());
        }
        let names = ["accuracy", "macro F1", "span F1"];
        table += &format!("\n{:<24}", "");
        names[..2 + usize::from(spans.is_some())].iter().for_each(|name| table += &format!(" {name:>9}"));
        for (name, found) in [("this model", &self.model), ("each word's usual tag", &self.usual)] {
            table += &format!("\n{name:<24}");
            found.scores().for_each(|(_, score)| table += &format!(" {score:>9.3}"));
        }
        evaluation.table = Some(table + "\n");
        let usual: Map<String, Value> =
            self.usual.scores().map(|(name, score)| (name.to_owned(), json!(score))).collect();
        evaluation.details.insert("usual_tag".into(), usual.into());
        evaluation.details.insert("words".into(), json!(confusion.rows().flatten().sum::<u64>()));
        evaluation
    }
}

impl Found {
    fn new(
        truth: &[usize],
        predicted: &[usize],
        lengths: &[usize],
        tags: &[String],
    ) -> Result<Self, ScoreError> {
        let by_sentence = |all: &[usize]| -> Vec<Vec<&str>> {
            let mut names = all.iter().map(|&tag| tags[tag].as_str());
            lengths.iter().map(|&length| names.by_ref().take(length).collect()).collect()
        };
        let spans = match mark_spans(tags) {
            true => Some(span_scores(&by_sentence(truth), &by_sentence(predicted))?),
            false => None,
        };
        Ok(Self { confusion: Confusion::new(truth, predicted, tags.len())?, spans })
    }

    fn scores(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let Self { confusion, spans } = self;
        let span_f1 = spans.as_ref().map(|spans| ("span_f1", spans.all.f1));
        [("accuracy", confusion.accuracy()), ("macro_f1", confusion.macro_f1())].into_iter().chain(span_f1)
    }
}

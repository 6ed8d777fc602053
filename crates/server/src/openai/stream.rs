//! Answers that are sent as they come: server-sent events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{Texts, Written, broken_off};
use crate::error::{ApiError, ApiResult};

/// Tokens that come within this time are sent together: a fast model would spend more on events than on tokens.
const TOGETHER: Duration = Duration::from_millis(4);

/// Events on their way to a client.
pub struct Events(Sender<Result<Event, Infallible>>);

/// Nobody listens any more.
pub struct Closed;

impl Events {
    /// Sends an object as an event's data.
    ///
    /// # Errors
    /// [`Closed`] where nobody listens.
    pub async fn send(&self, object: &impl Serialize) -> Result<(), Closed> {
        let data = serde_json::to_string(object).unwrap_or_default();
        self.0.send(Ok(Event::default().data(data))).await.map_err(|_| Closed)
    }

    /// Sends what ends a stream, behind an error where there is one.
    pub async fn end(self, result: ApiResult<()>) {
        if let Err(error) = result
            && self.send(&error.body()).await.is_err()
        {
            return;
        }
        let _ = self.0.send(Ok(Event::default().data("[DONE]"))).await;
    }
}

/// A channel for events, and the answer that they make.
pub fn events() -> (Events, Response) {
    let (sender, receiver): (_, Receiver<Result<Event, Infallible>>) = channel(64);
    let answer = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default());
    (Events(sender), answer.into_response())
}

/// Sends texts as they come, each part as `chunk` makes it, and then what `last` makes of the number of tokens.
pub fn send<C: Serialize + Send + Sync, L: Serialize + Send + Sync>(
    mut texts: Texts,
    mut chunk: impl FnMut(usize, Written) -> C + Send + 'static,
    last: impl FnOnce(usize) -> Option<L> + Send + 'static,
) -> Response {
    let (events, answer) = events();
    tokio::spawn(async move {
        let (mut open, mut tokens) = (texts.count, 0);
        // What came since the last event of each text.
        let mut held: BTreeMap<usize, Written> = BTreeMap::new();
        while let Some(first) = texts.next().await {
            let mut failed = None;
            for (index, part) in std::iter::once(first).chain(texts.there()) {
                match Written::part(part) {
                    Ok(written) => held.entry(index).or_default().extend(written),
                    Err(error) => failed = Some(error),
                }
            }
            for (index, written) in std::mem::take(&mut held) {
                open -= usize::from(written.finish.is_some());
                tokens += written.drawn.len();
                // Where nobody listens, what is dropped here frees the model's places.
                if events.send(&chunk(index, written)).await.is_err() {
                    return;
                }
            }
            if let Some(error) = failed {
                return events.end(Err(error)).await;
            }
            tokio::time::sleep(TOGETHER).await;
        }
        if open > 0 {
            return events.end(Err::<(), ApiError>(broken_off())).await;
        }
        if let Some(last) = last(tokens)
            && events.send(&last).await.is_err()
        {
            return;
        }
        events.end(Ok(())).await;
    });
    answer
}

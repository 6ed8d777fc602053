//! `GET /api/runs/{id}/metrics`: the course of a training, as a list or as it goes on.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anaphora::Run;
use anaphora::run::log::{Record, read_metrics};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::names::Names;
use super::runs::no_run;
use crate::Shared;
use crate::body::Name;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::aside;

/// How often it is looked whether something was written.
const EVERY: Duration = Duration::from_millis(200);

/// The course of a training.
#[derive(Serialize, ToSchema)]
pub struct Metrics {
    /// The lines of the run's `metrics.jsonl`: objects of kind `train`, `validation` and `note`.
    #[schema(value_type = Vec<Object>)]
    records: Vec<Record>,
}

/// How a stream ends.
#[derive(Serialize)]
struct End {
    /// Why the training ended; null where it has not, and can be resumed.
    ended: Option<String>,
    /// Why it failed, where it did.
    error: Option<String>,
}

/// The course of a training
///
/// With `Accept: text/event-stream` as server-sent events: a `message` for each record, those that are there first and then each as it
/// is written; `restart` where what came before is void, because the training goes on from an earlier step; `end` with `ended` and
/// `error` when nobody trains the run any more; `error` with an error's body where the stream breaks off.
#[utoipa::path(get, path = "/api/runs/{id}/metrics", tag = "runs", params(("id" = String, Path)), responses(
    (status = 200, content((Metrics = "application/json"), (String = "text/event-stream"))),
    (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn get(State(server): State<Shared>, Name(id): Name, headers: HeaderMap) -> ApiResult<Response> {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    let streams = accepts.is_some_and(|accepts| accepts.contains("text/event-stream"));
    // A training that is being prepared has no run yet.
    let prepared = server.trainings.folder(&id);
    let failed = server.trainings.failure(&id).is_some();
    let Some(folder) = server.models.folder_of(&id).or(prepared) else {
        if failed && streams {
            let (sender, answer) = events();
            let end = End { ended: None, error: server.trainings.failure(&id) };
            let _ = sender.send(Ok(event("end", &end))).await;
            return Ok(answer);
        }
        return if failed {
            Ok(Json(Metrics { records: Vec::new() }).into_response())
        } else {
            Err(no_run(&id))
        };
    };
    if !streams {
        let read = server.filing.work(move |_| {
            let mut names = Names::default();
            names.add(&folder, &id);
            let failed = |error: anaphora::Error| ApiError::server(names.say(&error.to_string()));
            read_metrics(folder.join(FILE)).map_err(failed)
        });
        return Ok(Json(Metrics { records: read.await? }).into_response());
    }
    let (sender, answer) = events();
    tokio::spawn(follow(server, id, folder, sender));
    Ok(answer)
}

const FILE: &str = "metrics.jsonl";

type Events = Sender<Result<Event, Infallible>>;

/// A channel for events, and the answer that they make.
fn events() -> (Events, Response) {
    let (sender, receiver) = channel(64);
    let answer = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default());
    (sender, answer.into_response())
}

fn event(kind: &str, object: &impl Serialize) -> Event {
    Event::default().event(kind).data(serde_json::to_string(object).unwrap_or_default())
}

/// Sends what is written until nobody trains the run, nobody listens, or the server ends.
async fn follow(server: Shared, id: String, folder: PathBuf, events: Events) {
    let mut ending = server.ending.subscribe();
    let mut tail = Some(Tail { path: folder.join(FILE), read: 0, last: Vec::new() });
    loop {
        // Asked before the file is read: what is written until the end is read too.
        let training = server.trainings.is_training(&id) || Run::is_training(&folder);
        let Some(mut taken) = tail.take() else { return };
        let read = aside(move || {
            let news = taken
                .next()
                .map_err(|error| ApiError::server(format!("the metrics of the run cannot be read: {error}")));
            news.map(|news| (taken, news))
        });
        let (is_anew, lines) = match read.await {
            Ok((taken, news)) => {
                tail = Some(taken);
                news
            }
            Err(error) => return drop(events.send(Ok(event("error", &error.body()))).await),
        };
        let anew = is_anew.then(|| Event::default().event("restart").data("{}"));
        for event in anew.into_iter().chain(lines.into_iter().map(|line| Event::default().data(line))) {
            if events.send(Ok(event)).await.is_err() {
                return;
            }
        }
        if !training {
            let info = Run::open(&folder).ok().map(|run| run.info().clone());
            let error = match &info {
                Some(_) => server.trainings.failure(&id),
                None => server.trainings.failure(&id).or(Some(format!("the run '{id}' is no longer there"))),
            };
            let end = End { ended: info.and_then(|info| info.ended), error };
            return drop(events.send(Ok(event("end", &end))).await);
        }
        let ends = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            () = events.closed() => return,
            _ = ending.wait_for(|ending| *ending) => true,
        };
        if ends {
            return drop(events.send(Ok(event("error", &ApiError::closing().body()))).await);
        }
    }
}

/// The end of a file that grows, and whose last lines may be written anew.
struct Tail {
    path: PathBuf,
    /// Bytes that were read.
    read: u64,
    /// The last line of them, by which the file is known again.
    last: Vec<u8>,
}

impl Tail {
    /// The whole lines that were written since, and whether all lines before them are void.
    fn next(&mut self) -> io::Result<(bool, Vec<String>)> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let was_there = self.read > 0;
                (self.read, self.last) = (0, Vec::new());
                return Ok((was_there, Vec::new()));
            }
            file => file?,
        };
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(self.read - self.last.len() as u64))?;
        file.read_to_end(&mut new)?;
        let is_anew = !new.starts_with(&self.last);
        if is_anew {
            (self.read, self.last) = (0, Vec::new());
            new.clear();
            file.rewind()?;
            file.read_to_end(&mut new)?;
        }
        new.drain(..self.last.len());
        let whole = new.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        new.truncate(whole);
        self.read += whole as u64;
        if let Some(last) = new.split_inclusive(|&byte| byte == b'\n').next_back() {
            self.last = last.to_vec();
        }
        let mut lines = Vec::new();
        for line in new.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let record: Record = serde_json::from_slice(line).map_err(io::Error::other)?;
            lines.push(serde_json::to_string(&record).map_err(io::Error::other)?);
        }
        Ok((is_anew, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(step: u64) -> String {
        serde_json::to_string(&Record::Note { step, text: "said".into() }).unwrap()
    }

    #[test]
    fn lines_come_once_and_void_ones_are_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE);
        let mut tail = Tail { path: path.clone(), read: 0, last: Vec::new() };
        assert_eq!(tail.next().unwrap(), (false, Vec::new()));
        let [one, two, three] = [1, 2, 3].map(note);
        std::fs::write(&path, format!("{one}\n{two}\n{}", &three[..5])).unwrap();
        assert_eq!(tail.next().unwrap(), (false, vec![one.clone(), two.clone()]));
        assert_eq!(tail.next().unwrap(), (false, Vec::new()), "a line that is being written");
        std::fs::write(&path, format!("{one}\n{two}\n{three}\n")).unwrap();
        assert_eq!(tail.next().unwrap(), (false, vec![three.clone()]));
        std::fs::write(&path, format!("{one}\n")).unwrap();
        assert_eq!(tail.next().unwrap(), (true, vec![one.clone()]), "cut off");
        std::fs::write(&path, format!("{two}\n{one}\n{three}\n")).unwrap();
        assert_eq!(tail.next().unwrap(), (true, vec![two, one, three]), "written anew, and longer");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(tail.next().unwrap(), (true, Vec::new()));
        std::fs::write(&path, "nothing\n").unwrap();
        assert!(tail.next().is_err());
    }
}

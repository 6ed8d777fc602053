//! Asks a server for many texts at once, each a stream of its own, and prints what they got as a line of JSON.
//!
//! ```text
//! load ADDRESS MODEL PROMPT STREAMS TOKENS SECONDS SEEDS
//! ```
//!
//! Each stream asks for a text by a seed of its own and reads it as server-sent events; when one has ended the next begins. The token 0,
//! which ends a piece, is kept from coming, so that all texts have the same length. After that each seed is asked for alone, and its text
//! must be the same. `rate` is tokens a second; `first` and `next` are the times to the first part of a text and from part to part in milliseconds, the
//! median and the 99th percentile; `lost` are streams that broke off, `wrong` texts that were another than alone.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[derive(Clone)]
struct Call {
    address: String,
    model: String,
    prompt: String,
    tokens: usize,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: usize,
}

#[derive(Deserialize)]
struct Choice {
    text: String,
}

/// What all streams got.
#[derive(Default)]
struct Got {
    tokens: usize,
    first: Vec<Duration>,
    next: Vec<Duration>,
    texts: BTreeMap<u64, String>,
    lost: usize,
    wrong: usize,
}

/// The text of a stream, its tokens, and when its parts came.
async fn stream(call: &Call, seed: u64) -> Result<(String, usize, Vec<Instant>), Box<dyn Error>> {
    let Call { address, model, prompt, tokens } = call;
    let bias = json!({ "0": -100 });
    let body = json!({ "model": model, "prompt": prompt, "max_tokens": tokens, "seed": seed, "stream": true, "stream_options": { "include_usage": true }, "logit_bias": bias }).to_string();
    let mut connection = TcpStream::connect(address).await?;
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut times = vec![Instant::now()];
    connection.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut lines = BufReader::new(connection).lines();
    let (mut text, mut written) = (String::new(), 0);
    while let Some(line) = lines.next_line().await? {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        if data == "[DONE]" {
            return Ok((text, written, times));
        }
        let part: Part = serde_json::from_str(data)?;
        written = part.usage.map_or(written, |usage| usage.completion_tokens);
        if let Some(choice) = part.choices.first().filter(|choice| !choice.text.is_empty()) {
            times.push(Instant::now());
            text += &choice.text;
        }
    }
    Err("the stream ended without its last line".into())
}

fn quantiles(times: &mut [Duration]) -> [f64; 2] {
    times.sort_unstable();
    [0.5, 0.99].map(|share| {
        times.get((share * times.len() as f64) as usize).map_or(f64::NAN, |time| 1e3 * time.as_secs_f64())
    })
}

async fn load(
    call: Call,
    streams: usize,
    seconds: f64,
    seeds: u64,
) -> Result<serde_json::Value, Box<dyn Error>> {
    // The model is read before anything is measured.
    stream(&call, 0).await?;
    let got = Arc::new(Mutex::new(Got::default()));
    let next_seed = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let begun = Instant::now();
    let asking = (0..streams).map(|_| {
        let (call, got, next_seed) = (call.clone(), Arc::clone(&got), Arc::clone(&next_seed));
        tokio::spawn(async move {
            while begun.elapsed().as_secs_f64() < seconds {
                let seed = next_seed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % seeds;
                let found = stream(&call, seed).await.map_err(|error| error.to_string());
                let mut got = got.lock().unwrap();
                match found {
                    Ok((text, tokens, times)) => {
                        got.tokens += tokens;
                        got.first.extend(times.get(1).map(|&first| first - times[0]));
                        got.next.extend(times[1..].windows(2).map(|pair| pair[1] - pair[0]));
                        let known = got.texts.entry(seed).or_insert_with(|| text.clone());
                        let differs = *known != text;
                        got.wrong += usize::from(differs);
                    }
                    Err(error) => {
                        eprintln!("{seed}: {error}");
                        got.lost += 1;
                    }
                }
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        asking.await?;
    }
    let took = begun.elapsed().as_secs_f64();
    let mut got = std::mem::take(&mut *got.lock().unwrap());
    for (&seed, text) in &got.texts {
        got.wrong += usize::from(stream(&call, seed).await?.0 != *text);
    }
    Ok(json!({
        "streams": streams, "rate": got.tokens as f64 / took, "texts": got.first.len(), "compared": got.texts.len(),
        "first": quantiles(&mut got.first), "next": quantiles(&mut got.next), "lost": got.lost, "wrong": got.wrong
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, model, prompt, streams, tokens, seconds, seeds] = &words[..] else {
        return Err("load ADDRESS MODEL PROMPT STREAMS TOKENS SECONDS SEEDS".into());
    };
    let call = Call {
        address: address.clone(),
        model: model.clone(),
        prompt: prompt.replace("\\n", "\n"),
        tokens: tokens.parse()?,
    };
    // One thread, so that the server has the others.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(load(call, streams.parse()?, seconds.parse()?, seeds.parse()?))?;
    println!("{found}");
    Ok(())
}

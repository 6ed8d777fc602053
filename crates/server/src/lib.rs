//! Trained models over HTTP: an API that clients of OpenAI's know, on loopback by default.

mod engine;
mod error;
mod openai;
mod registry;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use error::ApiError;
use registry::Registry;

/// The endpoints for the runs of a folder, or for one run.
pub fn router(folder: &Path, threads: usize) -> Router {
    let unknown = || async {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such endpoint; /v1/models and /v1/completions are there",
        )
    };
    Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{id}", get(openai::models::get))
        .route("/v1/completions", post(openai::completions::create))
        .fallback(unknown)
        .with_state(Arc::new(Registry::new(folder, threads)))
}

/// Serves until the process ends. `ready` is told the address, with the port that was found where 0 was asked for.
///
/// # Errors
/// An address that cannot be listened at.
pub fn serve(
    folder: &Path,
    address: SocketAddr,
    threads: usize,
    ready: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        ready(listener.local_addr()?);
        axum::serve(listener, router(folder, threads)).await
    })
}

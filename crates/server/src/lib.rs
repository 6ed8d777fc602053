//! Trained models over HTTP: an API that clients of OpenAI's know, on loopback by default.
//!
//! Each model that continues texts has an engine that computes all requests together, token by token; what a text is does
//! not depend on who else asks. Handlers are described where they stand, and `/openapi.json` is made from that.

mod api;
mod body;
mod engine;
mod error;
mod guard;
mod meter;
mod openai;
mod pages;
mod predictor;
mod queue;
mod registry;
mod scratch;
mod tokens;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anaphora::Precision;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use error::ApiError;
pub use guard::Guard;
use meter::Meter;
pub use pages::Pages;
use queue::Queue;
use registry::Registry;
use scratch::Scratch;

/// How long what is being written may go on when the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Requests about files of runs that are answered at a time: one that copies data keeps none of the others waiting.
const FILING: usize = 4;

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A folder of runs, or a run.
    pub folder: PathBuf,
    /// Threads to compute with, 0 for one a core.
    pub threads: usize,
    /// The precision of products with weights.
    pub precision: Precision,
    /// Bytes that models may take together.
    pub memory: u64,
    /// Who may ask.
    pub guard: Guard,
    /// Pages for people; none where programs alone ask.
    pub pages: Option<Pages>,
}

/// What handlers share.
pub struct Server {
    models: Arc<Registry>,
    meter: Arc<Meter>,
    trainings: Arc<api::Trainings>,
    uploads: api::Uploads,
    /// Where files lie for a while.
    scratch: Scratch,
    /// Inspections, one at a time.
    inspecting: Queue,
    /// Looks at data likewise.
    looking: Queue,
    /// Pieces that are played likewise.
    sounding: Queue,
    /// Texts that are compared with what was learnt likewise.
    comparing: Queue,
    /// Work with files of runs, several at a time.
    filing: Queue,
    pages: Option<Pages>,
    /// What `/openapi.json` says.
    description: OnceLock<OpenApi>,
    /// Whether the server is to end.
    ending: watch::Sender<bool>,
}

type Shared = Arc<Server>;

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Anaphora", description = "Trained sequence models over HTTP"), tags(
    (name = "openai", description = "What clients of OpenAI's API ask for"),
    (name = "tokens", description = "Text to tokens and back"),
    (name = "runs", description = "Runs of any task: what they predict, what happens inside them, how they are trained"),
    (name = "server", description = "The server itself")))]
struct Description;

/// Whether the server lives
#[utoipa::path(get, path = "/health", tag = "server", responses((status = 200, body = String, content_type = "text/plain")))]
async fn health() -> &'static str {
    "ok\n"
}

/// What was counted, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(server): State<Shared>) -> String {
    server.meter.text()
}

/// The description of all this, in OpenAPI's form
#[utoipa::path(get, path = "/openapi.json", tag = "server", responses((status = 200, body = Object)))]
async fn openapi(State(server): State<Shared>) -> Response {
    Json(server.description.get()).into_response()
}

impl Server {
    /// Nothing is loaded, and what killed servers left is gone.
    fn new(settings: &Settings) -> std::io::Result<Self> {
        let meter = Arc::new(Meter::new());
        let models = Arc::new(Registry::new(settings, Arc::clone(&meter)));
        if let Some(room) = models.room() {
            // What cannot be removed, or read, is in nobody's way.
            let _ = anaphora::run::sweep(room);
        }
        Ok(Self {
            models,
            meter,
            trainings: Arc::new(api::Trainings::new()),
            uploads: api::Uploads::new(),
            scratch: Scratch::new()?,
            inspecting: Queue::new(),
            looking: Queue::new(),
            sounding: Queue::new(),
            comparing: Queue::new(),
            filing: Queue::of(FILING),
            pages: settings.pages.clone(),
            description: OnceLock::new(),
            ending: watch::Sender::new(false),
        })
    }
}

/// The endpoints, and what `/openapi.json` says of them.
fn router(server: Shared, guard: Guard) -> Router {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(health))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
        .routes(routes!(openai::models::list))
        .routes(routes!(openai::models::get))
        .routes(routes!(openai::completions::create))
        .routes(routes!(openai::chat::create))
        .routes(routes!(openai::embeddings::create))
        .routes(routes!(tokens::tokenize))
        .routes(routes!(tokens::detokenize))
        .routes(routes!(tokens::info))
        .routes(routes!(api::predict::create))
        .routes(routes!(api::inspect::create))
        .routes(routes!(api::generate::create))
        .routes(routes!(api::data::create).layer(DefaultBodyLimit::max(api::data::MOST)))
        .routes(routes!(api::look::create))
        .routes(routes!(api::train::create))
        .routes(routes!(api::train::stop))
        .routes(routes!(api::train::resume))
        .routes(routes!(api::novelty::create))
        .routes(routes!(api::sound::create))
        .routes(routes!(api::builtins::list))
        .routes(routes!(api::runs::list))
        .routes(routes!(api::runs::get, api::runs::delete))
        .routes(routes!(api::metrics::get))
        .split_for_parts();
    // It is set once: a server has one router.
    let _ = server.description.set(description);
    let origins: Vec<HeaderValue> = guard.origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    // Pages are for people: they are no part of the description.
    let pages = match server.pages {
        Some(_) => Router::new().route("/", get(pages::studio)).route("/lecture", get(pages::lecture)),
        None => Router::new(),
    };
    router
        .merge(pages)
        .fallback(|| async {
            let error = ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such endpoint");
            error.see("GET /openapi.json")
        })
        .method_not_allowed_fallback(|| async {
            let message = "the endpoint does not take this method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
                .see("GET /openapi.json")
        })
        .layer(DefaultBodyLimit::max(body::MOST))
        .layer(middleware::from_fn(body::refuse_too_large))
        .layer(middleware::from_fn_with_state(Arc::clone(&server), count))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::guard))
        .layer(cors)
        .with_state(server)
}

/// Counts an answer by its endpoint.
async fn count(
    State(server): State<Shared>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    server.meter.answered(path.as_ref().map_or("none", MatchedPath::as_str), response.status().as_u16());
    response
}

/// Serves until the process is asked to end. `ready` is told the address, with the port that was found where 0 was asked for.
/// What is being written then may go on for some seconds, and is broken off with an error in its stream.
///
/// # Errors
/// An address that cannot be listened at, and a system without room for temporary files.
pub fn serve(
    settings: &Settings,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = Arc::new(Server::new(settings)?);
    let router = router(Arc::clone(&server), settings.guard.clone());
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        ready(listener.local_addr()?);
        let asked = {
            let server = Arc::clone(&server);
            async move {
                asked_to_end().await;
                server.trainings.close();
                server.ending.send_replace(true);
            }
        };
        let mut stopped = server.ending.subscribe();
        let late = async {
            let _ = stopped.wait_for(|ending| *ending).await;
            tokio::time::sleep(GRACE).await;
            server.models.close();
            // Streams say why they end.
            tokio::time::sleep(GRACE / 5).await;
        };
        let serving = axum::serve(listener, router).with_graceful_shutdown(asked);
        let served = tokio::select! {
            served = async { serving.await } => served,
            () = late => Ok(()),
        };
        server.trainings.close();
        // A training ends with a checkpoint, unless the process is asked a second time.
        tokio::select! {
            () = server.trainings.ended() => {}
            () = asked_to_end() => {}
        }
        served
    });
    // Work that knows no end, as an inspection, is not waited for.
    runtime.shutdown_timeout(GRACE / 5);
    server.scratch.close();
    served
}

/// Waits for Ctrl-C or the system's wish that the process ends.
async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}

//! Pages for people: the studio, which asks this server itself, and the lecture's, where there is one.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Shared;
use crate::error::ApiError;

/// The pages that are served.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The folder that `anaphora lecture` wrote to, which need not be there.
    pub lecture: PathBuf,
}

impl Pages {
    /// The file of the lecture's page.
    pub fn lecture_page(&self) -> PathBuf {
        self.lecture.join("index.html")
    }
}

/// What is said of every page; what it may load stands in the page itself.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// The studio is shown in no other page.
const STUDIO: [(HeaderName, &str); 1] = [(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")];

/// The lecture is a file of the machine: it may draw, and not ask this server.
const LECTURE: [(HeaderName, &str); 1] = [(
    header::CONTENT_SECURITY_POLICY,
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     img-src data: blob:; media-src data: blob:; frame-ancestors 'none'",
)];

/// The studio.
pub async fn studio() -> Response {
    (HEADERS, STUDIO, anaphora_pages::studio()).into_response()
}

/// The lecture's page.
pub async fn lecture(State(server): State<Shared>) -> Response {
    let page = match &server.pages {
        Some(pages) => tokio::fs::read(pages.lecture_page()).await.ok(),
        None => None,
    };
    match page {
        Some(page) => (HEADERS, LECTURE, page).into_response(),
        None => {
            let message = "there is no page of the lecture here; `anaphora lecture` makes one";
            ApiError::new(StatusCode::NOT_FOUND, "no_lecture", message).into_response()
        }
    }
}

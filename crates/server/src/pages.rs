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

/// What a page may do: what is in it, and ask this server.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// The studio.
pub async fn studio() -> Response {
    (HEADERS, anaphora_pages::studio()).into_response()
}

/// The lecture's page.
pub async fn lecture(State(server): State<Shared>) -> Response {
    let page = match &server.pages {
        Some(pages) => tokio::fs::read(pages.lecture_page()).await.ok(),
        None => None,
    };
    match page {
        Some(page) => (HEADERS, page).into_response(),
        None => {
            let message = "there is no page of the lecture here; `anaphora lecture` makes one";
            ApiError::new(StatusCode::NOT_FOUND, "no_lecture", message).into_response()
        }
    }
}

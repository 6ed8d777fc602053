//! Who may ask: hosts, origins and keys.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::error::{ApiError, ApiResult};

/// What a request must have.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The keys of which one must be shown; where there are none, only this machine may ask.
    pub keys: Vec<String>,
    /// Origins whose pages may ask, beside the server's own.
    pub origins: Vec<String>,
}

impl Guard {
    /// Refuses who may not ask.
    ///
    /// # Errors
    /// 403 for another host or origin, 401 without a key.
    fn check(&self, headers: &HeaderMap, uri: &Uri) -> ApiResult<()> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).or(uri.authority().map(|authority| authority.as_str()));
        // A name that someone else's name server lets point here (DNS rebinding) comes with a host of its own.
        if let Some(host) = host.filter(|host| self.keys.is_empty() && !is_loopback(host)) {
            let message =
                format!("the host '{host}' is not this machine; ask at localhost, or serve with a key");
            return Err(ApiError::new(StatusCode::FORBIDDEN, "wrong_host", message));
        }
        if let Some(origin) = text(header::ORIGIN) {
            let own = origin.split_once("://").map(|(_, authority)| authority) == host;
            if !own && !self.origins.iter().any(|known| known == origin) {
                let message =
                    format!("pages of '{origin}' may not ask this server; allow them with --origin");
                return Err(ApiError::new(StatusCode::FORBIDDEN, "wrong_origin", message));
            }
        }
        // Whoever watches over the server asks whether it lives; a page that holds no data asks for the key itself.
        if self.keys.is_empty() || ["/health", "/"].contains(&uri.path()) {
            return Ok(());
        }
        let shown = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let shown = shown.unwrap_or_default().trim().as_bytes();
        // All keys are compared, each in the same time wherever it differs.
        let known =
            self.keys.iter().fold(subtle::Choice::from(0), |known, key| known | key.as_bytes().ct_eq(shown));
        if bool::from(known) {
            return Ok(());
        }
        let message =
            "a key is needed: Authorization: Bearer KEY, with one of those of the server's --api-key-file";
        Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message))
    }
}

/// Lets a request through, or answers it.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Whether a host, with a port or without, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(guard: &Guard, path: &str, headers: &[(header::HeaderName, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        match guard.check(&headers, &path.parse().unwrap()) {
            Ok(()) => 200,
            Err(error) => error.into_response().status().as_u16(),
        }
    }

    #[test]
    fn without_a_key_only_this_machine_asks() {
        let guard = Guard { origins: vec!["http://known.example".into()], ..Guard::default() };
        let (host, origin) = (header::HOST, header::ORIGIN);
        for (headers, expected) in [
            (vec![(host.clone(), "localhost:8080")], 200),
            (vec![(host.clone(), "127.0.0.1")], 200),
            (vec![(host.clone(), "[::1]:8080")], 200),
            (vec![(host.clone(), "rebound.example:8080")], 403),
            (vec![(host.clone(), "localhost.example")], 403),
            (vec![(host.clone(), "localhost:8080"), (origin.clone(), "http://localhost:8080")], 200),
            (vec![(host.clone(), "localhost:8080"), (origin.clone(), "http://localhost:9090")], 403),
            (vec![(host.clone(), "localhost:8080"), (origin.clone(), "null")], 403),
            (vec![(host, "localhost:8080"), (origin, "http://known.example")], 200),
        ] {
            assert_eq!(status(&guard, "/v1/models", &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_key_is_needed_where_there_are_some() {
        let guard = Guard { keys: vec!["first".into(), "second".into()], ..Guard::default() };
        let key = header::AUTHORIZATION;
        assert_eq!([status(&guard, "/health", &[]), status(&guard, "/", &[])], [200, 200]);
        assert_eq!([status(&guard, "/lecture", &[]), status(&guard, "//", &[])], [401, 401]);
        for (shown, expected) in
            [("Bearer second", 200), ("Bearer secon", 401), ("second", 401), ("Bearer ", 401)]
        {
            assert_eq!(status(&guard, "/v1/models", &[(key.clone(), shown)]), expected, "{shown}");
        }
        assert_eq!(status(&guard, "/v1/models", &[(header::HOST, "elsewhere.example")]), 401);
    }
}

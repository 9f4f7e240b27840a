//! A client of the public API, as an integrator would write it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// What the gateway answered.
#[derive(Debug)]
pub struct Answer {
    /// The request, for messages of failed tests.
    pub request: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null when it is empty or isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body as JSON when the status is this one.
    ///
    /// # Panics
    /// With the request and the body when it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{} answered {}",
            self.request,
            self.text
        );
        self.json()
    }

    /// A problem with this status and code; its body.
    ///
    /// # Panics
    /// When it isn't that problem.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let kind = self.header("content-type").unwrap_or_default().to_owned();
        let request = self.request.clone();
        let body = self.expect(status);
        assert_eq!(kind, "application/problem+json", "{request} answered {body}");
        assert_eq!(body["code"], code, "{request} answered {body}");
        body
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A caller of the API: anonymous, or signed in for one company.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    /// The access token, when signed in.
    pub token: Option<String>,
    /// The answer of register or login, when signed in.
    pub session: Value,
}

static COMPANIES: AtomicU64 = AtomicU64::new(1);

/// The password of every person the tests make.
pub const PASSWORD: &str = "correct horse battery";

impl Api {
    /// An anonymous caller of the gateway at `base`, for example `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When the TLS backend can't be set up.
    pub fn new(base: &str) -> Self {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            client,
            base: base.to_owned(),
            token: None,
            session: Value::Null,
        }
    }

    /// Registers a person with a company of their own and signs in as them.
    pub async fn company(&self) -> Self {
        let number = COMPANIES.fetch_add(1, Ordering::Relaxed);
        let stamp = std::process::id();
        let session = self
            .post(
                "/auth/register/",
                json!({
                    "email": format!("founder-{stamp}-{number}@example.com"), "password": PASSWORD,
                    "first_name": "Founder", "last_name": format!("Number {number}"),
                    "company_name": format!("Company {number}"),
                }),
            )
            .await
            .expect(201);
        self.signed_in(session)
    }

    /// The same client with the tokens of this answer of register or login.
    ///
    /// # Panics
    /// When the answer has no token.
    pub fn signed_in(&self, session: Value) -> Self {
        let token = session["tokens"]["access_token"]
            .as_str()
            .expect("an access token")
            .to_owned();
        Self {
            token: Some(token),
            session,
            ..self.clone()
        }
    }

    /// The id of the company one is signed in for.
    pub fn company_id(&self) -> &str {
        self.session["company"]["id"].as_str().unwrap_or_default()
    }

    /// A request to build further; the path is below `/api/v1` unless it begins with `!`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = match path.strip_prefix('!') {
            Some(absolute) => format!("{}{absolute}", self.base),
            None => format!("{}/api/v1{path}", self.base),
        };
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends it.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = self.attempt(request).await;
        answer.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Sends it; the error when no answer comes, as of a gateway that is dead.
    ///
    /// # Errors
    /// When no answer comes, or not all of it.
    ///
    /// # Panics
    /// When the request makes no sense.
    pub async fn attempt(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let request = request.build().expect("a request that can be built");
        let label = format!("{} {}", request.method(), request.url().path());
        let response = self.client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer {
            request: label,
            status,
            headers,
            text: response.text().await?,
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST of a CSV file.
    pub async fn csv(&self, path: &str, file: impl Into<reqwest::Body>) -> Answer {
        self.send(
            self.request(Method::POST, path)
                .header("content-type", "text/csv")
                .body(file),
        )
        .await
    }

    /// POST of raw bytes with this content type.
    pub async fn raw(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(
            self.request(Method::POST, path)
                .header("content-type", content_type)
                .body(body),
        )
        .await
    }
}

/// Asks again until it holds; the deadline makes a hang a failure with a name.
///
/// # Panics
/// After `seconds`, with what was waited for.
pub async fn eventually<F>(seconds: u64, what: &str, mut holds: F)
where
    F: AsyncFnMut() -> bool,
{
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

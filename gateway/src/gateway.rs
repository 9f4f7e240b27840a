//! One request: route, rights, body, call, answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use kontor_chassis::guard::Guard;
use kontor_chassis::host::Process;
use kontor_chassis::methods;
use kontor_chassis::peers::{Peer, Peers};
use kontor_chassis::settings::Settings;
use kontor_chassis::{Error, Kind};
use kontor_proto::DESCRIPTORS;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use crate::browser::Browser;
use crate::contract::{BadContract, Options};
use crate::edge::Edge;
use crate::endpoint::{Answer, Body as BodyPlan, Endpoint, endpoints};
use crate::json::answer::Writer;
use crate::json::body::read;
use crate::limits::Limits;
use crate::plan::Plans;
use crate::query::{put_path, put_query};
use crate::route::{Matched, Routes};
use crate::wire::{Malformed, Value, last, put_bytes, put_nested};
use crate::{call, pages, problem, request, stream, upload};

/// A call that isn't answered in this time is given up. Some rpcs wait by themselves, at most 30 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway, ready to answer.
pub struct Gateway {
    pub(crate) plans: Plans,
    routes: Routes<Served>,
    guard: Guard,
    limits: Option<Limits>,
    pub(crate) edge: Edge,
    browser: Browser,
    pub(crate) peers: Vec<(String, Peer)>,
    pub(crate) openapi: Bytes,
    pub(crate) largest_upload: u64,
}

/// An endpoint with what it needs at run time.
struct Served {
    endpoint: Endpoint,
    rpc: PathAndQuery,
    /// None when no such service runs in this installation.
    peer: Option<Peer>,
    access: &'static methods::Access,
}

/// What is known of a request before its body.
pub(crate) struct Asked<'r> {
    pub(crate) endpoint: &'r Endpoint,
    pub(crate) rpc: PathAndQuery,
    pub(crate) peer: &'r Peer,
    pub(crate) values: Vec<&'r str>,
    pub(crate) parts: &'r Parts,
    pub(crate) metadata: MetadataMap,
}

impl Gateway {
    /// Reads the contract and finds the services.
    ///
    /// # Errors
    /// When the contract says what can't be served, or a setting can't be read.
    pub fn new(process: &Process) -> Result<Arc<Self>, Error> {
        Self::over(
            &process.settings,
            &process.peers,
            Guard::new(process.verifier.clone()),
        )
    }

    /// The same from its parts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over(settings: &Settings, peers: &Peers, guard: Guard) -> Result<Arc<Self>, Error> {
        let unservable = |bad: BadContract| Error::internal(bad);
        let options = Options::of(&DESCRIPTORS).map_err(unservable)?;
        let plans = Plans::of(&DESCRIPTORS, &options).map_err(unservable)?;
        let all = endpoints(&DESCRIPTORS, &options, &plans).map_err(unservable)?;
        let openapi = crate::openapi::document(&all, &plans, &options, &settings.public_url);
        let browser = Browser::of(&all, &plans);
        let names: Vec<String> = peers.names().map(str::to_owned).collect();
        let routes = all.try_map(|endpoint| {
            Ok::<_, Error>(Served {
                rpc: endpoint
                    .rpc
                    .parse()
                    .map_err(|error: http::uri::InvalidUri| Error::internal(error))?,
                peer: names
                    .contains(&endpoint.service)
                    .then(|| peers.get(&endpoint.service))
                    .transpose()?,
                access: methods::Method::find(&endpoint.rpc)
                    .map(|method| &method.access)
                    .ok_or_else(|| Error::internal(format!("{} has no access rule", endpoint.rpc)))?,
                endpoint,
            })
        })?;
        Ok(Arc::new(Self {
            plans,
            routes,
            guard,
            limits: settings.rate_limits.then(|| Limits::of(settings)).transpose()?,
            edge: Edge::of(settings)?,
            browser,
            peers: names
                .iter()
                .map(|name| Ok((name.clone(), peers.get(name)?)))
                .collect::<Result<_, Error>>()?,
            openapi: Bytes::from(openapi),
            largest_upload: settings.get("import_max_bytes")?.unwrap_or(2 << 30),
        }))
    }

    /// Forgets the limits of callers that were not heard of for a while.
    pub(crate) fn forget_idle(&self) {
        if let Some(limits) = &self.limits {
            limits.forget_idle();
        }
    }

    /// Answers a request.
    pub async fn answer(self: &Arc<Self>, request: Request<Incoming>, from: IpAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let id = request::request_id(&parts.headers);
        let mut body = Some(body);
        let mut response = match self.decide(&parts, &mut body, &id, from).await {
            Ok(response) => response,
            Err(error) => {
                log(&error, &parts.method, parts.uri.path());
                problem::response(&error, id.to_str().unwrap_or_default())
            }
        };
        if let Some(unread) = body
            && request::has_body(&unread)
            && !parts.headers.contains_key(header::EXPECT)
        {
            request::drain(unread).await;
        }
        response.headers_mut().insert(request::REQUEST_ID, id);
        self.edge.finish(&parts.headers, &mut response);
        response
    }

    async fn decide(
        self: &Arc<Self>,
        parts: &Parts,
        body: &mut Option<Incoming>,
        id: &HeaderValue,
        from: IpAddr,
    ) -> Result<Response<Body>, Error> {
        if let Some(answer) = self.edge.preflight(parts) {
            return Ok(answer);
        }
        if let Some(page) = pages::find(self, parts).await {
            return Ok(page);
        }
        let verb = if parts.method == Method::HEAD {
            &Method::GET
        } else {
            &parts.method
        };
        let (served, values) = match self.routes.find(verb, parts.uri.path()) {
            Matched::Route(served, values) => (served, values),
            Matched::OtherVerbs(verbs) => return Ok(other_verbs(parts, &verbs, id)),
            Matched::Nothing => return Err(problem::no_route()),
        };
        let client = request::client_address(&parts.headers, from, &self.edge.proxies);
        let public = *served.access == methods::Access::Public;
        let mut standing = None;
        if let (Some(limits), true) = (&self.limits, public && *verb != Method::GET) {
            standing = Some(limits.check_address(client)?);
        }
        let caller = self.guard.admit(served.access, &parts.headers).await?;
        if let (Some(limits), Some(caller)) = (&self.limits, &caller) {
            standing = Some(limits.check_caller(caller)?);
        }
        let Some(peer) = &served.peer else {
            return Err(Error::new(
                Kind::Unimplemented,
                "not_implemented",
                "This is not served here.",
            ));
        };
        let endless = matches!(served.endpoint.answer, Answer::Stream)
            || matches!(served.endpoint.body, BodyPlan::Upload { .. });
        let asked = Asked {
            metadata: request::metadata(&parts.headers, id, client, (!endless).then_some(PATIENCE)),
            endpoint: &served.endpoint,
            rpc: served.rpc.clone(),
            peer,
            values,
            parts,
        };
        let mut response = self.exchange(asked, body).await?;
        if let Some(standing) = &standing {
            standing.tell(response.headers_mut());
        }
        Ok(response)
    }

    async fn exchange(
        self: &Arc<Self>,
        asked: Asked<'_>,
        body: &mut Option<Incoming>,
    ) -> Result<Response<Body>, Error> {
        if matches!(asked.endpoint.body, BodyPlan::Upload { .. }) {
            let (endpoint, service) = (asked.endpoint, asked.endpoint.service.clone());
            let (metadata, answer) = upload::send(self, asked, body)
                .await?
                .map_err(|status| failed(status, &service))?;
            return self.finish(endpoint, &metadata, &answer, None, "");
        }
        let mut web = self
            .browser
            .session(asked.endpoint, &asked.parts.headers, &self.edge)?;
        let message = self.message(&asked, body, web.as_mut()).await?;
        let service = &asked.endpoint.service;
        if asked.endpoint.answer == Answer::Stream {
            let (metadata, messages) = call::streamed_answer(asked.peer, asked.rpc, asked.metadata, message)
                .await
                .map_err(|status| failed(status, service))?;
            return stream::answer(&metadata, messages, asked.parts.uri.path())
                .await
                .map_err(|status| failed(status, service));
        }
        let (metadata, answer) = call::unary(asked.peer, asked.rpc, asked.metadata, message)
            .await
            .map_err(|status| failed(status, service))?;
        let mut answer = answer;
        let cookies = match web {
            Some(web) => web.take_tokens(&mut answer).map_err(corrupt)?,
            None => Vec::new(),
        };
        let mut response = self.finish(
            asked.endpoint,
            &metadata,
            &answer,
            Some(asked.parts),
            asked.parts.uri.path(),
        )?;
        for cookie in cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// The request's message, from path, query, headers and body. Every bad field is told at once.
    async fn message(
        &self,
        asked: &Asked<'_>,
        body: &mut Option<Incoming>,
        web: Option<&mut crate::browser::Session<'_>>,
    ) -> Result<Bytes, Error> {
        let (endpoint, parts) = (asked.endpoint, asked.parts);
        let mut out = Vec::with_capacity(128);
        let mut errors = put_path(endpoint, &asked.values, &self.plans, &mut out);
        if let Some(query) = parts.uri.query() {
            errors.extend(put_query(endpoint, query, &self.plans, &mut out));
        }
        if let (Some(etag), Some(value)) = (endpoint.etag, request::if_match(&parts.headers)) {
            put_bytes(&mut out, etag, value.as_bytes());
        }
        let json = if parts.method == Method::GET || parts.method == Method::HEAD {
            None
        } else {
            let unread = body.as_mut().ok_or_else(problem::broken_body)?;
            let json = request::json_body(&parts.headers, unread, parts.method == Method::PATCH).await?;
            *body = None;
            json
        };
        let (target, into, fixed) = match &endpoint.body {
            BodyPlan::Field(number, message) => (*message, Some(*number), &[][..]),
            BodyPlan::Everything(fixed) => (endpoint.request, None, fixed.as_slice()),
            BodyPlan::Nothing | BodyPlan::Upload { .. } => (self.plans.empty(), None, &[][..]),
        };
        let json = match (&json, into) {
            (Some(json), _) => std::str::from_utf8(json).map_err(|bad| {
                Error::invalid("malformed_json", "The body is not UTF-8.")
                    .with_member("position", bad.valid_up_to().to_string())
            })?,
            (None, None) => "{}",
            (None, Some(_)) => {
                return Err(Error::invalid(
                    "malformed_json",
                    "A JSON object is needed as the body.",
                ));
            }
        };
        let outcome = read(&self.plans, target, json, fixed, endpoint.mask.is_some())
            .map_err(|bad| problem::malformed(json, bad))?;
        errors.extend(outcome.errors);
        if !errors.is_empty() {
            errors.extend(outcome.missing);
            return Err(problem::invalid(errors));
        }
        match into {
            Some(number) => put_bytes(&mut out, number, &outcome.wire),
            None => out.extend_from_slice(&outcome.wire),
        }
        if let Some(mask) = endpoint.mask {
            put_nested(&mut out, mask, |out| {
                for path in &outcome.mask {
                    put_bytes(out, 1, path.as_bytes());
                }
            });
        }
        if let Some(web) = web {
            web.add_token(&mut out).map_err(corrupt)?;
        }
        Ok(Bytes::from(out))
    }

    fn finish(
        &self,
        endpoint: &Endpoint,
        metadata: &MetadataMap,
        answer: &Bytes,
        parts: Option<&Parts>,
        path: &str,
    ) -> Result<Response<Body>, Error> {
        if endpoint.answer == Answer::Raw {
            return stream::whole(metadata, answer, path).map_err(corrupt);
        }
        let mut response = if endpoint.answer == Answer::Nothing {
            Response::new(Body::empty())
        } else {
            let mut writer = Writer::new(&self.plans, answer.len() * 3 + 512);
            match endpoint.answer {
                Answer::Field(message, index) => {
                    writer
                        .field(&self.plans.message(message).fields[index], answer)
                        .map_err(corrupt)?;
                }
                Answer::Message(message) => writer.message(message, answer).map_err(corrupt)?,
                Answer::Nothing | Answer::Raw | Answer::Stream => {}
            }
            let mut response = Response::new(Body::new(Full::new(Bytes::from(writer.finish()))));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        *response.status_mut() = status(metadata).unwrap_or(endpoint.success);
        let headers = response.headers_mut();
        if let Some(path) = &endpoint.answer_etag
            && let Some(etag) = text_at(answer, path).map_err(corrupt)?
            && let Ok(value) = HeaderValue::from_str(&format!("\"{etag}\""))
        {
            headers.insert(header::ETAG, value);
        }
        if let (Some(place), Some(parts)) = (&endpoint.location, parts)
            && let Some(id) = text_at(answer, place).map_err(corrupt)?
            && let Ok(value) =
                HeaderValue::from_str(&format!("{}/{id}/", parts.uri.path().trim_end_matches('/')))
        {
            headers.insert(header::LOCATION, value);
        }
        Ok(response)
    }
}

fn other_verbs(parts: &Parts, verbs: &[&Method], id: &HeaderValue) -> Response<Body> {
    let mut names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    let allowed = names.join(", ");
    let mut response = if parts.method == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        let id = id.to_str().unwrap_or_default();
        problem::with_status(&problem::wrong_verb(&allowed), StatusCode::METHOD_NOT_ALLOWED, id)
    };
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// The status that a service chose for this answer, such as 202 for what still runs.
fn status(metadata: &MetadataMap) -> Option<StatusCode> {
    metadata
        .get("x-http-status")?
        .to_str()
        .ok()?
        .parse::<u16>()
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
}

/// A text within messages within the answer.
pub(crate) fn text_at<'a>(bytes: &'a [u8], path: &[u32]) -> Result<Option<&'a str>, Malformed> {
    let mut bytes = bytes;
    for &number in path {
        match last(bytes, number)? {
            Some(Value::Bytes(inner)) => bytes = inner,
            _ => return Ok(None),
        }
    }
    Ok(std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()))
}

fn corrupt(bad: Malformed) -> Error {
    Error::internal(bad)
}

/// The failure of a call. A service that can't be reached is told by name.
pub(crate) fn failed(status: Status, service: &str) -> Error {
    let silent = status.details().is_empty();
    let error = Error::from(status);
    if silent && error.kind() == Kind::Unavailable {
        let detail = format!("The service {service} can't be reached just now.");
        return Error::new(Kind::Unavailable, "service_unavailable", detail).with_source(error);
    }
    error
}

/// Logs what is no user's mistake and was not told by a service, which logs its own.
fn log(error: &Error, method: &Method, path: &str) {
    let Some(source) = std::error::Error::source(error) else {
        return;
    };
    let cause = std::error::Error::source(source)
        .map(ToString::to_string)
        .unwrap_or_default();
    match error.kind() {
        Kind::Internal => tracing::error!(%method, path, error = %source, cause, "a request failed"),
        Kind::Unavailable => {
            tracing::warn!(%method, path, error = %source, cause, "a service is unavailable")
        }
        _ => {}
    }
}

//! From a routed request to its answer: bind, call, write.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use kontor_chassis::idempotency::{self, REPLAYED};
use kontor_chassis::{Error, Kind, trial};
use kontor_proto::api::v1::FieldError;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::browser::Session;
use crate::endpoint::{Answer, Body as BodyPlan, Endpoint};
use crate::gateway::{Asked, Gateway};
use crate::json::answer::Writer;
use crate::json::body::read;
use crate::query::{put_path, put_query};
use crate::wire::{Malformed, Value, last, put_bytes, put_nested};
use crate::{call, problem, request, stream, upload};

impl Gateway {
    pub(crate) async fn exchange(
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
        let read = self.message(&asked, body, web.as_mut()).await?;
        if !read.faults.is_empty() {
            return Err(all_faults(asked, read).await);
        }
        let message = read.message;
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

    /// The request's message, from path, query, headers and body, with every bad field.
    async fn message(
        &self,
        asked: &Asked<'_>,
        body: &mut Option<Incoming>,
        web: Option<&mut Session<'_>>,
    ) -> Result<Read, Error> {
        let (endpoint, parts) = (asked.endpoint, asked.parts);
        let mut out = Vec::with_capacity(128);
        let mut faults = put_path(endpoint, &asked.values, &self.plans, &mut out);
        if let Some(query) = parts.uri.query() {
            faults.extend(put_query(endpoint, query, &self.plans, &mut out));
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
        faults.extend(outcome.errors);
        if !faults.is_empty() {
            faults.extend(outcome.missing);
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
        Ok(Read {
            message: Bytes::from(out),
            faults,
        })
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
        if metadata.contains_key(REPLAYED) {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
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

/// A request as far as it could be read.
struct Read {
    /// Without what is bad.
    message: Bytes,
    /// Every bad field.
    faults: Vec<FieldError>,
}

/// Everything that is wrong with a request that can't be read in full: its service judges the rest of it, on trial.
async fn all_faults(asked: Asked<'_>, read: Read) -> Error {
    if asked.endpoint.answer == Answer::Stream {
        return problem::invalid(read.faults);
    }
    let metadata = on_trial(asked.metadata);
    let tried = call::unary(asked.peer, asked.rpc, metadata, read.message).await;
    all_of(read.faults, tried.err(), asked.public)
}

/// What travels with a request that its service only judges.
pub(crate) fn on_trial(mut metadata: MetadataMap) -> MetadataMap {
    metadata.remove(idempotency::KEY);
    metadata.insert(trial::HEADER, MetadataValue::from_static("1"));
    metadata
}

/// What is wrong with a request, and what its service found beside it on trial.
pub(crate) fn all_of(mut faults: Vec<FieldError>, tried: Option<Status>, public: bool) -> Error {
    if let Some(status) = tried {
        let error = Error::from(status);
        match error.kind() {
            Kind::Invalid => problem::join(&mut faults, error.fields()),
            // What one may not see or do is not judged any further.
            Kind::Forbidden | Kind::NotFound if !public => return error,
            _ => {}
        }
    }
    problem::invalid(faults)
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
fn text_at<'a>(bytes: &'a [u8], path: &[u32]) -> Result<Option<&'a str>, Malformed> {
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
fn failed(status: Status, service: &str) -> Error {
    let silent = status.details().is_empty();
    let error = Error::from(status);
    if silent && error.kind() == Kind::Unavailable {
        let detail = format!("The service {service} can't be reached just now.");
        return Error::new(Kind::Unavailable, "service_unavailable", detail).with_source(error);
    }
    error
}

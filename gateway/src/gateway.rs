//! The gateway: what it knows of the contract, and who of those that ask is let in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use kontor_chassis::guard::Guard;
use kontor_chassis::host::Process;
use kontor_chassis::methods;
use kontor_chassis::peers::{Peer, Peers};
use kontor_chassis::settings::Settings;
use kontor_chassis::{Error, Kind};
use kontor_proto::DESCRIPTORS;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tracing::Instrument as _;

use crate::browser::Browser;
use crate::contract::{BadContract, Options};
use crate::edge::Edge;
use crate::endpoint::{Answer, Body as BodyPlan, Endpoint, endpoints};
use crate::limits::{Limits, Standing};
use crate::measure::{self, Measured};
use crate::plan::Plans;
use crate::route::{Matched, Routes};
use crate::{pages, problem, request};

/// A call that isn't answered in this time is given up. Some rpcs wait by themselves, at most 30 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway, ready to answer.
pub struct Gateway {
    pub(crate) plans: Plans,
    routes: Routes<Served>,
    pub(crate) guard: Guard,
    limits: Option<Limits>,
    pub(crate) edge: Edge,
    pub(crate) browser: Browser,
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
    /// `GET /api/v1/things`, for spans.
    name: String,
    measured: Measured,
}

/// What is known of a request before its body.
pub(crate) struct Asked<'r> {
    pub(crate) endpoint: &'r Endpoint,
    pub(crate) rpc: PathAndQuery,
    pub(crate) peer: &'r Peer,
    pub(crate) values: Vec<&'r str>,
    pub(crate) parts: &'r Parts,
    pub(crate) metadata: MetadataMap,
    /// Anybody may ask it.
    pub(crate) public: bool,
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
        let openapi = crate::openapi::document(&all, &plans, &options, &settings.public_url)
            .map_err(Error::internal)?;
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
                name: format!("{} {}", endpoint.rule.verb, endpoint.rule.path),
                measured: Measured::default(),
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
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let id = request::request_id(&parts.headers);
        let span = measure::span(&parts, &id);
        let route = self.routed(&parts);
        if let Matched::Route(served, _) = &route {
            measure::routed(&span, &served.name, &served.endpoint.rule.path);
        }
        let mut body = Some(body);
        let mut standing = None;
        let decided = self
            .decide(&parts, &route, &mut body, &mut standing, &id, from)
            .instrument(span.clone())
            .await;
        let mut response = match decided {
            Ok(response) => response,
            Err(error) => {
                span.in_scope(|| log(&error, &parts.method, parts.uri.path()));
                problem::response(&error, id.to_str().unwrap_or_default())
            }
        };
        if let Some(standing) = &standing {
            standing.tell(response.headers_mut());
        }
        measure::ended(&span, response.status());
        if let Matched::Route(served, _) = &route {
            let path = &served.endpoint.rule.path;
            served
                .measured
                .count(parts.method.as_str(), path, response.status(), begun);
        }
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

    fn routed<'r, 'p>(&'r self, parts: &'p Parts) -> Matched<'r, 'p, Served> {
        let verb = if parts.method == Method::HEAD {
            &Method::GET
        } else {
            &parts.method
        };
        self.routes.find(verb, parts.uri.path())
    }

    async fn decide(
        self: &Arc<Self>,
        parts: &Parts,
        route: &Matched<'_, '_, Served>,
        body: &mut Option<Incoming>,
        standing: &mut Option<Standing>,
        id: &HeaderValue,
        from: IpAddr,
    ) -> Result<Response<Body>, Error> {
        if let Some(answer) = self.edge.preflight(parts) {
            return Ok(answer);
        }
        if let Some(page) = pages::find(self, parts).await {
            return Ok(page);
        }
        let (served, values) = match route {
            Matched::Route(served, values) => (*served, values.clone()),
            Matched::OtherVerbs(verbs) => return Ok(other_verbs(parts, verbs, id)),
            Matched::Nothing => return Err(problem::no_route()),
        };
        let client = request::client_address(&parts.headers, from, &self.edge.proxies);
        let public = *served.access == methods::Access::Public;
        if let (Some(limits), true) = (&self.limits, public && served.endpoint.rule.verb != Method::GET) {
            let (stands, allowed) = limits.check_address(client);
            *standing = Some(stands);
            allowed?;
        }
        let caller = self.guard.admit(served.access, &parts.headers).await?;
        if let (Some(limits), Some(caller)) = (&self.limits, &caller) {
            let (stands, allowed) = limits.check_caller(caller);
            *standing = Some(stands);
            allowed?;
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
            metadata: request::metadata(
                &parts.method,
                &parts.headers,
                id,
                client,
                (!endless).then_some(PATIENCE),
            ),
            endpoint: &served.endpoint,
            rpc: served.rpc.clone(),
            peer,
            values,
            parts,
            public,
        };
        self.exchange(asked, body).await
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
            tracing::warn!(%method, path, error = %source, cause, "a service is unavailable");
        }
        _ => {}
    }
}

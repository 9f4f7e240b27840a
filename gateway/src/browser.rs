//! Sessions in a browser: the refresh token in a cookie that no script can read.
//!
//! A client that sends `X-Kontor-Client: web` gets the refresh token of an answer as a cookie and none in the body; the
//! rpc that trades it takes it from the cookie, and the one that ends the session clears it. Both check `Origin`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use kontor_chassis::{Error, Kind};

use crate::edge::Edge;
use crate::endpoint::{Answer, Body, Endpoint};
use crate::plan::{Kind as Of, Plans, Shape};
use crate::route::Routes;
use crate::wire::{Malformed, Value, Walk, last, put_bytes};

const COOKIE: &str = "kontor_refresh";
const CLIENT: &str = "x-kontor-client";
/// The rpc that ends a session has nothing in its messages that would tell so.
const ENDS: &str = "/kontor.identity.v1.SessionService/Logout";
/// A session that is not used for so long is asked for the password again.
const MAX_AGE_SECONDS: u32 = 30 * 24 * 3600;

/// Where cookies go.
#[derive(Debug)]
pub struct Browser {
    /// The paths of the rpcs that take the cookie.
    paths: Vec<String>,
    /// Per rpc: where its answer holds `tokens.refresh_token`, and where its request takes `refresh_token`.
    places: Vec<(String, Place)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    answer: Option<(u32, u32)>,
    request: Option<u32>,
    ends: bool,
}

impl Browser {
    /// Finds the rpcs that give, take or end a refresh token.
    pub fn of(routes: &Routes<Endpoint>, plans: &Plans) -> Self {
        let (mut paths, mut places) = (Vec::new(), Vec::new());
        for endpoint in routes
            .targets()
            .into_iter()
            .filter(|endpoint| endpoint.rule.verb == Method::POST)
        {
            let place = Place {
                answer: given(endpoint, plans),
                request: matches!(endpoint.body, Body::Everything(_))
                    .then(|| text(plans, endpoint.request, "refresh_token"))
                    .flatten(),
                ends: endpoint.rpc == ENDS,
            };
            if place.request.is_some() || place.ends {
                paths.push(endpoint.rule.path.clone());
            }
            if place.answer.is_some() || place.request.is_some() || place.ends {
                places.push((endpoint.rpc.clone(), place));
            }
        }
        Self { paths, places }
    }

    /// The session that a request takes part in; none when it isn't a browser's or not about sessions.
    ///
    /// # Errors
    /// Forbidden from a page that isn't ours.
    pub fn session(
        &self,
        endpoint: &Endpoint,
        headers: &HeaderMap,
        edge: &Edge,
    ) -> Result<Option<Session<'_>>, Error> {
        let Some((_, place)) = self.places.iter().find(|(rpc, _)| *rpc == endpoint.rpc) else {
            return Ok(None);
        };
        let web = headers
            .get(CLIENT)
            .is_some_and(|client| client.as_bytes().eq_ignore_ascii_case(b"web"));
        let token = cookie(headers).filter(|_| place.request.is_some() || place.ends);
        if !web && token.is_none() {
            return Ok(None);
        }
        if (place.request.is_some() || place.ends) && !edge.is_from_us(headers) {
            return Err(Error::new(
                Kind::Forbidden,
                "wrong_origin",
                "This page may not use the session of the browser.",
            ));
        }
        Ok(Some(Session {
            browser: self,
            place: *place,
            token,
            web,
        }))
    }

    fn cookies(&self, token: &str, max_age: u32) -> Vec<HeaderValue> {
        let cookie = |path: &String| {
            let cookie = format!(
                "{COOKIE}={token}; Path={path}; Max-Age={max_age}; HttpOnly; Secure; SameSite=Strict"
            );
            HeaderValue::from_str(&cookie).ok()
        };
        self.paths.iter().filter_map(cookie).collect()
    }
}

/// A browser's part in one request.
#[derive(Debug)]
pub struct Session<'b> {
    browser: &'b Browser,
    place: Place,
    token: Option<String>,
    web: bool,
}

impl Session<'_> {
    /// Puts the cookie's token into the request, unless the body has one.
    ///
    /// # Errors
    /// When the request is malformed, which would be a fault of ours.
    pub fn add_token(&mut self, request: &mut Vec<u8>) -> Result<(), Malformed> {
        let Some(number) = self.place.request else {
            return Ok(());
        };
        let in_body = matches!(last(request, number)?, Some(Value::Bytes(token)) if !token.is_empty());
        match &self.token {
            Some(token) if !in_body => {
                put_bytes(request, number, token.as_bytes());
                self.web = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the refresh token out of the answer and into cookies.
    ///
    /// # Errors
    /// When the answer is malformed.
    pub fn take_tokens(&self, answer: &mut Bytes) -> Result<Vec<HeaderValue>, Malformed> {
        if self.place.ends {
            return Ok(self.browser.cookies("", 0));
        }
        let (Some((tokens, refresh)), true) = (self.place.answer, self.web) else {
            return Ok(Vec::new());
        };
        let Some(Value::Bytes(inner)) = last(answer, tokens)? else {
            return Ok(Vec::new());
        };
        let Some(Value::Bytes(token)) = last(inner, refresh)? else {
            return Ok(Vec::new());
        };
        let Ok(token) = std::str::from_utf8(token) else {
            return Ok(Vec::new());
        };
        let cookies = self.browser.cookies(token, MAX_AGE_SECONDS);
        let mut rest = without(answer, tokens)?;
        put_bytes(&mut rest, tokens, &without(inner, refresh)?);
        *answer = Bytes::from(rest);
        Ok(cookies)
    }
}

/// The message without one of its fields.
fn without(bytes: &[u8], number: u32) -> Result<Vec<u8>, Malformed> {
    let (mut walk, mut rest) = (Walk::from(bytes, 0), Vec::with_capacity(bytes.len()));
    while !walk.is_done() {
        let begin = walk.at();
        if walk.field()?.0 != number {
            rest.extend_from_slice(&bytes[begin..walk.at()]);
        }
    }
    Ok(rest)
}

fn text(plans: &Plans, message: usize, name: &str) -> Option<u32> {
    plans
        .message(message)
        .named(name)
        .filter(|field| field.kind == Of::String)
        .map(|field| field.number)
}

fn given(endpoint: &Endpoint, plans: &Plans) -> Option<(u32, u32)> {
    let Answer::Message(id) = endpoint.answer else {
        return None;
    };
    let tokens = plans
        .message(id)
        .named("tokens")
        .filter(|field| field.shape == Shape::One)?;
    let Of::Message(inner) = tokens.kind else {
        return None;
    };
    Some((tokens.number, text(plans, inner, "refresh_token")?))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    all.flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Options;
    use crate::endpoint::endpoints;
    use crate::route::Matched;
    use kontor_chassis::settings::Settings;
    use kontor_proto::DESCRIPTORS;
    use kontor_proto::identity::v1::{LoginResponse, RefreshTokenRequest, Tokens};
    use prost::Message as _;

    struct World {
        routes: Routes<Endpoint>,
        browser: Browser,
        edge: Edge,
    }

    fn world() -> World {
        let options = Options::of(&DESCRIPTORS).unwrap();
        let plans = Plans::of(&DESCRIPTORS, &options).unwrap();
        let routes = endpoints(&DESCRIPTORS, &options, &plans).unwrap();
        let browser = Browser::of(&routes, &plans);
        let edge = Edge::of(&Settings::from_pairs([("public_url", "https://crm.example")]).unwrap()).unwrap();
        World {
            routes,
            browser,
            edge,
        }
    }

    impl World {
        fn session(
            &self,
            path: &str,
            headers: &[(&'static str, &'static str)],
        ) -> Result<Option<Session<'_>>, Error> {
            let Matched::Route(endpoint, _) = self.routes.find(&Method::POST, path) else {
                panic!("{path}")
            };
            let headers = headers
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<http::HeaderName>().unwrap(),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            self.browser.session(endpoint, &headers, &self.edge)
        }
    }

    fn signed_in() -> Bytes {
        let tokens = Tokens {
            refresh_token: Some("r3fresh".to_owned()),
            access_token: "a".to_owned(),
            ..Default::default()
        };
        LoginResponse {
            role: "admin".to_owned(),
            tokens: Some(tokens),
            ..Default::default()
        }
        .encode_to_vec()
        .into()
    }

    #[test]
    fn a_browser_gets_its_refresh_token_as_a_cookie_alone() {
        let world = world();
        let session = world
            .session("/api/v1/auth/login/", &[("x-kontor-client", "web")])
            .unwrap()
            .unwrap();
        let mut answer = signed_in();
        let cookies = session.take_tokens(&mut answer).unwrap();
        let answer = LoginResponse::decode(answer).unwrap();
        assert_eq!(answer.role, "admin");
        let tokens = answer.tokens.unwrap();
        assert_eq!((tokens.access_token.as_str(), tokens.refresh_token), ("a", None));
        let paths: Vec<_> = cookies.iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert_eq!(paths.len(), 2);
        for path in ["/api/v1/auth/refresh-token", "/api/v1/auth/logout"] {
            let cookie = paths
                .iter()
                .find(|cookie| cookie.contains(&format!("Path={path};")))
                .unwrap();
            assert!(cookie.starts_with("kontor_refresh=r3fresh; "), "{cookie}");
            assert!(cookie.ends_with("HttpOnly; Secure; SameSite=Strict"), "{cookie}");
        }
    }

    #[test]
    fn any_other_client_gets_it_in_the_body() {
        assert!(world().session("/api/v1/auth/login/", &[]).unwrap().is_none());
    }

    #[test]
    fn the_cookie_is_taken_from_a_page_of_ours_alone() {
        let world = world();
        let path = "/api/v1/auth/refresh-token/";
        let cookie = ("cookie", "a=b; kontor_refresh=r3fresh");
        let ours = [
            ("x-kontor-client", "web"),
            cookie,
            ("origin", "https://crm.example"),
        ];
        let mut session = world.session(path, &ours).unwrap().unwrap();
        let mut request = Vec::new();
        session.add_token(&mut request).unwrap();
        assert_eq!(
            RefreshTokenRequest::decode(request.as_slice())
                .unwrap()
                .refresh_token,
            "r3fresh"
        );
        let error = world
            .session(path, &[cookie, ("origin", "https://evil.example")])
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
    }

    #[test]
    fn signing_out_clears_the_cookie() {
        let world = world();
        let session = world
            .session("/api/v1/auth/logout", &[("x-kontor-client", "web")])
            .unwrap()
            .unwrap();
        let cookies = session.take_tokens(&mut Bytes::new()).unwrap();
        assert!(
            cookies
                .iter()
                .all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0"))
        );
        assert_eq!(cookies.len(), 2);
    }
}

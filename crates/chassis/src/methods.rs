//! Every rpc of the contract, by its HTTP/2 path: who may call it, how it streams, and its metrics.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use kontor_proto::DESCRIPTORS;
use metrics::{Counter, Histogram};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value};
use tonic::Code;

/// Who may call an rpc, as its `(kontor.api.v1.access)` option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Any signed-in caller.
    SignedIn,
    /// Who holds this `resource:action`, with any scope.
    Permission(Box<str>),
    /// Services of the suite only.
    Service,
}

impl Access {
    /// The rule in the descriptor of an rpc; `None` when it has none, and then nobody may call it.
    #[must_use]
    pub fn of(method: &MethodDescriptor) -> Option<Self> {
        let extension = DESCRIPTORS.get_extension_by_name("kontor.api.v1.access")?;
        let options = method.options();
        if !options.has_extension(&extension) {
            return None;
        }
        let value = options.get_extension(&extension);
        let rule = value.as_message()?;
        let field = rule
            .descriptor()
            .oneofs()
            .next()?
            .fields()
            .find(|field| rule.has_field(field))?;
        match (field.name(), rule.get_field(&field).as_ref()) {
            ("public", Value::Bool(true)) => Some(Self::Public),
            ("signed_in", Value::Bool(true)) => Some(Self::SignedIn),
            ("service", Value::Bool(true)) => Some(Self::Service),
            ("permission", Value::String(permission)) if !permission.is_empty() => {
                Some(Self::Permission(permission.as_str().into()))
            }
            _ => None,
        }
    }
}

/// One rpc.
pub struct Method {
    /// `/kontor.identity.v1.KeyService/GetSigningKeys`.
    pub path: Box<str>,
    /// Who may call it.
    pub access: Access,
    /// Whether the caller sends a stream.
    pub client_streaming: bool,
    /// Whether the answer is a stream.
    pub server_streaming: bool,
    /// Whether the answer holds what is told once and kept nowhere: a field with the option `debug_redact`.
    pub answers_secrets: bool,
    measured: [OnceLock<Measured>; 17],
}

struct Measured {
    count: Counter,
    seconds: Histogram,
}

static METHODS: LazyLock<HashMap<Box<str>, Method>> = LazyLock::new(|| {
    let services: Vec<_> = DESCRIPTORS.services().collect();
    let methods = services
        .iter()
        .flat_map(prost_reflect::ServiceDescriptor::methods);
    methods
        .filter_map(|method| Some((path(&method).into_boxed_str(), Method::new(&method)?)))
        .collect()
});

fn holds_secrets(message: &MessageDescriptor, seen: &mut HashSet<String>) -> bool {
    seen.insert(message.full_name().to_owned())
        && message.fields().any(|field| {
            let redacted = field
                .options()
                .get_field_by_name("debug_redact")
                .is_some_and(|value| value.as_ref() == &Value::Bool(true));
            redacted || matches!(field.kind(), Kind::Message(inner) if holds_secrets(&inner, seen))
        })
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

impl Method {
    fn new(method: &MethodDescriptor) -> Option<Self> {
        Some(Self {
            path: path(method).into_boxed_str(),
            access: Access::of(method)?,
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            answers_secrets: holds_secrets(&method.output(), &mut HashSet::new()),
            measured: Default::default(),
        })
    }

    /// The rpc behind an HTTP/2 path; `None` when the contract has none, or none with an access rule.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        METHODS.get(path)
    }

    /// The path without its leading `/`, as spans and metrics name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.path[1..]
    }

    /// Counts an answer of this rpc.
    pub(crate) fn measure(&self, code: Code, seconds: f64) {
        let Some(slot) = self.measured.get(code as usize) else {
            return;
        };
        let measured = slot.get_or_init(|| {
            let labels = [("method", self.name().to_owned()), ("code", format!("{code:?}"))];
            Measured {
                count: metrics::counter!("kontor_rpc_total", &labels),
                seconds: metrics::histogram!("kontor_rpc_seconds", &labels),
            }
        });
        measured.count.increment(1);
        measured.seconds.record(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_contract_are_read() {
        let method = |path| &Method::find(path).unwrap().access;
        assert_eq!(
            *method("/kontor.identity.v1.KeyService/GetSigningKeys"),
            Access::Public
        );
        assert_eq!(
            *method("/kontor.identity.v1.KeyService/WatchEndedSessions"),
            Access::Service
        );
        assert!(
            Method::find("/kontor.identity.v1.KeyService/WatchEndedSessions")
                .unwrap()
                .server_streaming
        );
        assert!(
            METHODS
                .values()
                .any(|method| matches!(method.access, Access::Permission(_)))
        );
        assert!(Method::find("/kontor.identity.v1.KeyService/Nothing").is_none());
    }

    #[test]
    fn every_rpc_of_the_contract_has_a_rule() {
        let declared: usize = DESCRIPTORS
            .services()
            .map(|service| service.methods().count())
            .sum();
        assert_eq!(METHODS.len(), declared);
    }
}

//! What the descriptors say of every rpc and field: route, rights, status and behaviour.

use http::Method;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor, Value,
};

/// A route as an rpc's `google.api.http` writes it.
#[derive(Debug, Clone)]
pub struct HttpRule {
    /// The verb.
    pub verb: Method,
    /// The path, with `{variables}`.
    pub path: String,
    /// What of the request the JSON body is.
    pub body: BodyRule,
    /// The field of the answer that is the JSON answer; all of it when none.
    pub response_body: Option<String>,
}

/// What of the request the JSON body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyRule {
    /// Nothing: everything stands in path and query.
    Nothing,
    /// All that the path doesn't name.
    Everything,
    /// One field.
    Field(String),
}

/// The options of the contract that are read from descriptors.
#[derive(Debug, Clone)]
pub struct Options {
    http: prost_reflect::ExtensionDescriptor,
    behavior: prost_reflect::ExtensionDescriptor,
    http_status: prost_reflect::ExtensionDescriptor,
    inline: prost_reflect::ExtensionDescriptor,
    json_word: prost_reflect::ExtensionDescriptor,
    sparse: prost_reflect::ExtensionDescriptor,
}

/// The descriptors lack an option, or an option says what makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {problem}")]
pub struct BadContract {
    /// The rpc, field or option.
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
}

impl BadContract {
    /// Says what is wrong with what.
    pub fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            problem: problem.into(),
        }
    }
}

impl Options {
    /// Finds the options in the pool.
    pub fn of(pool: &DescriptorPool) -> Result<Self, BadContract> {
        let find = |name: &str| {
            pool.get_extension_by_name(name)
                .ok_or_else(|| BadContract::new(name, "the option is not in the descriptors"))
        };
        Ok(Self {
            http: find("google.api.http")?,
            behavior: find("google.api.field_behavior")?,
            http_status: find("kontor.api.v1.http_status")?,
            inline: find("kontor.api.v1.inline")?,
            json_word: find("kontor.api.v1.json_word")?,
            sparse: find("kontor.api.v1.sparse")?,
        })
    }

    /// The routes of an rpc; none when it isn't public over HTTP.
    pub fn routes(&self, method: &MethodDescriptor) -> Result<Vec<HttpRule>, BadContract> {
        let options = method.options();
        if !options.has_extension(&self.http) {
            return Ok(Vec::new());
        }
        let value = options.get_extension(&self.http);
        let rule = value
            .as_message()
            .ok_or_else(|| BadContract::new(method.full_name(), "no http rule"))?;
        let mut rules = vec![http_rule(method, rule)?];
        if let Some(more) = rule.get_field_by_name("additional_bindings") {
            for binding in more.as_list().unwrap_or_default() {
                let binding = binding
                    .as_message()
                    .ok_or_else(|| BadContract::new(method.full_name(), "no http rule"))?;
                rules.push(http_rule(method, binding)?);
            }
        }
        Ok(rules)
    }

    /// The status of success, where the rpc says one.
    pub fn http_status(&self, method: &MethodDescriptor) -> Option<u16> {
        let options = method.options();
        let status = options.get_extension(&self.http_status).as_i32()?;
        u16::try_from(status).ok().filter(|&status| status != 0)
    }

    /// Whether the message's own fields stand in the place of the field.
    pub fn inline(&self, field: &FieldDescriptor) -> bool {
        is_set(field, &self.inline)
    }

    /// Whether an answer leaves it out when it is unset.
    pub fn is_sparse(&self, field: &FieldDescriptor) -> bool {
        is_set(field, &self.sparse)
    }

    /// The field's word in JSON and in the query.
    pub fn word(&self, field: &FieldDescriptor) -> String {
        match field.options().get_extension(&self.json_word).as_str() {
            Some(word) if !word.is_empty() => word.to_owned(),
            _ => field.name().to_owned(),
        }
    }

    /// Whether only the server sets it.
    pub fn is_read_only(&self, field: &FieldDescriptor) -> bool {
        self.behaves(field, 3)
    }

    /// Whether it must be given.
    pub fn is_required(&self, field: &FieldDescriptor) -> bool {
        self.behaves(field, 2)
    }

    fn behaves(&self, field: &FieldDescriptor, behavior: i32) -> bool {
        let options = field.options();
        let value = options.get_extension(&self.behavior);
        value
            .as_list()
            .is_some_and(|list| list.iter().any(|one| one.as_enum_number() == Some(behavior)))
    }
}

fn is_set(field: &FieldDescriptor, option: &prost_reflect::ExtensionDescriptor) -> bool {
    field.options().get_extension(option).as_bool().unwrap_or(false)
}

fn http_rule(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<HttpRule, BadContract> {
    let text = |name: &str| match rule.get_field_by_name(name).as_deref() {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let verbs = [
        ("get", Method::GET),
        ("post", Method::POST),
        ("put", Method::PUT),
        ("patch", Method::PATCH),
        ("delete", Method::DELETE),
    ];
    let (verb, path) = verbs
        .into_iter()
        .find_map(|(name, verb)| text(name).map(|path| (verb, path)))
        .ok_or_else(|| BadContract::new(method.full_name(), "its http rule has no verb that is served"))?;
    let body = match text("body") {
        None => BodyRule::Nothing,
        Some(all) if all == "*" => BodyRule::Everything,
        Some(field) => BodyRule::Field(field),
    };
    Ok(HttpRule {
        verb,
        path,
        body,
        response_body: text("response_body"),
    })
}

/// Finds a field that a rule names.
pub fn named_field(
    message: &MessageDescriptor,
    name: &str,
    rpc: &str,
) -> Result<FieldDescriptor, BadContract> {
    message
        .get_field_by_name(name)
        .ok_or_else(|| BadContract::new(rpc, format!("{} has no field {name}", message.full_name())))
}

/// The message of a field that must be one.
pub fn message_of(field: &FieldDescriptor) -> Result<MessageDescriptor, BadContract> {
    match field.kind() {
        prost_reflect::Kind::Message(message) => Ok(message),
        _ => Err(BadContract::new(field.full_name(), "must be a message")),
    }
}

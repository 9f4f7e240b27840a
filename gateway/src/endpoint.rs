//! An rpc as it is served over HTTP, worked out once from its descriptor.

use http::{Method, StatusCode};
use kontor_chassis::methods::Access;
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, MethodDescriptor};

use crate::contract::{BadContract, BodyRule, HttpRule, Options, message_of, named_field};
use crate::plan::{Kind, MessageId, Plans, Shape};
use crate::route::Routes;

/// An rpc at one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The rpc, for the document of the API.
    pub method: MethodDescriptor,
    /// Its route as the contract writes it.
    pub rule: HttpRule,
    /// The HTTP/2 path of the rpc: `/kontor.leads.v1.LeadService/GetLead`.
    pub rpc: String,
    /// The service that answers: the second word of the package.
    pub service: String,
    /// The request.
    pub request: MessageId,
    /// Where the variables of the path go, in order.
    pub variables: Vec<Variable>,
    /// Where parameters go that no field takes: typed filters of a list.
    pub filters: Option<Filters>,
    /// Where the body goes.
    pub body: Body,
    /// The field of the request that gets the paths a PATCH sends.
    pub mask: Option<u32>,
    /// The field of the request that gets `If-Match`.
    pub etag: Option<u32>,
    /// What the answer is.
    pub answer: Answer,
    /// The status of success.
    pub success: StatusCode,
    /// Where the answer's etag stands.
    pub answer_etag: Option<Vec<u32>>,
    /// For a create: the field of the answer that names the new resource in its path.
    pub location: Option<Vec<u32>>,
}

/// A variable of a path.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name as the path writes it.
    pub name: String,
    /// The numbers of the messages it lies in, outermost first.
    pub holders: Vec<u32>,
    /// Its own number.
    pub number: u32,
    /// What it is.
    pub kind: Kind,
}

/// Typed filters: `query.field_filters[]` of `{parameter, values}`.
#[derive(Debug, Clone, Copy)]
pub struct Filters {
    /// The number of the inline message.
    pub holder: u32,
    /// The number of the list in it.
    pub list: u32,
}

/// Where the body goes.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nowhere; an empty object is taken.
    Nothing,
    /// Into the request itself, but for these fields that path and headers set.
    Everything(Vec<usize>),
    /// Into one field.
    Field(u32, MessageId),
    /// In pieces, as an upload: the number and message of the options, and the number of the data.
    Upload {
        /// The number of the options.
        options: u32,
        /// Their message.
        message: MessageId,
        /// The number of the data.
        data: u32,
    },
}

/// What the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// A message as JSON.
    Message(MessageId),
    /// A field of a message as JSON: the message and the field's index.
    Field(MessageId, usize),
    /// Bytes with a content type of their own.
    Raw,
    /// The same in pieces.
    Stream,
}

/// All routes of the contract.
pub fn endpoints(
    pool: &DescriptorPool,
    options: &Options,
    plans: &Plans,
) -> Result<Routes<Endpoint>, BadContract> {
    let mut found = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            for rule in options.routes(&method)? {
                if Access::of(&method) == Some(Access::Service) {
                    return Err(BadContract::new(
                        method.full_name(),
                        "is for services only and can't have a route",
                    ));
                }
                found.push((method.clone(), rule));
            }
        }
    }
    let mut routes = Routes::default();
    let resources: Vec<String> = found.iter().map(|(_, rule)| rule.path.clone()).collect();
    for (method, rule) in found {
        let endpoint = endpoint(&method, rule, options, plans, &resources)?;
        routes.add(endpoint.rule.verb.clone(), &endpoint.rule.path.clone(), endpoint)?;
    }
    Ok(routes)
}

fn endpoint(
    method: &MethodDescriptor,
    rule: HttpRule,
    options: &Options,
    plans: &Plans,
    resources: &[String],
) -> Result<Endpoint, BadContract> {
    let (input, name) = (method.input(), method.full_name());
    let variables = variables(&rule.path, &input, plans, name)?;
    let top = |field: &str, type_name: &str| {
        input
            .get_field_by_name(field)
            .filter(|field| type_of(field) == type_name)
            .map(|field| field.number())
    };
    let etag = top("etag", "string").filter(|_| rule.verb != Method::GET);
    let mask = top("update_mask", "google.protobuf.FieldMask").filter(|_| rule.verb == Method::PATCH);
    let answer = answer(method, &rule, plans)?;
    let resource = match answer {
        Answer::Field(message, index) => {
            let field = &plans.message(message).fields[index];
            match (field.kind, field.shape) {
                (Kind::Message(id), Shape::One) => Some((vec![field.number], id)),
                _ => None,
            }
        }
        Answer::Message(id) => Some((Vec::new(), id)),
        _ => None,
    };
    let creates = rule.verb == Method::POST && method.name().starts_with("Create");
    let success = match options.http_status(method) {
        Some(status) => StatusCode::from_u16(status)
            .map_err(|_| BadContract::new(name, "has an impossible http_status"))?,
        None if creates => StatusCode::CREATED,
        None if answer == Answer::Nothing => StatusCode::NO_CONTENT,
        None => StatusCode::OK,
    };
    Ok(Endpoint {
        rpc: format!("/{}/{}", method.parent_service().full_name(), method.name()),
        service: method
            .parent_service()
            .package_name()
            .split('.')
            .nth(1)
            .unwrap_or_default()
            .to_owned(),
        request: plans.id(input.full_name())?,
        filters: filters(&input, options),
        body: body(method, &rule, plans, &variables)?,
        mask,
        etag,
        success,
        answer_etag: resource
            .as_ref()
            .and_then(|(path, id)| text_within(plans, path, *id, "etag")),
        location: resource
            .filter(|_| creates)
            .and_then(|(path, id)| text_within(plans, &path, id, &child_variable(&rule.path, resources))),
        method: method.clone(),
        rule,
        variables,
        answer,
    })
}

fn type_of(field: &FieldDescriptor) -> String {
    match field.kind() {
        prost_reflect::Kind::Message(message) => message.full_name().to_owned(),
        prost_reflect::Kind::String => "string".to_owned(),
        _ => String::new(),
    }
}

fn variables(
    path: &str,
    input: &MessageDescriptor,
    plans: &Plans,
    rpc: &str,
) -> Result<Vec<Variable>, BadContract> {
    let mut found = Vec::new();
    for name in path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
    {
        let (mut holders, mut message) = (Vec::new(), input.clone());
        let mut steps = name.split('=').next().unwrap_or(name).split('.').peekable();
        while let Some(step) = steps.next() {
            let field = named_field(&message, step, rpc)?;
            if steps.peek().is_some() {
                holders.push(field.number());
                message = message_of(&field)?;
                continue;
            }
            let plan = plans.message(plans.id(message.full_name())?);
            let plan = plan
                .named(step)
                .ok_or_else(|| BadContract::new(rpc, format!("has no plan for {step}")))?;
            if plan.shape != Shape::One || matches!(plan.kind, Kind::Message(_)) {
                return Err(BadContract::new(rpc, format!("{step} can't stand in a path")));
            }
            found.push(Variable {
                name: name.to_owned(),
                holders: holders.clone(),
                number: plan.number,
                kind: plan.kind,
            });
        }
    }
    Ok(found)
}

fn filters(input: &MessageDescriptor, options: &Options) -> Option<Filters> {
    input
        .fields()
        .filter(|field| options.inline(field))
        .find_map(|holder| {
            let inner = message_of(&holder).ok()?;
            let list = inner.fields().find(|field| {
                field.is_list()
                    && message_of(field).is_ok_and(|item| {
                        item.get_field_by_name("parameter").is_some()
                            && item.get_field_by_name("values").is_some()
                    })
            })?;
            Some(Filters {
                holder: holder.number(),
                list: list.number(),
            })
        })
}

fn body(
    method: &MethodDescriptor,
    rule: &HttpRule,
    plans: &Plans,
    variables: &[Variable],
) -> Result<Body, BadContract> {
    let (input, name) = (method.input(), method.full_name());
    if method.is_client_streaming() {
        let options = input.fields().find(|field| message_of(field).is_ok());
        let data = input
            .fields()
            .find(|field| matches!(field.kind(), prost_reflect::Kind::Bytes));
        let (Some(options), Some(data)) = (options, data) else {
            return Err(BadContract::new(name, "an upload is made of options and data"));
        };
        let message = plans.id(message_of(&options)?.full_name())?;
        return Ok(Body::Upload {
            options: options.number(),
            message,
            data: data.number(),
        });
    }
    Ok(match &rule.body {
        BodyRule::Nothing => Body::Nothing,
        BodyRule::Everything => {
            let plan = plans.message(plans.id(input.full_name())?);
            let outside = |number| {
                variables
                    .iter()
                    .any(|variable| variable.holders.is_empty() && variable.number == number)
            };
            let fixed = plan.fields.iter().enumerate();
            let fixed = fixed.filter(|(_, field)| {
                outside(field.number)
                    || field.name == "update_mask"
                    || (field.name == "etag" && field.kind == Kind::String)
            });
            Body::Everything(fixed.map(|(index, _)| index).collect())
        }
        BodyRule::Field(field) => {
            let field = named_field(&input, field, name)?;
            Body::Field(field.number(), plans.id(message_of(&field)?.full_name())?)
        }
    })
}

fn answer(method: &MethodDescriptor, rule: &HttpRule, plans: &Plans) -> Result<Answer, BadContract> {
    let output = method.output();
    let id = plans.id(output.full_name())?;
    Ok(match (output.full_name(), &rule.response_body) {
        ("google.api.HttpBody", _) if method.is_server_streaming() => Answer::Stream,
        ("google.api.HttpBody", _) => Answer::Raw,
        ("google.protobuf.Empty", _) => Answer::Nothing,
        _ if method.is_server_streaming() => {
            return Err(BadContract::new(
                method.full_name(),
                "streams something other than google.api.HttpBody",
            ));
        }
        (_, None) => Answer::Message(id),
        (_, Some(field)) => {
            let index = plans
                .message(id)
                .fields
                .iter()
                .position(|known| known.name == *field);
            Answer::Field(
                id,
                index.ok_or_else(|| BadContract::new(method.full_name(), format!("has no field {field}")))?,
            )
        }
    })
}

fn text_field(plans: &Plans, path: &[u32], message: MessageId, name: &str) -> Option<Vec<u32>> {
    let field = plans
        .message(message)
        .named(name)
        .filter(|field| field.kind == Kind::String)?;
    Some(path.iter().copied().chain([field.number]).collect())
}

/// The variable by which a resource is found below the path that made it: `/leads` → `/leads/{id}` → `id`.
fn child_variable(path: &str, resources: &[String]) -> String {
    let child = resources.iter().find_map(|other| {
        other
            .strip_prefix(path)?
            .strip_prefix("/{")?
            .strip_suffix('}')
            .filter(|name| !name.contains(['/', '}']))
    });
    child.unwrap_or("id").to_owned()
}

/// The field itself, or that of the first message in the answer that has it.
fn text_within(plans: &Plans, path: &[u32], message: MessageId, name: &str) -> Option<Vec<u32>> {
    text_field(plans, path, message, name).or_else(|| {
        plans
            .message(message)
            .fields
            .iter()
            .filter(|field| field.shape == Shape::One)
            .find_map(|field| {
                let Kind::Message(inner) = field.kind else {
                    return None;
                };
                let path: Vec<u32> = path.iter().copied().chain([field.number]).collect();
                text_field(plans, &path, inner, name)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Matched;
    use kontor_proto::DESCRIPTORS;

    fn found(verb: &Method, path: &str, look: impl Fn(&Endpoint, &Plans)) {
        let options = Options::of(&DESCRIPTORS).unwrap();
        let plans = Plans::of(&DESCRIPTORS, &options).unwrap();
        match endpoints(&DESCRIPTORS, &options, &plans)
            .unwrap()
            .find(verb, path)
        {
            Matched::Route(endpoint, _) => look(endpoint, &plans),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_create_answers_201_with_the_place_of_the_new_resource() {
        found(&Method::POST, "/api/v1/leads/", |endpoint, plans| {
            assert_eq!(
                (endpoint.success, endpoint.service.as_str()),
                (StatusCode::CREATED, "leads")
            );
            assert_eq!(endpoint.rpc, "/kontor.leads.v1.LeadService/CreateLead");
            assert_eq!(endpoint.location, Some(vec![1, 1]));
            assert_eq!(endpoint.answer_etag, Some(vec![1, 37]));
            assert!(matches!(endpoint.answer, Answer::Field(_, _)));
            assert!(
                matches!(endpoint.body, Body::Field(1, id) if plans.message(id).name == "kontor.leads.v1.Lead")
            );
        });
        found(&Method::POST, "/api/v1/leads/fields", |endpoint, _| {
            assert_eq!(endpoint.location, Some(vec![1, 1]), "a field is found by its key");
        });
    }

    #[test]
    fn a_patch_takes_its_mask_and_etag_from_the_request() {
        found(&Method::PATCH, "/api/v1/leads/7", |endpoint, _| {
            assert_eq!((endpoint.mask, endpoint.etag), (Some(3), Some(4)));
            assert_eq!(endpoint.variables[0].number, 1);
        });
    }

    #[test]
    fn a_list_takes_filters_and_a_delete_answers_nothing() {
        found(&Method::GET, "/api/v1/leads", |endpoint, _| {
            let filters = endpoint.filters.unwrap();
            assert_eq!((filters.holder, filters.list), (1, 9));
        });
        found(&Method::DELETE, "/api/v1/leads/7", |endpoint, _| {
            assert_eq!(
                (endpoint.success, endpoint.answer),
                (StatusCode::NO_CONTENT, Answer::Nothing)
            );
        });
    }

    #[test]
    fn an_import_is_an_upload_and_an_export_a_stream() {
        found(&Method::POST, "/api/v1/leads/import/", |endpoint, _| {
            assert!(matches!(
                endpoint.body,
                Body::Upload {
                    options: 1,
                    data: 2,
                    ..
                }
            ));
        });
        found(&Method::GET, "/api/v1/leads/export/", |endpoint, _| {
            assert_eq!(endpoint.answer, Answer::Stream);
        });
    }
}

//! The rpcs of identity: decode, one call, encode. Those that are declared and not here answer UNIMPLEMENTED.

mod api_key;
mod audit;
mod auth;
mod company;
mod encode;
mod invitation;
mod key;
mod mask;
mod member;
mod oidc;
mod role;
mod session;
mod totp;

use kontor_chassis::Error as Failure;
use kontor_proto::identity::v1;
use time::OffsetDateTime;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use uuid::Uuid;

use api_key::ApiKeyRpcs;
use audit::AuditRpcs;
use auth::AuthRpcs;
use company::CompanyRpcs;
pub(crate) use encode::timestamp;
use invitation::InvitationRpcs;
pub(crate) use key::KeyRpcs;
use member::MemberRpcs;
use oidc::OidcRpcs;
use role::RoleRpcs;
use session::SessionRpcs;
use totp::TotpRpcs;

use crate::model::email::Email;
use crate::model::fields::Reader;
use crate::model::session::Origin;
use crate::service::Identity;

/// Every service of identity.
pub(crate) fn routes(identity: &Identity, keys: KeyRpcs) -> Routes {
    let identity = || identity.clone();
    Routes::new(v1::auth_service_server::AuthServiceServer::new(AuthRpcs {
        identity: identity(),
    }))
    .add_service(v1::session_service_server::SessionServiceServer::new(
        SessionRpcs { identity: identity() },
    ))
    .add_service(v1::totp_service_server::TotpServiceServer::new(TotpRpcs {
        identity: identity(),
    }))
    .add_service(v1::oidc_service_server::OidcServiceServer::new(OidcRpcs {
        identity: identity(),
    }))
    .add_service(v1::company_service_server::CompanyServiceServer::new(
        CompanyRpcs { identity: identity() },
    ))
    .add_service(v1::member_service_server::MemberServiceServer::new(MemberRpcs {
        identity: identity(),
    }))
    .add_service(v1::invitation_service_server::InvitationServiceServer::new(
        InvitationRpcs { identity: identity() },
    ))
    .add_service(v1::role_service_server::RoleServiceServer::new(RoleRpcs {
        identity: identity(),
    }))
    .add_service(v1::api_key_service_server::ApiKeyServiceServer::new(ApiKeyRpcs {
        identity: identity(),
    }))
    .add_service(v1::audit_service_server::AuditServiceServer::new(AuditRpcs {
        identity: identity(),
    }))
    .add_service(v1::key_service_server::KeyServiceServer::new(keys))
}

/// The time of a request, as exact as the database keeps it: an answer says the same now and when it is read again.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_microsecond(now.microsecond()).unwrap_or(now)
}

/// Where a request comes from.
fn origin(metadata: &MetadataMap) -> Origin {
    Origin::from(&kontor_chassis::Origin::of(metadata.as_ref()))
}

/// The address of a request.
fn email(typed: &str) -> Result<Email, Failure> {
    let mut reader = Reader::default();
    let email = reader.email("email", typed);
    reader.finish()?;
    email.ok_or_else(|| Failure::invalid_field("email", "invalid_email", "This is no e-mail address."))
}

/// An id of a request.
fn id(field: &'static str, text: &str) -> Result<Uuid, Failure> {
    text.parse()
        .map_err(|_| Failure::invalid_field(field, "invalid_id", "This is no id."))
}

/// A time of a request.
fn instant(field: &'static str, at: &prost_types::Timestamp) -> Result<OffsetDateTime, Failure> {
    let nanos = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .map_err(|_| Failure::invalid_field(field, "invalid_time", "This is no time."))
}

//! The rpcs of identity: decode, one call, encode. Those that are declared and not here answer UNIMPLEMENTED.

mod auth;
mod company;
mod encode;
mod key;
mod mask;
mod member;
mod session;

use kontor_chassis::Error as Failure;
use kontor_proto::identity::v1;
use time::OffsetDateTime;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use uuid::Uuid;

pub(crate) use auth::AuthRpcs;
pub(crate) use company::CompanyRpcs;
pub(crate) use encode::timestamp;
pub(crate) use key::KeyRpcs;
pub(crate) use member::MemberRpcs;
pub(crate) use session::SessionRpcs;

use crate::model::session::Origin;

/// Where the gateway puts the `User-Agent` of its client.
const DEVICE: &str = "x-client-user-agent";
/// Where the gateway puts the address of its client.
const ADDRESS: &str = "x-forwarded-for";
/// The longest of both that is kept, in characters.
const LONGEST: usize = 300;

/// Every service of identity, the ones without a built rpc too: they answer UNIMPLEMENTED by name.
pub(crate) fn routes(
    auth: AuthRpcs,
    sessions: SessionRpcs,
    companies: CompanyRpcs,
    members: MemberRpcs,
    keys: KeyRpcs,
) -> Routes {
    Routes::new(v1::auth_service_server::AuthServiceServer::new(auth))
        .add_service(v1::session_service_server::SessionServiceServer::new(sessions))
        .add_service(v1::company_service_server::CompanyServiceServer::new(companies))
        .add_service(v1::member_service_server::MemberServiceServer::new(members))
        .add_service(v1::key_service_server::KeyServiceServer::new(keys))
        .add_service(v1::totp_service_server::TotpServiceServer::new(Declared))
        .add_service(v1::invitation_service_server::InvitationServiceServer::new(
            Declared,
        ))
        .add_service(v1::role_service_server::RoleServiceServer::new(Declared))
        .add_service(v1::api_key_service_server::ApiKeyServiceServer::new(Declared))
        .add_service(v1::audit_service_server::AuditServiceServer::new(Declared))
}

/// Declared in the contract, not built yet.
struct Declared;

impl v1::totp_service_server::TotpService for Declared {}
impl v1::invitation_service_server::InvitationService for Declared {}
impl v1::role_service_server::RoleService for Declared {}
impl v1::api_key_service_server::ApiKeyService for Declared {}
impl v1::audit_service_server::AuditService for Declared {}

/// The time of a request, as exact as the database keeps it: an answer says the same now and when it is read again.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_microsecond(now.microsecond()).unwrap_or(now)
}

/// Where a request comes from. It is shown to the person and decides nothing, so that a wrong one does no harm.
fn origin(metadata: &MetadataMap) -> Origin {
    let text = |name: &str| {
        let text = metadata.get(name)?.to_str().ok()?.trim();
        let text: String = text.chars().take(LONGEST).collect();
        (!text.is_empty()).then_some(text)
    };
    let address = text(ADDRESS);
    // Without the gateway between, the client's own name is the one in `user-agent`.
    let device = text(DEVICE).or_else(|| text("user-agent").filter(|_| address.is_none()));
    Origin { device, address }
}

/// An id of a request.
fn id(field: &'static str, text: &str) -> Result<Uuid, Failure> {
    text.parse()
        .map_err(|_| Failure::invalid_field(field, "invalid_id", "This is no id."))
}

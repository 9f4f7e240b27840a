//! From the model to messages.

use kontor_proto::identity::v1;
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::api_key::ApiKey;
use crate::model::audit::Entry;
use crate::model::company::{Company, Member, Membership};
use crate::model::person::{Person, full_name};
use crate::model::role::Role;
use crate::model::session::Session;
use crate::service::{IssuedTokens, Me};

/// A time as a message.
pub(crate) fn timestamp(at: OffsetDateTime) -> Timestamp {
    // The nanoseconds of a second fit.
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}

pub(super) fn user(person: Person) -> v1::User {
    let full_name = person.full_name();
    let Person {
        id,
        email,
        email_verified_at,
        first_name,
        last_name,
        phone,
        job_title,
        time_zone,
        locale,
        avatar_url,
        totp_enabled,
        version,
        created_at,
        updated_at,
    } = person;
    v1::User {
        id: id.to_string(),
        email,
        email_verified: email_verified_at.is_some(),
        first_name,
        last_name,
        full_name,
        phone,
        job_title,
        time_zone,
        locale,
        avatar_url,
        totp_enabled,
        created_at: Some(timestamp(created_at)),
        updated_at: Some(timestamp(updated_at)),
        etag: version.to_string(),
    }
}

pub(super) fn company(company: Company) -> v1::Company {
    let Company {
        id,
        name,
        currency,
        time_zone,
        locale,
        fiscal_year_start_month,
        website,
        version,
        created_at,
        updated_at,
    } = company;
    v1::Company {
        id: id.to_string(),
        name,
        currency,
        time_zone,
        locale,
        fiscal_year_start_month: fiscal_year_start_month.into(),
        website,
        created_at: Some(timestamp(created_at)),
        updated_at: Some(timestamp(updated_at)),
        etag: version.to_string(),
    }
}

pub(super) fn tokens(tokens: &IssuedTokens) -> v1::Tokens {
    let IssuedTokens {
        access,
        refresh,
        expires_in,
    } = tokens;
    v1::Tokens {
        access_token: access.clone(),
        refresh_token: Some(refresh.reveal()),
        token_type: "Bearer".to_owned(),
        expires_in: *expires_in,
    }
}

/// Companies by name; `memberships` come the first joined first, which is the default one.
pub(super) fn memberships(memberships: Vec<Membership>, current: Uuid) -> Vec<v1::CompanyMembership> {
    let default = memberships.first().map(|first| first.company_id);
    let mut listed: Vec<_> = memberships
        .into_iter()
        .map(|membership| v1::CompanyMembership {
            id: membership.company_id.to_string(),
            name: membership.company_name,
            role: membership.role,
            is_current: membership.company_id == current,
            is_default: Some(membership.company_id) == default,
        })
        .collect();
    listed.sort_by_cached_key(|one| (one.name.to_lowercase(), one.id.clone()));
    listed
}

pub(super) fn session(session: Session, current: Option<Uuid>) -> v1::Session {
    let Session {
        id,
        user_id: _,
        entered_company: _,
        device,
        address,
        created_at,
        last_seen_at,
        expires_at,
        ended_at: _,
        sso: _,
    } = session;
    v1::Session {
        id: id.to_string(),
        device,
        address,
        created_at: Some(timestamp(created_at)),
        last_seen_at: Some(timestamp(last_seen_at)),
        expires_at: Some(timestamp(expires_at)),
        is_current: Some(id) == current,
    }
}

pub(super) fn me(me: Me) -> v1::GetMeResponse {
    let Me {
        person,
        company: entered,
        membership,
        permissions,
        session: seen,
    } = me;
    let current = seen.as_ref().map(|session| session.id);
    v1::GetMeResponse {
        user: Some(user(person)),
        company: Some(company(entered)),
        permissions,
        role: membership.role,
        session: seen.map(|seen| session(seen, current)),
    }
}

pub(super) fn member(member: Member) -> v1::Member {
    let Member {
        user_id,
        email,
        first_name,
        last_name,
        role,
        active,
        joined_at,
        version,
    } = member;
    v1::Member {
        user_id: user_id.to_string(),
        email,
        first_name,
        last_name,
        role,
        active,
        joined_at: Some(timestamp(joined_at)),
        etag: version.to_string(),
    }
}

pub(super) fn member_summary(member: &Member) -> v1::MemberSummary {
    v1::MemberSummary {
        user_id: member.user_id.to_string(),
        name: full_name(&member.first_name, &member.last_name),
        active: member.active,
        version: member.version,
    }
}

pub(super) fn api_key(key: ApiKey) -> v1::ApiKey {
    let ApiKey {
        id,
        user_id: _,
        name,
        prefix,
        permissions,
        expires_at,
        last_used_at,
        created_at,
    } = key;
    v1::ApiKey {
        id: id.to_string(),
        name,
        permissions,
        expires_at: expires_at.map(timestamp),
        prefix,
        last_used_at: last_used_at.map(timestamp),
        created_at: Some(timestamp(created_at)),
    }
}

pub(super) fn role(role: Role) -> v1::Role {
    let permissions = role.held();
    let Role {
        id,
        name,
        description,
        permissions: _,
        built_in,
        version,
        created_at,
        updated_at,
    } = role;
    v1::Role {
        id: id.to_string(),
        name,
        description,
        permissions,
        built_in,
        created_at: Some(timestamp(created_at)),
        updated_at: Some(timestamp(updated_at)),
        etag: version.to_string(),
    }
}

pub(super) fn audit_entry(entry: Entry) -> v1::AuditEntry {
    let Entry {
        id,
        at,
        user_id,
        user_name,
        action,
        resource,
        resource_id,
        resource_name,
        address,
        device,
        fields,
    } = entry;
    v1::AuditEntry {
        id: id.to_string(),
        at: Some(timestamp(at)),
        user_id: user_id.map(|id| id.to_string()),
        user_name,
        action,
        resource,
        resource_id,
        resource_name,
        address,
        device,
        fields,
    }
}

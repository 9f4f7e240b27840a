//! What one does with oneself when signed in.

use kontor_chassis::Caller;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::session_service_server::SessionService;
use tonic::{Request, Response, Status};

use super::mask::Mask;
use super::{encode, id, now, origin};
use crate::model::person::PersonChange;
use crate::service::{Identity, SignedIn};

/// [`SessionService`] by [`Identity`].
pub(crate) struct SessionRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl SessionService for SessionRpcs {
    async fn logout(&self, request: Request<v1::LogoutRequest>) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        self.identity
            .logout(&caller, request.into_inner().all_sessions, now())
            .await?;
        Ok(Response::new(()))
    }

    async fn get_me(
        &self,
        request: Request<v1::GetMeRequest>,
    ) -> Result<Response<v1::GetMeResponse>, Status> {
        let caller = Caller::of(&request)?;
        let me = self.identity.me(&caller).await?;
        Ok(Response::new(encode::me(me)))
    }

    async fn update_me(
        &self,
        request: Request<v1::UpdateMeRequest>,
    ) -> Result<Response<v1::UpdateMeResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::UpdateMeRequest {
            user,
            update_mask,
            etag,
        } = request.into_inner();
        let change = change(user.unwrap_or_default(), update_mask)?;
        let me = self.identity.update_me(&caller, change, &etag, now()).await?;
        let v1::GetMeResponse {
            user,
            company,
            role,
            permissions,
            session,
        } = encode::me(me);
        Ok(Response::new(v1::UpdateMeResponse {
            user,
            company,
            role,
            permissions,
            session,
        }))
    }

    async fn change_password(
        &self,
        request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<()>, Status> {
        let (caller, origin) = (Caller::of(&request)?, origin(request.metadata()));
        let v1::ChangePasswordRequest {
            current_password,
            new_password,
        } = request.into_inner();
        self.identity
            .change_password(&caller, &current_password, &new_password, &origin, now())
            .await?;
        Ok(Response::new(()))
    }

    async fn list_my_companies(
        &self,
        request: Request<v1::ListMyCompaniesRequest>,
    ) -> Result<Response<v1::ListMyCompaniesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let memberships = self.identity.memberships(&caller).await?;
        let companies = encode::memberships(memberships, caller.company_id());
        Ok(Response::new(v1::ListMyCompaniesResponse { companies }))
    }

    async fn switch_company(
        &self,
        request: Request<v1::SwitchCompanyRequest>,
    ) -> Result<Response<v1::SwitchCompanyResponse>, Status> {
        let (caller, origin) = (Caller::of(&request)?, origin(request.metadata()));
        let company_id = id("company_id", &request.into_inner().company_id)?;
        let SignedIn {
            person,
            company,
            membership,
            memberships: _,
            tokens,
        } = self
            .identity
            .switch_company(&caller, company_id, origin, now())
            .await?;
        Ok(Response::new(v1::SwitchCompanyResponse {
            user: Some(encode::user(person)),
            company: Some(encode::company(company)),
            role: membership.role,
            tokens: Some(encode::tokens(&tokens)),
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let sessions = self.identity.sessions(&caller, now()).await?;
        let current = caller.session_id();
        let sessions = sessions
            .into_iter()
            .map(|session| encode::session(session, current))
            .collect();
        Ok(Response::new(v1::ListSessionsResponse { sessions }))
    }

    async fn end_session(&self, request: Request<v1::EndSessionRequest>) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let id = id("id", &request.into_inner().id)?;
        self.identity.end_session(&caller, id, now()).await?;
        Ok(Response::new(()))
    }
}

const WRITABLE: &[&str] = &[
    "first_name",
    "last_name",
    "phone",
    "job_title",
    "time_zone",
    "locale",
    "avatar_url",
];
const READ_ONLY: &[&str] = &[
    "id",
    "email",
    "email_verified",
    "full_name",
    "totp_enabled",
    "created_at",
    "updated_at",
    "etag",
];

fn change(
    user: v1::User,
    mask: Option<prost_types::FieldMask>,
) -> Result<PersonChange, kontor_chassis::Error> {
    let mask = Mask::read(mask, WRITABLE, READ_ONLY)?;
    Ok(PersonChange {
        first_name: mask.pick("first_name", !user.first_name.is_empty(), user.first_name),
        last_name: mask.pick("last_name", !user.last_name.is_empty(), user.last_name),
        phone: mask.pick("phone", user.phone.is_some(), user.phone),
        job_title: mask.pick("job_title", user.job_title.is_some(), user.job_title),
        time_zone: mask.pick("time_zone", user.time_zone.is_some(), user.time_zone),
        locale: mask.pick("locale", user.locale.is_some(), user.locale),
        avatar_url: mask.pick("avatar_url", user.avatar_url.is_some(), user.avatar_url),
    })
}

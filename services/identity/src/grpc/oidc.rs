//! Signing in with a company's own identity provider.

use kontor_chassis::Caller;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::oidc_service_server::OidcService;
use tonic::{Request, Response, Status};

use super::{encode, id, now, origin};
use crate::model::fields::Reader;
use crate::model::oidc::{Provider, ProviderForm};
use crate::service::{Finish, Identity, SignedIn, Started};

/// [`OidcService`] by [`Identity`].
pub(crate) struct OidcRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl OidcService for OidcRpcs {
    async fn get_oidc_provider(
        &self,
        request: Request<v1::GetOidcProviderRequest>,
    ) -> Result<Response<v1::GetOidcProviderResponse>, Status> {
        let caller = Caller::of(&request)?;
        let provider = self.identity.oidc_provider(&caller).await?;
        Ok(Response::new(v1::GetOidcProviderResponse {
            provider: Some(self.encoded(provider)),
        }))
    }

    async fn set_oidc_provider(
        &self,
        request: Request<v1::SetOidcProviderRequest>,
    ) -> Result<Response<v1::SetOidcProviderResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::OidcProvider {
            issuer,
            client_id,
            client_secret,
            domains,
            just_in_time,
            role,
            enforced,
            updated_at: _,
            redirect_uri: _,
        } = request.into_inner().provider.unwrap_or_default();
        let form = ProviderForm {
            issuer,
            client_id,
            client_secret,
            domains,
            just_in_time,
            role,
            enforced,
        };
        let provider = self.identity.set_oidc_provider(&caller, form, now()).await?;
        Ok(Response::new(v1::SetOidcProviderResponse {
            provider: Some(self.encoded(provider)),
        }))
    }

    async fn delete_oidc_provider(
        &self,
        request: Request<v1::DeleteOidcProviderRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        self.identity.delete_oidc_provider(&caller, now()).await?;
        Ok(Response::new(()))
    }

    async fn start_oidc_sign_in(
        &self,
        request: Request<v1::StartOidcSignInRequest>,
    ) -> Result<Response<v1::StartOidcSignInResponse>, Status> {
        let company_id = id("company_id", &request.into_inner().company_id)?;
        let Started {
            authorization_url,
            attempt,
        } = self.identity.start_oidc(company_id, now()).await?;
        Ok(Response::new(v1::StartOidcSignInResponse {
            authorization_url,
            attempt: attempt.reveal(),
        }))
    }

    async fn finish_oidc_sign_in(
        &self,
        request: Request<v1::FinishOidcSignInRequest>,
    ) -> Result<Response<v1::FinishOidcSignInResponse>, Status> {
        let origin = origin(request.metadata());
        let v1::FinishOidcSignInRequest { code, state, attempt } = request.into_inner();
        let mut reader = Reader::default();
        reader.present("code", &code);
        reader.present("state", &state);
        reader.present("attempt", &attempt);
        reader.finish()?;
        let finish = Finish { code, state, attempt };
        let SignedIn {
            person,
            company,
            membership,
            memberships: _,
            tokens,
        } = self.identity.finish_oidc(finish, origin, now()).await?;
        Ok(Response::new(v1::FinishOidcSignInResponse {
            user: Some(encode::user(person)),
            company: Some(encode::company(company)),
            role: membership.role,
            tokens: Some(encode::tokens(&tokens)),
        }))
    }
}

impl OidcRpcs {
    fn encoded(&self, provider: Provider) -> v1::OidcProvider {
        let Provider {
            issuer,
            client_id,
            domains,
            just_in_time,
            role_id: _,
            role,
            enforced,
            updated_at,
        } = provider;
        v1::OidcProvider {
            issuer,
            client_id,
            client_secret: None,
            domains,
            just_in_time,
            role,
            enforced,
            updated_at: Some(encode::timestamp(updated_at)),
            redirect_uri: self.identity.relying.redirect_uri().to_owned(),
        }
    }
}

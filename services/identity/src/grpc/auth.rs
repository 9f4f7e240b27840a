//! What one does without being signed in.

use kontor_proto::identity::v1;
use kontor_proto::identity::v1::auth_service_server::AuthService;
use tonic::{Request, Response, Status};

use super::{email, encode, id, now, origin};
use crate::model::fields::Reader;
use crate::service::{Identity, Registration, SignIn, SignedIn};

/// [`AuthService`] by [`Identity`].
pub(crate) struct AuthRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl AuthService for AuthRpcs {
    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        let origin = origin(request.metadata());
        let v1::RegisterRequest {
            email,
            password,
            first_name,
            last_name,
            company_name,
            currency,
        } = request.into_inner();
        let form = Registration {
            email,
            password,
            first_name,
            last_name,
            company_name,
            currency,
        };
        let SignedIn {
            person,
            company,
            membership,
            memberships: _,
            tokens,
        } = self.identity.register(form, origin, now()).await?;
        Ok(Response::new(v1::RegisterResponse {
            user: Some(encode::user(person)),
            company: Some(encode::company(company)),
            role: membership.role,
            tokens: Some(encode::tokens(&tokens)),
        }))
    }

    async fn login(&self, request: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        let origin = origin(request.metadata());
        let v1::LoginRequest {
            email,
            password,
            totp_code,
            company_id,
        } = request.into_inner();
        let mut reader = Reader::default();
        reader.present("email", &email);
        reader.present("password", &password);
        reader.finish()?;
        let company_id = company_id.map(|text| id("company_id", &text)).transpose()?;
        let sign_in = SignIn {
            email,
            password,
            totp_code,
            company_id,
        };
        let SignedIn {
            person,
            company,
            membership,
            memberships,
            tokens,
        } = self.identity.login(sign_in, origin, now()).await?;
        Ok(Response::new(v1::LoginResponse {
            user: Some(encode::user(person)),
            role: membership.role,
            companies: encode::memberships(memberships, company.id),
            company: Some(encode::company(company)),
            tokens: Some(encode::tokens(&tokens)),
        }))
    }

    async fn refresh_token(
        &self,
        request: Request<v1::RefreshTokenRequest>,
    ) -> Result<Response<v1::RefreshTokenResponse>, Status> {
        let origin = origin(request.metadata());
        let v1::RefreshTokenRequest { refresh_token } = request.into_inner();
        let mut reader = Reader::default();
        reader.present("refresh_token", &refresh_token);
        reader.finish()?;
        let tokens = self.identity.refresh(&refresh_token, origin, now()).await?;
        Ok(Response::new(v1::RefreshTokenResponse {
            tokens: Some(encode::tokens(&tokens)),
        }))
    }

    async fn request_password_reset(
        &self,
        request: Request<v1::RequestPasswordResetRequest>,
    ) -> Result<Response<v1::RequestPasswordResetResponse>, Status> {
        let origin = origin(request.metadata());
        let email = email(&request.into_inner().email)?;
        self.identity
            .request_password_reset(&email, &origin, now())
            .await?;
        Ok(Response::new(v1::RequestPasswordResetResponse {}))
    }

    async fn confirm_password_reset(
        &self,
        request: Request<v1::ConfirmPasswordResetRequest>,
    ) -> Result<Response<()>, Status> {
        let origin = origin(request.metadata());
        let v1::ConfirmPasswordResetRequest { token, new_password } = request.into_inner();
        self.identity
            .reset_password(&token, &new_password, &origin, now())
            .await?;
        Ok(Response::new(()))
    }

    async fn verify_email(
        &self,
        request: Request<v1::VerifyEmailRequest>,
    ) -> Result<Response<v1::VerifyEmailResponse>, Status> {
        let person = self
            .identity
            .verify_email(&request.into_inner().token, now())
            .await?;
        Ok(Response::new(v1::VerifyEmailResponse {
            user: Some(encode::user(person)),
        }))
    }

    async fn resend_verification(
        &self,
        request: Request<v1::ResendVerificationRequest>,
    ) -> Result<Response<v1::ResendVerificationResponse>, Status> {
        let origin = origin(request.metadata());
        let email = email(&request.into_inner().email)?;
        self.identity.resend_verification(&email, &origin, now()).await?;
        Ok(Response::new(v1::ResendVerificationResponse {}))
    }
}

//! The second factor.

use kontor_chassis::Caller;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::totp_service_server::TotpService;
use tonic::{Request, Response, Status};

use super::now;
use crate::model::fields::Reader;
use crate::service::{Enrolment, Identity};

/// [`TotpService`] by [`Identity`].
pub(crate) struct TotpRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl TotpService for TotpRpcs {
    async fn enrol_totp(
        &self,
        request: Request<v1::EnrolTotpRequest>,
    ) -> Result<Response<v1::EnrolTotpResponse>, Status> {
        let caller = Caller::of(&request)?;
        let Enrolment { secret, otpauth_uri } = self.identity.enrol_totp(&caller, now()).await?;
        Ok(Response::new(v1::EnrolTotpResponse { secret, otpauth_uri }))
    }

    async fn confirm_totp(
        &self,
        request: Request<v1::ConfirmTotpRequest>,
    ) -> Result<Response<v1::ConfirmTotpResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::ConfirmTotpRequest { code } = request.into_inner();
        let mut reader = Reader::default();
        reader.present("code", &code);
        reader.finish()?;
        let recovery_codes = self.identity.confirm_totp(&caller, &code, now()).await?;
        Ok(Response::new(v1::ConfirmTotpResponse { recovery_codes }))
    }

    async fn disable_totp(&self, request: Request<v1::DisableTotpRequest>) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let v1::DisableTotpRequest { password } = request.into_inner();
        let mut reader = Reader::default();
        reader.present("password", &password);
        reader.finish()?;
        self.identity.disable_totp(&caller, &password, now()).await?;
        Ok(Response::new(()))
    }
}

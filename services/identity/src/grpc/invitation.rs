//! Invitations by mail.

use kontor_chassis::Caller;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::invitation_service_server::InvitationService;
use kontor_records::query::Page;
use tonic::{Request, Response, Status};

use super::{encode, id, now, origin};
use crate::model::invitation::Invitation;
use crate::service::{Acceptance, Identity, SignedIn};

/// [`InvitationService`] by [`Identity`].
pub(crate) struct InvitationRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl InvitationService for InvitationRpcs {
    async fn list_invitations(
        &self,
        request: Request<v1::ListInvitationsRequest>,
    ) -> Result<Response<v1::ListInvitationsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.identity.invitations(&caller, &query).await?;
        Ok(Response::new(v1::ListInvitationsResponse {
            invitations: records.into_iter().map(invitation).collect(),
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn create_invitation(
        &self,
        request: Request<v1::CreateInvitationRequest>,
    ) -> Result<Response<v1::CreateInvitationResponse>, Status> {
        let caller = Caller::of(&request)?;
        let given = request.into_inner().invitation.unwrap_or_default();
        let sent = self
            .identity
            .invite(&caller, &given.email, &given.role, now())
            .await?;
        Ok(Response::new(v1::CreateInvitationResponse {
            invitation: Some(invitation(sent)),
        }))
    }

    async fn delete_invitation(
        &self,
        request: Request<v1::DeleteInvitationRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let id = id("id", &request.into_inner().id)?;
        self.identity.withdraw_invitation(&caller, id, now()).await?;
        Ok(Response::new(()))
    }

    async fn accept_invitation(
        &self,
        request: Request<v1::AcceptInvitationRequest>,
    ) -> Result<Response<v1::AcceptInvitationResponse>, Status> {
        let (caller, origin) = (Caller::maybe_of(&request), origin(request.metadata()));
        let v1::AcceptInvitationRequest {
            token,
            password,
            first_name,
            last_name,
        } = request.into_inner();
        let acceptance = Acceptance {
            token,
            password,
            first_name,
            last_name,
        };
        let SignedIn {
            person,
            company,
            membership,
            memberships: _,
            tokens,
        } = self
            .identity
            .accept_invitation(caller.as_ref(), acceptance, origin, now())
            .await?;
        Ok(Response::new(v1::AcceptInvitationResponse {
            user: Some(encode::user(person)),
            company: Some(encode::company(company)),
            role: membership.role,
            tokens: Some(encode::tokens(&tokens)),
        }))
    }
}

fn invitation(invitation: Invitation) -> v1::Invitation {
    let Invitation {
        id,
        company_id: _,
        email,
        role_id: _,
        role,
        invited_by,
        created_at,
        expires_at,
    } = invitation;
    v1::Invitation {
        id: id.to_string(),
        email,
        role,
        invited_by: invited_by.to_string(),
        created_at: Some(encode::timestamp(created_at)),
        expires_at: Some(encode::timestamp(expires_at)),
    }
}

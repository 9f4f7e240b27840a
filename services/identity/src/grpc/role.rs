//! What members may do.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::role_service_server::RoleService;
use kontor_records::query::Page;
use prost_types::FieldMask;
use tonic::{Request, Response, Status};

use super::mask::Mask;
use super::{encode, id, now};
use crate::model::role::RoleChange;
use crate::service::Identity;

/// [`RoleService`] by [`Identity`].
pub(crate) struct RoleRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl RoleService for RoleRpcs {
    async fn list_roles(
        &self,
        request: Request<v1::ListRolesRequest>,
    ) -> Result<Response<v1::ListRolesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.identity.roles(&caller, &query).await?;
        Ok(Response::new(v1::ListRolesResponse {
            roles: records.into_iter().map(encode::role).collect(),
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn create_role(
        &self,
        request: Request<v1::CreateRoleRequest>,
    ) -> Result<Response<v1::CreateRoleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let given = change(request.into_inner().role.unwrap_or_default(), None)?;
        let role = self.identity.create_role(&caller, given, now()).await?;
        Ok(Response::new(v1::CreateRoleResponse {
            role: Some(encode::role(role)),
        }))
    }

    async fn update_role(
        &self,
        request: Request<v1::UpdateRoleRequest>,
    ) -> Result<Response<v1::UpdateRoleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::UpdateRoleRequest {
            id: role_id,
            role,
            update_mask,
            etag,
        } = request.into_inner();
        let role_id = id("id", &role_id)?;
        let change = change(role.unwrap_or_default(), update_mask)?;
        let role = self
            .identity
            .update_role(&caller, role_id, change, &etag, now())
            .await?;
        Ok(Response::new(v1::UpdateRoleResponse {
            role: Some(encode::role(role)),
        }))
    }

    async fn delete_role(&self, request: Request<v1::DeleteRoleRequest>) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let v1::DeleteRoleRequest { id: role_id, etag } = request.into_inner();
        let role_id = id("id", &role_id)?;
        self.identity.delete_role(&caller, role_id, &etag, now()).await?;
        Ok(Response::new(()))
    }
}

const WRITABLE: &[&str] = &["name", "description", "permissions"];
const READ_ONLY: &[&str] = &["id", "built_in", "created_at", "updated_at", "etag"];

fn change(role: v1::Role, mask: Option<FieldMask>) -> Result<RoleChange, Failure> {
    let mask = Mask::read(mask, WRITABLE, READ_ONLY)?;
    Ok(RoleChange {
        name: mask.pick("name", !role.name.is_empty(), role.name),
        description: mask.pick("description", role.description.is_some(), role.description),
        permissions: mask.pick("permissions", !role.permissions.is_empty(), role.permissions),
    })
}

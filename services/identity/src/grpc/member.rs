//! The people of a company.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::member_service_server::MemberService;
use kontor_records::query::Page;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::mask::Mask;
use super::{encode, id, now};
use crate::service::{Identity, MemberChange};

/// The most ids that [`MemberRpcs::batch_get_members`] takes.
const MOST_IDS: usize = 1000;

/// [`MemberService`] by [`Identity`].
pub(crate) struct MemberRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl MemberService for MemberRpcs {
    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.identity.members(&caller, &query).await?;
        Ok(Response::new(v1::ListMembersResponse {
            members: records.into_iter().map(encode::member).collect(),
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn get_member(
        &self,
        request: Request<v1::GetMemberRequest>,
    ) -> Result<Response<v1::GetMemberResponse>, Status> {
        let caller = Caller::of(&request)?;
        let user_id = id("user_id", &request.into_inner().user_id)?;
        let member = self.identity.member(&caller, user_id).await?;
        Ok(Response::new(v1::GetMemberResponse {
            member: Some(encode::member(member)),
        }))
    }

    async fn update_member(
        &self,
        request: Request<v1::UpdateMemberRequest>,
    ) -> Result<Response<v1::UpdateMemberResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::UpdateMemberRequest {
            user_id,
            member,
            update_mask,
            etag,
            hand_over_to,
        } = request.into_inner();
        let user_id = id("user_id", &user_id)?;
        let heir = hand_over_to.map(|heir| id("hand_over_to", &heir)).transpose()?;
        let change = change(member.unwrap_or_default(), update_mask)?;
        let member = self
            .identity
            .update_member(&caller, user_id, change, heir, &etag, now())
            .await?;
        Ok(Response::new(v1::UpdateMemberResponse {
            member: Some(encode::member(member)),
        }))
    }

    async fn delete_member(&self, request: Request<v1::DeleteMemberRequest>) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let v1::DeleteMemberRequest {
            user_id,
            etag,
            hand_over_to,
        } = request.into_inner();
        let user_id = id("user_id", &user_id)?;
        let heir = hand_over_to.map(|heir| id("hand_over_to", &heir)).transpose()?;
        self.identity
            .remove_member(&caller, user_id, heir, &etag, now())
            .await?;
        Ok(Response::new(()))
    }

    async fn batch_get_members(
        &self,
        request: Request<v1::BatchGetMembersRequest>,
    ) -> Result<Response<v1::BatchGetMembersResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ids = request.into_inner().user_ids;
        if ids.len() > MOST_IDS {
            let message = format!("At most {MOST_IDS} ids are taken.");
            return Err(Failure::invalid_field("user_ids", "too_many", message).into());
        }
        let ids: Vec<Uuid> = ids
            .iter()
            .map(|text| id("user_ids", text))
            .collect::<Result<_, _>>()?;
        let members = self.identity.some_members(&caller, &ids).await?;
        Ok(Response::new(v1::BatchGetMembersResponse {
            members: members.iter().map(encode::member_summary).collect(),
        }))
    }
}

const READ_ONLY: &[&str] = &["user_id", "email", "first_name", "last_name", "joined_at", "etag"];

fn change(member: v1::Member, mask: Option<prost_types::FieldMask>) -> Result<MemberChange, Failure> {
    let mask = Mask::read(mask, &["role", "active"], READ_ONLY)?;
    let role = mask.pick("role", !member.role.is_empty(), member.role);
    if role.as_ref().is_some_and(|role| role.trim().is_empty()) {
        return Err(Failure::invalid_field("role", "required", "role is required."));
    }
    Ok(MemberChange {
        role,
        active: mask.pick("active", member.active, member.active),
    })
}

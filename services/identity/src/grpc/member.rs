//! The people of a company.

use kontor_chassis::{Caller, Error as Failure, FieldErrors};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::member_service_server::MemberService;
use kontor_proto::records::v1::ListQuery;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::mask::Mask;
use super::{encode, id, now};
use crate::service::{Identity, MemberChange, MemberPage, MemberQuery};

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
        let query = query(request.into_inner().query.unwrap_or_default())?;
        let MemberPage {
            members,
            next_page_token,
            total,
        } = self.identity.members(&caller, query).await?;
        Ok(Response::new(v1::ListMembersResponse {
            members: members.into_iter().map(encode::member).collect(),
            next_page_token,
            total_size: total,
            total_size_is_estimate: false,
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

/// Reads which members are wanted, every bad parameter named.
fn query(query: ListQuery) -> Result<MemberQuery, Failure> {
    let ListQuery {
        page_size,
        page_token,
        order_by,
        search,
        filter,
        deleted: _,
        include_total,
        expand,
        field_filters,
    } = query;
    let mut errors = FieldErrors::new();
    let mut wanted = MemberQuery {
        search,
        page_token,
        include_total: include_total.unwrap_or(true),
        ..Default::default()
    };
    match page_size {
        ..0 => errors.push("page_size", "out_of_range", "A page has no negative size."),
        0 => wanted.page_size = 50,
        more => wanted.page_size = u16::try_from(more).unwrap_or(u16::MAX).min(200),
    }
    if !matches!(order_by.as_str(), "" | "last_name" | "last_name,first_name") {
        errors.push(
            "order_by",
            "unknown_field",
            "Members are ordered by last_name,first_name.",
        );
    }
    if !filter.is_empty() {
        errors.push(
            "filter",
            "unknown_field",
            "Members are filtered by active and role.",
        );
    }
    if !expand.is_empty() {
        errors.push("expand", "unknown_field", "Members refer to nothing.");
    }
    for filter in field_filters {
        match (filter.parameter.as_str(), filter.values.as_slice()) {
            ("active", values) => match values
                .iter()
                .map(|value| value.parse::<bool>())
                .collect::<Result<Vec<_>, _>>()
            {
                Ok(values) => {
                    // Both words together exclude nobody.
                    let (yes, no) = (values.contains(&true), values.contains(&false));
                    wanted.active = (yes != no).then_some(yes);
                }
                Err(_) => errors.push("active", "invalid_boolean", "This is true or false."),
            },
            ("role", roles) => wanted.roles = Some(roles.to_vec()),
            (unknown, _) => {
                errors.push(
                    unknown.to_owned(),
                    "unknown_parameter",
                    "There is no such parameter.",
                );
            }
        }
    }
    errors.into_result()?;
    Ok(wanted)
}

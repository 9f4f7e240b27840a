//! Records of other services and the members of the company, as far as records here refer to them.
//!
//! Each service keeps a projection of id and name (table `refs`), fed by the events of those who own them. So a reference
//! is checked, and shown by name, without asking anybody. What was made a moment ago and is not known here yet is asked
//! for at its owner, by [`Lookup`].

mod hears;
mod held;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::future::Future;

use kontor_chassis::{Caller, Error, FieldErrors, Kind, peers::Peers};
use kontor_proto::identity::v1 as identity;
use kontor_proto::identity::v1::company_service_client::CompanyServiceClient;
use kontor_proto::identity::v1::member_service_client::MemberServiceClient;
use kontor_proto::records::v1::RecordChange;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::implied::MEMBER;
use crate::record::Record;
use crate::transfer::Candidate;
use crate::value::Value;

pub use hears::{Members, Names};
pub(crate) use held::settle;

/// A record that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Another service's: remembered until an event tells otherwise.
    Elsewhere {
        /// What a person calls it.
        name: String,
    },
    /// The service's own: looked up each time.
    Here,
}

/// How a service finds what the projection doesn't know.
pub trait Lookup: Sync {
    /// The record of this kind and id, when it is there, is not deleted and belongs to the caller's company.
    fn find(
        &self,
        conn: &mut PgConnection,
        caller: &Caller,
        kind: &'static str,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<Found>, Error>> + Send;
}

/// Checks every reference of `after` that `before` doesn't have: that it is there and not deleted. The caller's own id is
/// always a member.
///
/// # Errors
/// Refused, naming every field that refers to nothing (`page_ids[2]`); what the lookup fails with.
pub async fn check<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    before: Option<&R>,
    after: &R,
    lookup: &impl Lookup,
) -> Result<(), Error> {
    let wanted = newly_referred(caller, before, after);
    let there = there_of(conn, caller, &wanted, lookup).await?;
    let mut errors = FieldErrors::new();
    told(wanted, &there, &mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.into_error(Kind::Refused))
    }
}

/// Checks the references of many records as [`check`] does, each once: a candidate is told every field that refers to
/// nothing.
///
/// # Errors
/// What the lookup fails with; Unavailable and Internal as the database fails.
pub async fn judge<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    batch: &mut [Candidate<R>],
    lookup: &impl Lookup,
) -> Result<(), Error> {
    let wanted: Vec<Vec<Reference>> = batch
        .iter()
        .map(|candidate| newly_referred(caller, candidate.before.as_ref(), &candidate.record))
        .collect();
    let there = there_of(conn, caller, wanted.iter().flatten(), lookup).await?;
    for (candidate, wanted) in batch.iter_mut().zip(wanted) {
        told(wanted, &there, &mut candidate.errors);
    }
    Ok(())
}

/// Which of these are there; each is asked for once.
async fn there_of<'r>(
    conn: &mut PgConnection,
    caller: &Caller,
    wanted: impl IntoIterator<Item = &'r Reference>,
    lookup: &impl Lookup,
) -> Result<HashSet<(&'static str, Uuid)>, Error> {
    let wanted: BTreeSet<(&'static str, Uuid)> = wanted
        .into_iter()
        .map(|reference| (reference.kind, reference.id))
        .collect();
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let wanted: Vec<(&'static str, Uuid)> = wanted.into_iter().collect();
    let known = held::held(conn, caller.company_id(), &wanted).await?;
    let mut there = HashSet::new();
    for (kind, id) in wanted {
        let found = match known.get(&(kind.to_owned(), id)) {
            Some(deleted) => !deleted,
            None => match lookup.find(conn, caller, kind, id).await? {
                Some(Found::Elsewhere { name }) => {
                    remember(conn, caller.company_id(), kind, id, &name).await?;
                    // It may have been merged into another one since it was asked for, and heard of.
                    let known = held::held(conn, caller.company_id(), &[(kind, id)]).await?;
                    known.values().all(|deleted| !deleted)
                }
                Some(Found::Here) => true,
                None => false,
            },
        };
        if found {
            there.insert((kind, id));
        }
    }
    Ok(there)
}

/// Tells every field that refers to nothing.
fn told(wanted: Vec<Reference>, there: &HashSet<(&'static str, Uuid)>, errors: &mut FieldErrors) {
    for Reference { kind, id, path } in wanted {
        if !there.contains(&(kind, id)) {
            errors.push(path, "unknown_reference", "There is no such record.");
        }
    }
}

/// A reference that is to be checked.
struct Reference {
    kind: &'static str,
    id: Uuid,
    path: String,
}

fn newly_referred<R: Record>(caller: &Caller, before: Option<&R>, after: &R) -> Vec<Reference> {
    let old = before.map(Record::values).unwrap_or_default();
    let mut wanted = Vec::new();
    for (at, (leaf, value)) in R::description().leaves.iter().zip(after.values()).enumerate() {
        let Some(kind) = leaf.refers.filter(|_| !leaf.read_only) else {
            continue;
        };
        let mut want = |id: Uuid, path: String| {
            if !(kind == MEMBER && Some(id) == caller.user_id()) {
                wanted.push(Reference { kind, id, path });
            }
        };
        match (value, old.get(at)) {
            (Value::Id(id), old) if old != Some(&Value::Id(id)) => want(id, leaf.path.to_owned()),
            (Value::Ids(ids), old) => {
                let kept: &[Uuid] = if let Some(Value::Ids(kept)) = old {
                    kept
                } else {
                    &[]
                };
                for (place, id) in ids.into_iter().enumerate() {
                    if !kept.contains(&id) {
                        want(id, format!("{}[{place}]", leaf.path));
                    }
                }
            }
            _ => {}
        }
    }
    wanted
}

/// Which of these the projection knows, and whether they are deleted.
async fn known(
    conn: &mut PgConnection,
    company: Uuid,
    wanted: &[(&str, Uuid)],
) -> Result<HashMap<(String, Uuid), bool>, Error> {
    let rows: Vec<(String, Uuid, bool)> = sqlx::query_as(
        "select r.kind, r.id, r.deleted
         from refs r
         join unnest($2::text[], $3::uuid[]) as w (kind, id) on w.kind = r.kind and w.id = r.id
         where r.company_id = $1",
    )
    .bind(company)
    .bind(
        wanted
            .iter()
            .map(|(kind, _)| (*kind).to_owned())
            .collect::<Vec<_>>(),
    )
    .bind(wanted.iter().map(|(_, id)| *id).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(kind, id, deleted)| ((kind, id), deleted))
        .collect())
}

/// Remembers what its owner answered. An event, which carries a version, always knows better.
async fn remember(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    id: Uuid,
    name: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into refs (company_id, kind, id, name, deleted, version)
         values ($1, $2, $3, $4, false, 0)
         on conflict (company_id, kind, id) do nothing",
    )
    .bind(company)
    .bind(kind)
    .bind(id)
    .bind(name)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes over what the owner of a kind tells of its records. What is older than what is known is left out.
///
/// # Errors
/// Invalid when an id can't be read; Unavailable and Internal as the database fails.
pub async fn apply(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    changes: &[RecordChange],
) -> Result<(), Error> {
    let mut latest: HashMap<Uuid, &RecordChange> = HashMap::new();
    for change in changes {
        let id = crate::write::parse_id(&change.id)?;
        let kept = latest.entry(id).or_insert(change);
        if kept.version < change.version {
            *kept = change;
        }
    }
    // In one order, so that two messages never wait for each other's rows.
    let mut latest: Vec<(Uuid, &RecordChange)> = latest.into_iter().collect();
    latest.sort_by_key(|(id, _)| *id);
    sqlx::query(
        "insert into refs as r (company_id, kind, id, name, deleted, version)
         select $1, $2, c.id, c.name, c.deleted, c.version
         from unnest($3::uuid[], $4::text[], $5::boolean[], $6::bigint[]) as c (id, name, deleted, version)
         on conflict (company_id, kind, id) do update
         set name = excluded.name,
             deleted = excluded.deleted,
             version = excluded.version
         where r.version < excluded.version",
    )
    .bind(company)
    .bind(kind)
    .bind(latest.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(
        latest
            .iter()
            .map(|(_, change)| change.name.clone())
            .collect::<Vec<_>>(),
    )
    .bind(
        latest
            .iter()
            .map(|(_, change)| change.deleted)
            .collect::<Vec<_>>(),
    )
    .bind(
        latest
            .iter()
            .map(|(_, change)| change.version)
            .collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The names of these records of a kind, as far as they are known.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn names(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select id, name
         from refs
         where company_id = $1
           and kind = $2
           and id = any ($3)",
    )
    .bind(company)
    .bind(kind)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// As [`names`], of several kinds at once.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub(crate) async fn names_of<'k>(
    conn: &mut PgConnection,
    company: Uuid,
    wanted: &[(&'k str, Uuid)],
) -> Result<HashMap<(&'k str, Uuid), String>, Error> {
    let (kinds, ids): (Vec<&str>, Vec<Uuid>) = wanted.iter().copied().unzip();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select w.place, r.name
         from unnest($2::text[], $3::uuid[]) with ordinality as w (kind, id, place)
         join refs r on r.company_id = $1 and r.kind = w.kind and r.id = w.id",
    )
    .bind(company)
    .bind(kinds)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let at = |place: i64| {
        usize::try_from(place - 1)
            .ok()
            .and_then(|at| wanted.get(at))
            .copied()
    };
    Ok(rows
        .into_iter()
        .filter_map(|(place, name)| Some((at(place)?, name)))
        .collect())
}

/// An active member of the caller's company, asked for at identity with the caller's own token.
///
/// # Errors
/// Unavailable when identity is away.
pub async fn member(peers: &Peers, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
    let mut client = MemberServiceClient::new(peers.on_behalf_of("identity", caller)?);
    let request = identity::BatchGetMembersRequest {
        user_ids: vec![id.to_string()],
    };
    let Some(answer) = there(client.batch_get_members(request).await)? else {
        return Ok(None);
    };
    let member = answer
        .members
        .into_iter()
        .find(|member| member.active && member.user_id == id.to_string());
    Ok(member.map(|member| Found::Elsewhere { name: member.name }))
}

/// The currency that the caller's company counts in, asked for at identity.
///
/// # Errors
/// Unavailable when identity is away; what else it fails with.
pub async fn company_currency(peers: &Peers, caller: &Caller) -> Result<String, Error> {
    let mut client = CompanyServiceClient::new(peers.on_behalf_of("identity", caller)?);
    let id = caller.company_id().to_string();
    let answer = client
        .get_company(identity::GetCompanyRequest { id })
        .await?
        .into_inner();
    let company = answer
        .company
        .ok_or_else(|| Error::internal("identity answered no company"))?;
    Ok(company.currency)
}

/// Whether there is a record of this kind and id, by the projection or else by its owner.
///
/// # Errors
/// What the lookup fails with; Unavailable and Internal as the database fails.
pub async fn is_there(
    conn: &mut PgConnection,
    caller: &Caller,
    kind: &'static str,
    id: Uuid,
    lookup: &impl Lookup,
) -> Result<bool, Error> {
    match known(conn, caller.company_id(), &[(kind, id)])
        .await?
        .values()
        .next()
    {
        Some(deleted) => Ok(!deleted),
        None => Ok(lookup.find(conn, caller, kind, id).await?.is_some()),
    }
}

/// The answer of an owner that was asked for a record: none when it isn't there, or not for this caller.
///
/// # Errors
/// What it failed with otherwise.
pub fn there<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) => {
            let error = Error::from(status);
            match error.kind() {
                Kind::NotFound | Kind::Forbidden | Kind::Unimplemented => Ok(None),
                _ => Err(error),
            }
        }
    }
}

/// The id of a field that an action needs.
///
/// # Errors
/// Invalid when there is none, or it can't be read.
pub fn required(field: &'static str, id: &str) -> Result<Uuid, Error> {
    if id.is_empty() {
        return Err(Error::invalid_field(field, "required", "This is required."));
    }
    crate::admit::id(id).map_err(|fault| Error::invalid_field(field, fault.code, fault.message))
}

/// The id of a field that an action may do without; blank is none.
///
/// # Errors
/// Invalid when it can't be read.
pub fn wanted(field: &'static str, id: Option<&str>) -> Result<Option<Uuid>, Error> {
    match id {
        None | Some("") => Ok(None),
        Some(id) => required(field, id).map(Some),
    }
}

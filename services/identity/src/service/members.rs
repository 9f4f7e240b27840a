//! The people of the caller's company.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kontor_chassis::{Caller, Error as Failure};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Identity;
use crate::error::Error;
use crate::model::company::Member;
use crate::store;
use crate::store::members::{After, Wanted};

/// Which members, and which page of them.
#[derive(Debug, Default)]
pub(crate) struct MemberQuery {
    /// Words of the name or a part of the address.
    pub(crate) search: String,
    pub(crate) active: Option<bool>,
    pub(crate) roles: Option<Vec<String>>,
    /// 1 to 200.
    pub(crate) page_size: u16,
    pub(crate) page_token: String,
    pub(crate) include_total: bool,
}

/// A page of members.
pub(crate) struct MemberPage {
    pub(crate) members: Vec<Member>,
    pub(crate) next_page_token: String,
    pub(crate) total: Option<i64>,
}

/// Where a page begins, and of which list: good for no other.
#[derive(Serialize, Deserialize)]
struct PageToken {
    company: Uuid,
    search: String,
    active: Option<bool>,
    roles: Option<Vec<String>>,
    last_name: String,
    first_name: String,
    user_id: Uuid,
}

impl Identity {
    /// The members of the caller's company, by last and first name.
    pub(crate) async fn members(&self, caller: &Caller, query: MemberQuery) -> Result<MemberPage, Error> {
        let company_id = caller.company_id();
        let after = place(&query, company_id)?;
        let MemberQuery {
            search,
            active,
            roles,
            page_size,
            page_token: _,
            include_total,
        } = query;
        let wanted = Wanted {
            pattern: pattern(&search),
            active,
            roles,
        };
        let mut tx = self.db.read(caller).await?;
        let limit = usize::from(page_size);
        // One more than asked for tells whether there is a next page.
        let mut members = store::members::list(
            &mut tx,
            company_id,
            &wanted,
            after.as_ref(),
            i64::from(page_size) + 1,
        )
        .await?;
        let has_more = members.len() > limit;
        members.truncate(limit);
        let next_page_token = match members.last().filter(|_| has_more) {
            None => String::new(),
            Some(last) => {
                let token = PageToken {
                    company: company_id,
                    search,
                    active,
                    roles: wanted.roles.clone(),
                    last_name: last.last_name.clone(),
                    first_name: last.first_name.clone(),
                    user_id: last.user_id,
                };
                BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).map_err(Failure::internal)?)
            }
        };
        let total = match include_total {
            true => Some(store::members::count(&mut tx, company_id, &wanted).await?),
            false => None,
        };
        Ok(MemberPage {
            members,
            next_page_token,
            total,
        })
    }

    /// The members of the caller's company among some people.
    pub(crate) async fn some_members(
        &self,
        caller: &Caller,
        user_ids: &[Uuid],
    ) -> Result<Vec<Member>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::members::some(&mut tx, caller.company_id(), user_ids).await?)
    }

    /// A member of the caller's company.
    pub(crate) async fn member(&self, caller: &Caller, user_id: Uuid) -> Result<Member, Error> {
        self.some_members(caller, &[user_id])
            .await?
            .pop()
            .ok_or(Error::NotFound("member"))
    }
}

/// Where the page begins: a token belongs to its company and its filters.
fn place(query: &MemberQuery, company_id: Uuid) -> Result<Option<After>, Error> {
    if query.page_token.is_empty() {
        return Ok(None);
    }
    let token = BASE64_URL_SAFE_NO_PAD
        .decode(&query.page_token)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<PageToken>(&bytes).ok())
        .filter(|token| {
            token.company == company_id
                && token.search == query.search
                && token.active == query.active
                && token.roles == query.roles
        });
    match token {
        Some(PageToken {
            last_name,
            first_name,
            user_id,
            ..
        }) => Ok(Some(After {
            last_name,
            first_name,
            user_id,
        })),
        None => Err(Failure::invalid_field(
            "page_token",
            "invalid_page_token",
            "This page token belongs to another list.",
        )
        .into()),
    }
}

/// A pattern that finds the words anywhere, in their order. Signs of patterns are taken as themselves.
fn pattern(search: &str) -> Option<String> {
    let words: Vec<String> = search
        .split_whitespace()
        .map(|word| {
            word.to_lowercase()
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
        })
        .collect();
    (!words.is_empty()).then(|| format!("%{}%", words.join("%")))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_search_is_text_and_no_pattern() {
        assert_eq!(pattern("  "), None);
        assert_eq!(pattern("Ada  100%_\\").as_deref(), Some("%ada%100\\%\\_\\\\%"));
    }
}

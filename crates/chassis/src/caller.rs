//! Who calls: decided once by the guard, carried in the extensions of the request, and the only key to the database.

use std::sync::Arc;

use http::HeaderValue;
use uuid::Uuid;

use crate::error::Error;
use crate::idempotency::ticket::Ticket;
use crate::origin::Origin;

/// How far a permission reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Records one owns, or without an owner made.
    Own,
    /// Those and the records of one's territories.
    Territory,
    /// Every record of the company.
    All,
}

impl Scope {
    /// The word in a permission.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Territory => "territory",
            Self::All => "all",
        }
    }

    /// The scope of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "own" => Some(Self::Own),
            "territory" => Some(Self::Territory),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// Permissions as they stand in a token: `resource:action:scope`, the scope `all` when left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Vec<(Box<str>, Scope)>);

impl Permissions {
    /// Reads the strings of a token. One that can't be read grants nothing.
    pub fn parse<S: AsRef<str>>(permissions: impl IntoIterator<Item = S>) -> Self {
        let mut all: Vec<_> = permissions
            .into_iter()
            .filter_map(|text| parse_one(text.as_ref()))
            .collect();
        all.sort();
        // Of one resource and action the widest scope counts, which sorts last.
        all.reverse();
        all.dedup_by(|next, kept| next.0 == kept.0);
        all.reverse();
        Self(all)
    }

    /// The scope of `resource:action`, when it is granted.
    #[must_use]
    pub fn scope(&self, permission: &str) -> Option<Scope> {
        let place = self
            .0
            .binary_search_by(|(held, _)| held.as_ref().cmp(permission))
            .ok()?;
        Some(self.0[place].1)
    }

    /// What both grant: each of these no further than `held` reaches.
    #[must_use]
    pub fn within(&self, held: &Self) -> Self {
        let narrowed = self.0.iter().filter_map(|(permission, scope)| {
            let most = held.scope(permission)?;
            Some((permission.clone(), most.min(*scope)))
        });
        Self(narrowed.collect())
    }

    /// As they stand in a token, in order.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(permission, scope)| format!("{permission}:{}", scope.word()))
            .collect()
    }
}

fn parse_one(text: &str) -> Option<(Box<str>, Scope)> {
    let mut parts = text.splitn(3, ':');
    let (resource, action) = (parts.next()?, parts.next()?);
    if resource.is_empty() || action.is_empty() {
        return None;
    }
    let scope = parts.next().map_or(Some(Scope::All), Scope::parse)?;
    Some((text[..resource.len() + 1 + action.len()].into(), scope))
}

/// The caller of an rpc, or a service at its own work. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    who: Arc<Inner>,
    origin: Origin,
    /// The request came with an idempotency key.
    ticket: Option<Arc<Ticket>>,
}

struct Inner {
    user_id: Option<Uuid>,
    company_id: Uuid,
    session_id: Option<Uuid>,
    api_key_id: Option<Uuid>,
    role: Box<str>,
    /// `None`: a service of the suite, which may do everything.
    permissions: Option<Permissions>,
    service: Option<Box<str>>,
    /// `Bearer …` as it came, to be forwarded.
    authorization: Option<HeaderValue>,
}

impl Caller {
    /// A person, as a verified token tells.
    #[must_use]
    pub fn person(
        user_id: Uuid,
        company_id: Uuid,
        session_id: Uuid,
        role: &str,
        permissions: Permissions,
        authorization: Option<HeaderValue>,
    ) -> Self {
        Self::of_inner(Inner {
            user_id: Some(user_id),
            company_id,
            session_id: Some(session_id),
            api_key_id: None,
            role: role.into(),
            permissions: Some(permissions),
            service: None,
            authorization,
        })
    }

    /// A program with a person's API key, as identity tells: that person, with the rights of the key, and without a session.
    #[must_use]
    pub fn program(
        user_id: Uuid,
        company_id: Uuid,
        api_key_id: Uuid,
        role: &str,
        permissions: Permissions,
        authorization: Option<HeaderValue>,
    ) -> Self {
        Self::of_inner(Inner {
            user_id: Some(user_id),
            company_id,
            session_id: None,
            api_key_id: Some(api_key_id),
            role: role.into(),
            permissions: Some(permissions),
            service: None,
            authorization,
        })
    }

    /// The suite itself at work for a company: consumers of events, timers and jobs. It holds every right and is no user.
    #[must_use]
    pub fn system(company_id: Uuid) -> Self {
        Self::of_service("", Some(company_id))
    }

    /// Another service of the suite, as its verified token tells. Without a company it sees no tenant's rows.
    #[must_use]
    pub fn of_service(name: &str, company_id: Option<Uuid>) -> Self {
        Self::of_inner(Inner {
            user_id: None,
            company_id: company_id.unwrap_or_default(),
            session_id: None,
            api_key_id: None,
            role: "system".into(),
            permissions: None,
            service: Some(name.into()),
            authorization: None,
        })
    }

    fn of_inner(who: Inner) -> Self {
        Self {
            who: Arc::new(who),
            origin: Origin::default(),
            ticket: None,
        }
    }

    /// The same caller, who asks from there.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Where this request comes from; nothing for the suite's own work.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The same caller with a request that has an idempotency key.
    pub(crate) fn with_ticket(mut self, ticket: Arc<Ticket>) -> Self {
        self.ticket = Some(ticket);
        self
    }

    pub(crate) fn ticket(&self) -> Option<&Arc<Ticket>> {
        self.ticket.as_ref()
    }

    /// The caller that the guard found.
    ///
    /// # Errors
    /// Unauthenticated when there is none, which only a public rpc can see.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Error> {
        Self::maybe_of(request).ok_or_else(|| Error::unauthenticated("unauthenticated", "Sign in first."))
    }

    /// The caller of a public rpc, who may have come with a token.
    #[must_use]
    pub fn maybe_of<T>(request: &tonic::Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// The user; `None` for the suite itself.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        self.who.user_id
    }

    /// The company; the nil id, which no company has, for a service that came without one.
    #[must_use]
    pub fn company_id(&self) -> Uuid {
        self.who.company_id
    }

    /// The session of the token; an API key has none.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        self.who.session_id
    }

    /// The API key, when it is no person's own session.
    #[must_use]
    pub fn api_key_id(&self) -> Option<Uuid> {
        self.who.api_key_id
    }

    /// What the caller may do; `None` for the suite itself, which may do all.
    #[must_use]
    pub fn permissions(&self) -> Option<&Permissions> {
        self.who.permissions.as_ref()
    }

    /// The name of the role.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.who.role
    }

    /// Whether this is the suite itself rather than a person.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.who.service.is_some()
    }

    /// How far the caller may go with this `resource:action`, or `None` when not at all.
    #[must_use]
    pub fn allowed(&self, permission: &str) -> Option<Scope> {
        match &self.who.permissions {
            None => Some(Scope::All),
            Some(permissions) => permissions.scope(permission),
        }
    }

    /// As [`Self::allowed`], for use with `?`.
    ///
    /// # Errors
    /// Forbidden, naming the permission.
    pub fn require(&self, permission: &str) -> Result<Scope, Error> {
        self.allowed(permission)
            .ok_or_else(|| Error::forbidden(permission))
    }

    /// The `authorization` header as it came.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.who.authorization.as_ref()
    }
}

impl std::fmt::Debug for Caller {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("user_id", &self.who.user_id)
            .field("company_id", &self.who.company_id)
            .field("role", &self.who.role)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(permissions: &[&str]) -> Caller {
        let id = Uuid::now_v7();
        Caller::person(id, id, id, "rep", Permissions::parse(permissions), None)
    }

    #[test]
    fn a_permission_reaches_as_far_as_its_scope_and_all_without_one() {
        let caller = person(&["things:update:own", "things:read", "others:read:territory"]);
        assert_eq!(caller.allowed("things:update"), Some(Scope::Own));
        assert_eq!(caller.allowed("things:read"), Some(Scope::All));
        assert_eq!(caller.allowed("others:read"), Some(Scope::Territory));
        assert_eq!(caller.allowed("things:delete"), None);
        assert_eq!(caller.allowed("things:upd"), None, "no prefix counts");
    }

    #[test]
    fn the_widest_of_two_scopes_counts() {
        let caller = person(&[
            "things:update:all",
            "things:update:own",
            "things:update:territory",
        ]);
        assert_eq!(caller.allowed("things:update"), Some(Scope::All));
    }

    #[test]
    fn of_two_sets_of_permissions_the_narrower_scope_of_what_both_hold_is_left() {
        let asked = Permissions::parse(["things:read:all", "things:update:own", "others:read:all"]);
        let held = Permissions::parse(["things:read:own", "things:update:all"]);
        assert_eq!(
            asked.within(&held).words(),
            ["things:read:own", "things:update:own"]
        );
        assert!(asked.within(&Permissions::default()).words().is_empty());
    }

    #[test]
    fn what_cannot_be_read_grants_nothing() {
        let caller = person(&[
            "",
            "things",
            ":read",
            "things:",
            "things:read:everywhere",
            "things:read:own:more",
        ]);
        assert_eq!(caller.allowed("things:read"), None);
        assert_eq!(caller.allowed("things:"), None);
    }

    #[test]
    fn the_suite_itself_may_do_all_and_is_no_user() {
        let caller = Caller::system(Uuid::now_v7());
        assert_eq!(caller.allowed("anything:at_all"), Some(Scope::All));
        assert_eq!(caller.user_id(), None);
        assert!(caller.is_service());
    }

    #[test]
    fn a_want_of_rights_names_the_permission() {
        let error = person(&[]).require("things:read").unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Forbidden);
        assert!(error.detail().contains("things:read"));
    }
}

//! Saved views of a list: which records, in which order, shown how. A view is its maker's; a shared one is seen by the whole
//! company and changed by its maker or an admin.

use std::marker::PhantomData;

use kontor_chassis::{Caller, Db, Error, FieldErrors};
use kontor_proto::records::v1 as contract;
use prost_types::{FieldMask, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cell::Choice as _;
use crate::fields::{self, Fields};
use crate::query;
use crate::record::Record;
use crate::write::parse_id;

/// The most characters of a name.
const LONGEST_NAME: usize = 100;
/// The most columns of a view, and the widest one in pixels.
const MOST_COLUMNS: usize = 100;
const WIDEST: i32 = 10_000;
/// The role that may change what others share.
const ADMIN: &str = "admin";

crate::choice! {
    /// How a view shows its records.
    pub enum ViewKind(contract::ViewKind) {
        /// Rows.
        Table = "table",
        /// Cards in columns.
        Board = "board",
    }
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Column {
    field: String,
    width: Option<i32>,
}

/// Views, as [`View`] reads them, of which `$which` holds.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "select id, name, shared, filter, search, order_by, columns, shown_as, created_by, created_at, version
             from views
             where ",
            $which
        )
    };
}

/// A saved view.
#[derive(Clone, Debug, PartialEq, FromRow)]
struct View {
    id: Uuid,
    name: String,
    shared: bool,
    filter: String,
    search: String,
    order_by: String,
    columns: Json<Vec<Column>>,
    shown_as: String,
    created_by: Uuid,
    created_at: OffsetDateTime,
    version: i64,
}

impl View {
    /// This view with the fields of the mask as in the message; without a mask, those that are set.
    fn patched(&self, message: contract::View, mask: Option<&FieldMask>, errors: &mut FieldErrors) -> Self {
        let contract::View {
            id: _,
            name,
            shared,
            filter,
            search,
            order_by,
            columns,
            kind,
            created_by: _,
            created_at: _,
            etag: _,
        } = message;
        let asks = |field: &str, set: bool| match mask {
            Some(mask) => mask.paths.iter().any(|path| path == field),
            None => set,
        };
        const KNOWN: [&str; 7] = [
            "name", "shared", "filter", "search", "order_by", "columns", "kind",
        ];
        const READ_ONLY: [&str; 4] = ["id", "created_by", "created_at", "etag"];
        for path in mask.iter().flat_map(|mask| &mask.paths) {
            if READ_ONLY.contains(&path.as_str()) {
                errors.push(path.clone(), "read_only", "Only the server sets this.");
            } else if !KNOWN.contains(&path.as_str()) {
                errors.push(path.clone(), "unknown_field", "There is no such field.");
            }
        }
        let mut after = self.clone();
        if asks("name", !name.is_empty()) {
            name.trim().clone_into(&mut after.name);
        }
        if asks("shared", shared) {
            after.shared = shared;
        }
        if asks("filter", !filter.is_empty()) {
            after.filter = filter;
        }
        if asks("search", !search.is_empty()) {
            after.search = search;
        }
        if asks("order_by", !order_by.is_empty()) {
            after.order_by = order_by;
        }
        if asks("columns", !columns.is_empty()) {
            let column = |column: contract::ViewColumn| Column {
                field: column.field,
                width: column.width,
            };
            after.columns = Json(columns.into_iter().map(column).collect());
        }
        if asks("kind", kind != 0) {
            ViewKind::from_number(kind)
                .unwrap_or(ViewKind::FIRST)
                .word()
                .clone_into(&mut after.shown_as);
        }
        after
    }

    /// Judges all of it, as a list would: what can't be listed can't be saved.
    fn check(&self, caller: &Caller, fields: &Fields, errors: &mut FieldErrors) -> Result<(), Error> {
        if self.name.is_empty() {
            errors.push("name", "required", "This is required.");
        } else if self.name.chars().count() > LONGEST_NAME {
            errors.push("name", "too_long", format!("At most {LONGEST_NAME} characters."));
        } else if self.name.chars().any(char::is_control) {
            errors.push(
                "name",
                "invalid_characters",
                "Control characters can't stand here.",
            );
        }
        query::Order::of(&self.order_by, fields, errors);
        let listed = contract::ListQuery {
            filter: self.filter.clone(),
            search: self.search.clone(),
            ..contract::ListQuery::default()
        };
        query::Selection::of(fields, caller, &listed, false, errors)?;
        if self.columns.len() > MOST_COLUMNS {
            errors.push("columns", "too_many", format!("At most {MOST_COLUMNS}."));
        }
        for (at, Column { field, width }) in self.columns.iter().enumerate() {
            if !is_shown(field, fields) {
                let message = format!("There is no field {field} to show.");
                errors.push(format!("columns[{at}].field"), "unknown_field", message);
            }
            if width.is_some_and(|width| !(1..=WIDEST).contains(&width)) {
                let message = format!("Allowed is 1 to {WIDEST}.");
                errors.push(format!("columns[{at}].width"), "out_of_range", message);
            }
        }
        Ok(())
    }

    fn into_message(self) -> contract::View {
        let Self {
            id,
            name,
            shared,
            filter,
            search,
            order_by,
            columns: Json(columns),
            shown_as,
            created_by,
            created_at,
            version,
        } = self;
        let column = |Column { field, width }: Column| contract::ViewColumn { field, width };
        contract::View {
            id: id.to_string(),
            name,
            shared,
            filter,
            search,
            order_by,
            columns: columns.into_iter().map(column).collect(),
            kind: ViewKind::from_word(&shown_as).unwrap_or(ViewKind::FIRST).number(),
            created_by: created_by.to_string(),
            created_at: Some(Timestamp {
                seconds: created_at.unix_timestamp(),
                nanos: i32::try_from(created_at.nanosecond()).unwrap_or_default(),
            }),
            etag: version.to_string(),
        }
    }
}

/// A field of the record, the name of an object, or what the record computes or refers to.
fn is_shown(field: &str, fields: &Fields) -> bool {
    let description = fields.description();
    let within = format!("{field}.");
    fields.leaves().any(|leaf| {
        leaf.public && (leaf.name == field || leaf.path == field || leaf.name.starts_with(&within))
    }) || description.computed.contains(&field)
        || description
            .expansions
            .iter()
            .any(|expansion| expansion.name == field)
}

/// The views of a kind, as a service offers them. Cheap to clone.
#[derive(Clone)]
pub struct Views<R> {
    db: Db,
    kind: PhantomData<fn() -> R>,
}

impl<R: Record> Views<R> {
    /// In the schema of this service.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            kind: PhantomData,
        }
    }

    /// One's own and those that are shared, by name.
    ///
    /// # Errors
    /// Forbidden; as the database fails.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<contract::View>, Error> {
        caller.require(R::description().permission("read"))?;
        let mut tx = self.db.read(caller).await?;
        let views: Vec<View> = sqlx::query_as(select!(
            "company_id = $1
               and kind = $2
               and (shared or created_by = $3)
             order by lower(name), id"
        ))
        .bind(caller.company_id())
        .bind(R::description().many)
        .bind(caller.user_id())
        .fetch_all(&mut *tx)
        .await?;
        Ok(views.into_iter().map(View::into_message).collect())
    }

    /// Saves a view.
    ///
    /// # Errors
    /// Invalid names everything that can't be listed so.
    pub async fn create(
        &self,
        caller: &Caller,
        message: contract::View,
        now: OffsetDateTime,
    ) -> Result<contract::View, Error> {
        caller.require(R::description().permission("read"))?;
        let maker = caller
            .user_id()
            .ok_or_else(|| Error::forbidden("views of a person"))?;
        let mut errors = FieldErrors::new();
        let view = View {
            id: Uuid::now_v7(),
            name: String::new(),
            shared: false,
            filter: String::new(),
            search: String::new(),
            order_by: String::new(),
            columns: Json(Vec::new()),
            shown_as: ViewKind::FIRST.word().to_owned(),
            created_by: maker,
            // To the microsecond, as the database keeps it.
            created_at: now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now),
            version: 1,
        };
        let view = view.patched(message, None, &mut errors);
        let mut tx = self.db.begin(caller).await?;
        let fields = fields::of::<R>(&mut tx, caller.company_id()).await?;
        view.check(caller, &fields, &mut errors)?;
        errors.into_result()?;
        save(&mut tx, caller.company_id(), R::description().many, &view).await?;
        tx.commit().await?;
        Ok(view.into_message())
    }

    /// Changes a view.
    ///
    /// # Errors
    /// NotFound, also for one that somebody keeps to themselves; Forbidden for one that another person shares; Stale;
    /// Invalid as [`Self::create`].
    pub async fn update(
        &self,
        caller: &Caller,
        id: &str,
        message: contract::View,
        mask: Option<&FieldMask>,
        etag: &str,
    ) -> Result<contract::View, Error> {
        let id = parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let before = self.lock(&mut tx, caller, id, etag).await?;
        let mut errors = FieldErrors::new();
        let mut after = before.patched(message, mask, &mut errors);
        let fields = fields::of::<R>(&mut tx, caller.company_id()).await?;
        after.check(caller, &fields, &mut errors)?;
        errors.into_result()?;
        if after != before {
            after.version += 1;
            save(&mut tx, caller.company_id(), R::description().many, &after).await?;
        }
        tx.commit().await?;
        Ok(after.into_message())
    }

    /// Deletes a view.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn delete(&self, caller: &Caller, id: &str, etag: &str) -> Result<(), Error> {
        let id = parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        self.lock(&mut tx, caller, id, etag).await?;
        sqlx::query("delete from views where company_id = $1 and id = $2")
            .bind(caller.company_id())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// A view that the caller may change, locked until the transaction ends.
    async fn lock(
        &self,
        tx: &mut PgConnection,
        caller: &Caller,
        id: Uuid,
        etag: &str,
    ) -> Result<View, Error> {
        caller.require(R::description().permission("read"))?;
        let view: Option<View> = sqlx::query_as(select!(
            "company_id = $1
               and id = $2
               and kind = $3
             for update"
        ))
        .bind(caller.company_id())
        .bind(id)
        .bind(R::description().many)
        .fetch_optional(tx)
        .await?;
        let is_own = |view: &View| Some(view.created_by) == caller.user_id();
        match view.filter(|view| view.shared || is_own(view)) {
            None => Err(Error::not_found("view")),
            Some(view) if is_own(&view) || caller.is_service() || caller.role() == ADMIN => {
                Error::unless_stale(etag, &view.version.to_string())?;
                Ok(view)
            }
            Some(_) => Err(Error::forbidden("the role admin, or to be its maker")),
        }
    }
}

async fn save(conn: &mut PgConnection, company: Uuid, kind: &str, view: &View) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into views
            (company_id, id, kind, name, shared, filter, search, order_by, columns, shown_as, created_by, created_at,
             version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict on constraint views_pk do update
         set name = excluded.name,
            shared = excluded.shared,
            filter = excluded.filter,
            search = excluded.search,
            order_by = excluded.order_by,
            columns = excluded.columns,
            shown_as = excluded.shown_as,
            version = excluded.version",
    )
    .bind(company)
    .bind(view.id)
    .bind(kind)
    .bind(&view.name)
    .bind(view.shared)
    .bind(&view.filter)
    .bind(&view.search)
    .bind(&view.order_by)
    .bind(&view.columns)
    .bind(&view.shown_as)
    .bind(view.created_by)
    .bind(view.created_at)
    .bind(view.version)
    .execute(conn)
    .await?;
    Ok(())
}

//! What a service says of the records that it keeps.

use std::future::Future;

use kontor_chassis::{Caller, Db, Error, TenantTx};
use prost_types::FieldMask;
use time::OffsetDateTime;

use crate::bulk::Actor;
use crate::duplicates::Duplicates;
use crate::fields::OwnFields;
use crate::merge::{Merger, Merges};
use crate::record::Record;
use crate::refs;
use crate::transfer::Importer;
use crate::views::Views;

/// A record as the contract has it.
type Message<K> = <<K as Importer>::Record as Record>::Message;

/// A service's rules for a record that is made or changed by hand, in the order in which they are asked.
pub trait Keeper: Actor {
    /// What a request says beyond the values of the record.
    type Said: Send + Sync;

    /// Where the records are.
    fn db(&self) -> &Db;

    /// Reads what a request says beyond the values, and takes out of its mask what names no value.
    fn said(message: &Message<Self>, mask: Option<&mut FieldMask>) -> Self::Said;

    /// Takes what must be held before any record is locked, so that two requests that touch each other's records don't wait
    /// for one another.
    ///
    /// # Errors
    /// As the database fails.
    fn hold(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        intent: Intent<'_, Message<Self>>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (tx, caller, intent);
        std::future::ready(Ok(()))
    }

    /// Checks that a record's state allows the change and that everything it refers to is there. `asked` are the fields that
    /// the request names, none when it means those that differ; `before` is none of a new record.
    ///
    /// # Errors
    /// Why not.
    fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Self::Record>,
        after: &Self::Record,
        asked: &[String],
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = asked;
        refs::check(tx, caller, before, after, self.homes())
    }

    /// Draws what follows from a change that has been checked, before it is saved.
    ///
    /// # Errors
    /// When it can't be.
    fn settle(
        &self,
        tx: &mut TenantTx,
        edit: Edit<'_, Self>,
        record: &mut Self::Record,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// What it means to a caller when a named constraint of the table refuses; none is a fault of ours.
    #[must_use]
    fn meaning(constraint: &str) -> Option<Error> {
        let _ = constraint;
        None
    }

    /// Puts a record in order before it comes back, as others may have taken its place. It may never have been deleted.
    ///
    /// # Errors
    /// When it can't be.
    fn returning(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        record: Self::Record,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Self::Record, Error>> + Send {
        let _ = (tx, caller, now);
        std::future::ready(Ok(record))
    }

    /// What follows once a record is there, new or back.
    ///
    /// # Errors
    /// As the database fails.
    fn appeared(
        &self,
        tx: &mut TenantTx,
        record: &mut Self::Record,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Later, Error>> + Send {
        let _ = (tx, record, now);
        std::future::ready(Ok(None))
    }

    /// The records that may be one.
    #[must_use]
    fn duplicates(&self) -> Duplicates<Self::Record> {
        Duplicates::new(self.db().clone())
    }

    /// Making one of several.
    #[must_use]
    fn merges(&self) -> Merges<Self>
    where
        Self: Merger,
    {
        Merges::new(self.db().clone(), self.clone())
    }

    /// The fields that companies define themselves.
    #[must_use]
    fn fields(&self) -> OwnFields<Self::Record> {
        OwnFields::new(self.db().clone())
    }

    /// The views that people save.
    #[must_use]
    fn views(&self) -> Views<Self::Record> {
        Views::new(self.db().clone())
    }
}

/// What is done once a transaction is committed, for what a process remembers.
pub type Later = Option<Box<dyn FnOnce() + Send>>;

/// What is about to be done with a record.
#[derive(Debug)]
pub enum Intent<'i, M> {
    /// Make it of this.
    Create(&'i M),
    /// Change it to what this says.
    Update(&'i M),
    /// Bring it back.
    Restore,
    /// Make one of it and others, or several of one again.
    Merge,
}

/// A change of a record that is about to be saved.
pub struct Edit<'e, K: Keeper> {
    /// By whom.
    pub caller: &'e Caller,
    /// When.
    pub now: OffsetDateTime,
    /// The record as it was; none of a new one.
    pub before: Option<&'e K::Record>,
    /// What the request says beyond the values.
    pub said: K::Said,
}

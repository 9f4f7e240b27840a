//! How far a permission reaches: which records are one's own.

use kontor_chassis::{Caller, Error, Scope};

use crate::record::Record;

/// Whether the record lies within the scope.
///
/// One's own are those one owns, or made when nobody owns them. Territories reach no further than that until members of
/// territories are known here.
#[must_use]
pub fn reaches<R: Record>(scope: Scope, caller: &Caller, record: &R) -> bool {
    match scope {
        Scope::All => true,
        Scope::Own | Scope::Territory => {
            caller.user_id().is_some() && record.owner_id().or(record.created_by()) == caller.user_id()
        }
    }
}

/// Whether the caller may do this with a record that they may read.
///
/// # Errors
/// Forbidden, naming the permission.
pub fn may<R: Record>(caller: &Caller, action: &str, record: &R) -> Result<(), Error> {
    let permission = R::description().permission(action);
    let scope = caller.require(permission)?;
    if reaches(scope, caller, record) {
        Ok(())
    } else {
        Err(Error::forbidden(permission))
    }
}

//! What a kind of record adds when a merge writes into it.

use std::future::Future;

use kontor_chassis::{Error, TenantTx};

use crate::record::Record;

/// A kind of record that merges write into: records that stay, and those that refer to what has gone.
pub trait Settle: Record {
    /// Draws what follows, before `record` is shown or saved. `parts` are the records whose values came together in it.
    ///
    /// # Errors
    /// As the database fails.
    fn settle_merge(
        _tx: &mut TenantTx,
        _parts: &[Self],
        _record: &mut Self,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}

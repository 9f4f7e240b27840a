//! Files that are imported.

use kontor_chassis::Caller;
use kontor_proto::records::v1::ImportJob;
use kontor_records::transfer::{Importer, Imports, Part};

/// What becomes of a file that is imported without any options.
pub async fn import<I: Importer>(imports: &Imports<I>, caller: &Caller, file: &str) -> ImportJob {
    let parts = [
        Ok(Part::Options(Box::default())),
        Ok(Part::Data(file.as_bytes().to_vec().into())),
    ];
    let imported = imports.run(caller, Box::pin(tokio_stream::iter(parts))).await;
    imported.unwrap().job
}

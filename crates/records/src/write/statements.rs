//! The texts of the statements that are the same for every record of a kind, made once.

use crate::leaf::{Leaf, keep};

/// Fixed statements of a kind. Their parameters are described where they are bound.
#[derive(Debug)]
pub struct Statements {
    pub(crate) insert: &'static str,
    pub(crate) get: &'static str,
    pub(crate) get_for_update: &'static str,
    pub(crate) all_of: &'static str,
    pub(crate) lock_all_of: &'static str,
    /// What follows the written record in every statement that writes: see [`note_and_tell`].
    columns: &'static str,
    table: &'static str,
}

impl Statements {
    /// Of a table with these columns.
    pub(crate) fn of(table: &'static str, columns: &'static str, leaves: &[Leaf]) -> Self {
        let get = format!("select {columns}\nfrom {table}\nwhere company_id = $1\n  and id = $2");
        let written: Vec<&str> = leaves
            .iter()
            .filter(|leaf| !leaf.generated)
            .map(|leaf| leaf.column)
            .chain(["search"])
            .collect();
        let places = (1..=written.len())
            .map(|n| format!("${n}"))
            .collect::<Vec<_>>()
            .join(", ");
        let insert = format!(
            "with written as (\n    insert into {table} ({})\n    values ({places})\n    returning {columns}\n){}",
            written.join(", "),
            note_and_tell(columns, written.len()),
        );
        let all_of = format!("select {columns}\nfrom {table}\nwhere company_id = $1\n  and id = any($2)");
        Self {
            insert: keep(insert),
            get_for_update: keep(format!("{get}\nfor update")),
            get: keep(get),
            lock_all_of: keep(format!("{all_of}\norder by id\nfor update")),
            all_of: keep(all_of),
            columns,
            table,
        }
    }

    /// Changes these columns of one record of a known version: `$1` the company, `$2` the id, `$3` the version, then the
    /// columns, then what [`note_and_tell`] needs. As many texts as there are sets of columns that change together.
    pub(crate) fn update(&self, columns: &[&'static str]) -> String {
        let set: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{column} = ${}", at + 4))
            .collect();
        format!(
            "with written as (\n    update {}\n    set {},\n        version = version + 1\n    where company_id = $1\n      and id = $2\n      and version = $3\n    returning {}\n){}",
            self.table,
            set.join(",\n        "),
            self.columns,
            note_and_tell(self.columns, columns.len() + 3),
        )
    }
}

/// Remembers and tells what was written, and answers it. Nothing is remembered or told when nothing was written.
///
/// Its parameters follow the first `used`: ids of history rows, instant, actor, action, fields, values before and
/// after; then the columns of the outbox.
fn note_and_tell(columns: &str, used: usize) -> String {
    let n = |offset: usize| used + offset;
    format!(
        ", noted as (\n    insert into history (company_id, record_id, id, at, actor, action, field, before, after)\n    \
         select w.company_id, w.id, h.id, ${}, ${}, ${}, h.field, h.before, h.after\n    \
         from written w,\n         unnest(${}::uuid[], ${}::text[], ${}::text[], ${}::text[]) as h (id, field, before, after)\n\
         ), told as (\n    insert into outbox (id, type, payload, headers)\n    \
         select o.id, o.type, o.payload, o.headers\n    \
         from written w,\n         unnest(${}::uuid[], ${}::text[], ${}::bytea[], ${}::jsonb[]) as o (id, type, payload, headers)\n\
         )\nselect {columns}\nfrom written",
        n(1),
        n(2),
        n(3),
        n(4),
        n(5),
        n(6),
        n(7),
        n(8),
        n(9),
        n(10),
        n(11),
    )
}

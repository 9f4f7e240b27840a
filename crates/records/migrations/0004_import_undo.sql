-- Imports that are taken back: what they made is deleted, what they changed gets its former values.

alter table imports drop constraint imports_state_known;
alter table imports drop constraint imports_finished;
-- undoing: it had ended, and is taken back batch by batch; undone: it was.
alter table imports add constraint imports_state_known check (
    state in (
        'uploading', 'applying', 'succeeded', 'partially_succeeded', 'failed', 'cancelled', 'undoing', 'undone'
    )
);
alter table imports add constraint imports_finished check (
    (finished_at is null) = (state in ('uploading', 'applying', 'undoing'))
);

-- Who takes it back, and what came of it.
alter table imports add column undone_by uuid;
alter table imports add column undo_deleted bigint not null default 0;
alter table imports add column undo_restored bigint not null default 0;
alter table imports add column undo_kept bigint not null default 0;

-- What an import changed, one row a record, however often the file names it. A row leaves when its record is as before.
create table import_changes (
    company_id uuid not null,
    import_id uuid not null,
    record_id uuid not null,
    -- The record's version after the import's last change: one that has another was changed since.
    version bigint not null,
    -- The values before the import's first change, by the name of the field.
    before jsonb not null,
    -- Why the record could not be taken back; then the row stays.
    kept_code text,
    kept_message text,
    constraint import_changes_pk primary key (company_id, import_id, record_id),
    constraint import_changes_import_fk foreign key (company_id, import_id)
    references imports (company_id, id) on delete cascade
);

alter table import_changes enable row level security;
alter table import_changes force row level security;
create policy tenant on import_changes
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Imports of files: the job, the rows it refused, what it made, and where rows wait between the file and the table.

create table imports (
    company_id uuid not null,
    id uuid not null,
    -- The word for many of the record's kind: a schema may hold several kinds.
    kind text not null,
    -- uploading: bytes come; applying: all rows are staged and go into the table batch by batch; the rest are ends.
    state text not null default 'uploading',
    -- Who works on it: a process that was thought dead and wakes up finds another name here and stops.
    runner uuid not null,
    heartbeat_at timestamptz not null default now(),
    -- What was asked for, and how each column of the file is read; enough to go on after a crash.
    plan jsonb not null,
    -- The file's own header, for the file of refused rows.
    header jsonb not null default '[]',
    mapping jsonb not null default '{}',
    unmapped jsonb not null default '[]',
    file_name text,
    dry_run boolean not null default false,
    total_rows bigint not null default 0,
    created bigint not null default 0,
    updated bigint not null default 0,
    skipped bigint not null default 0,
    failed bigint not null default 0,
    -- Rows up to this number of the staging table are dealt with.
    applied_to bigint not null default 0,
    cancelling boolean not null default false,
    failure text,
    created_by uuid,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint imports_pk primary key (company_id, id),
    constraint imports_state_known check (
        state in (
            'uploading', 'applying', 'succeeded', 'partially_succeeded', 'failed', 'cancelled', 'undone'
        )
    ),
    constraint imports_finished check ((finished_at is null) = (state in ('uploading', 'applying')))
);

alter table imports enable row level security;
alter table imports force row level security;
create policy tenant on imports
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The list, newest first.
create index imports_newest on imports (company_id, kind, id desc);

-- Rows that were refused, as they came, so that they can be mended and sent again.
create table import_refusals (
    company_id uuid not null,
    import_id uuid not null,
    -- The line of the file where the record begins.
    line bigint not null,
    cells jsonb not null,
    -- [{"column", "value", "code", "message"}]
    errors jsonb not null,
    constraint import_refusals_pk primary key (company_id, import_id, line),
    constraint import_refusals_import_fk foreign key (company_id, import_id)
    references imports (company_id, id) on delete cascade
);

alter table import_refusals enable row level security;
alter table import_refusals force row level security;
create policy tenant on import_refusals
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- What each batch made, so that it can be taken back. One row a batch: a row a record would cost as much as the record.
create table import_batches (
    company_id uuid not null,
    import_id uuid not null,
    applied_to bigint not null,
    record_ids uuid [] not null,
    constraint import_batches_pk primary key (company_id, import_id, applied_to),
    constraint import_batches_import_fk foreign key (company_id, import_id)
    references imports (company_id, id) on delete cascade
);

alter table import_batches enable row level security;
alter table import_batches force row level security;
create policy tenant on import_batches
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Where rows wait between the file and the table. It has no row level security, because COPY FROM is refused under it;
-- so it names no company, only the job, and rows leave it when the job ends. It is logged, because a job goes on where
-- it was after a crash of the server too. The columns c1 … hold the record's columns as text, in the plan's order.
create table import_staging (
    job_id uuid not null,
    seq bigint not null,
    line bigint not null,
    id uuid not null,
    -- By these a row equals a record or another row.
    email text,
    name text,
    -- It equals a record or an earlier row.
    duplicate boolean not null default false,
    search text not null default '',
    -- The row as it came, where it may still be refused when it is applied.
    cells jsonb,
    constraint import_staging_pk primary key (job_id, seq)
);

do $$
begin
    execute 'alter table import_staging '
        || (select string_agg(format('add column c%s text', n), ', ' order by n) from generate_series(1, 100) as n);
end
$$;

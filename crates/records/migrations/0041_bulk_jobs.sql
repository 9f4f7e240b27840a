-- An action on more records than one answer is sure to come in time for: what was asked, and how far it has come. A batch and
-- the count of it are one transaction, so that a job whose process died goes on exactly where it was.

create table bulk_jobs (
    company_id uuid not null,
    id uuid not null,
    -- The word for many of the record's kind.
    kind text not null,
    -- What is to be done, as the contract encodes it; which records stands in the batches.
    request bytea not null,
    -- Who asked, with what rights and from where; without rights it is the suite itself.
    created_by uuid,
    permissions text[],
    address text,
    device text,
    matched bigint not null,
    succeeded bigint not null default 0,
    failed bigint not null default 0,
    batches integer not null,
    -- The batch that comes next, from 0.
    next integer not null default 0,
    started_at timestamptz not null,
    finished_at timestamptz,
    constraint bulk_jobs_pk primary key (company_id, id)
);

alter table bulk_jobs enable row level security;
alter table bulk_jobs force row level security;
create policy tenant on bulk_jobs
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create table bulk_batches (
    company_id uuid not null,
    job_id uuid not null,
    number integer not null,
    -- The records; none once it is done.
    ids uuid[] not null,
    -- Those that could not be changed, with the reason.
    failures jsonb not null default '[]',
    constraint bulk_batches_pk primary key (company_id, job_id, number),
    constraint bulk_batches_job_fk foreign key (company_id, job_id)
    references bulk_jobs (company_id, id)
);

alter table bulk_batches enable row level security;
alter table bulk_batches force row level security;
create policy tenant on bulk_batches
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

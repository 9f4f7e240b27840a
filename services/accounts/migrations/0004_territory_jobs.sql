-- Records that move between territories in the background, after a territory was changed.

create table accounts.territory_jobs (
    company_id uuid not null,
    id uuid not null,
    territory_id uuid not null,
    -- Records that were to move when it began.
    total bigint not null,
    requested_by uuid,
    started_at timestamptz not null,
    finished_at timestamptz,
    constraint territory_jobs_pk primary key (company_id, id)
);

alter table accounts.territory_jobs enable row level security;
alter table accounts.territory_jobs force row level security;
create policy tenant on accounts.territory_jobs
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The part of each kind of record, as the service that has them tells. Told again, and in any order, it only grows.
create table accounts.territory_job_parts (
    company_id uuid not null,
    job_id uuid not null,
    kind text not null,
    moved bigint not null default 0,
    done boolean not null default false,
    constraint territory_job_parts_pk primary key (company_id, job_id, kind),
    constraint territory_job_parts_job_fk foreign key (company_id, job_id)
    references accounts.territory_jobs (company_id, id)
);

alter table accounts.territory_job_parts enable row level security;
alter table accounts.territory_job_parts force row level security;
create policy tenant on accounts.territory_job_parts
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

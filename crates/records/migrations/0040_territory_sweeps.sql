-- Records on their way between territories: how far a job has come in this service, by the id of the record it looked at
-- last. What a batch moves and how far the job has come are one transaction, so that one whose process died goes on
-- exactly where it was.

create table territory_sweeps (
    company_id uuid not null,
    -- The job, or the territory that is being emptied.
    id uuid not null,
    -- The word for many of the record's kind.
    kind text not null,
    territory_id uuid not null,
    -- The territory is gone: its records lie in none.
    emptying boolean not null default false,
    -- Who asked for it.
    actor uuid,
    behind uuid not null default '00000000-0000-0000-0000-000000000000',
    moved bigint not null default 0,
    done boolean not null default false,
    constraint territory_sweeps_pk primary key (company_id, id, kind)
);

alter table territory_sweeps enable row level security;
alter table territory_sweeps force row level security;
create policy tenant on territory_sweeps
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

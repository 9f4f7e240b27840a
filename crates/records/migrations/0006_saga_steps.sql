-- What a service did for the sagas of others: one row each, so that a request that comes again is answered with what was
-- done, and one that comes after it was taken back does nothing.
create table saga_steps (
    company_id uuid not null,
    saga_id uuid not null,
    state text not null,
    -- The record that was linked or made; none of a failed step, and of one that was taken back.
    record_id uuid,
    -- It was there before; else this saga made it.
    matched_existing boolean not null default false,
    -- The record's version after the step, by which one knows whether somebody has touched it since.
    version_after bigint,
    -- What was written into a record that was there: an object of field to [before, after], as text.
    filled jsonb not null default '{}',
    -- Why it can't be done.
    reason text,
    changed_at timestamptz not null default now(),
    constraint saga_steps_pk primary key (company_id, saga_id),
    constraint saga_steps_state_known check (state in ('completed', 'failed', 'undone')),
    constraint saga_steps_completed_whole check (
        state <> 'completed'
        or (record_id is not null and version_after is not null)
    ),
    constraint saga_steps_failed_whole check ((state = 'failed') = (reason is not null))
);

alter table saga_steps enable row level security;
alter table saga_steps force row level security;

create policy tenant on saga_steps
    using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
    with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Whether another saga uses a record that is to be taken back.
create index saga_steps_record on saga_steps (company_id, record_id);

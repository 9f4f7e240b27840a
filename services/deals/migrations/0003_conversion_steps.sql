-- What conversions of leads did here: one row each, so that a request that comes again is answered with what was done,
-- and one that comes after it was taken back does nothing.

create table deals.conversion_steps (
    company_id uuid not null,
    conversion_id uuid not null,
    state text not null,
    -- The deal that was linked or made; none of a failed step, and of one that was taken back before it came.
    deal_id uuid,
    -- It was there before; else this conversion made it.
    matched_existing boolean not null default false,
    -- The deal's version after the step, by which undoing knows whether somebody has touched it since.
    version_after bigint,
    -- What was written into a deal that was there: an object of field to {"from": …, "to": …}.
    filled jsonb not null default '{}',
    -- Why it can't be done.
    reason text,
    changed_at timestamptz not null default now(),
    constraint conversion_steps_pk primary key (company_id, conversion_id),
    constraint conversion_steps_state_known check (state in ('completed', 'failed', 'undone')),
    constraint conversion_steps_completed_whole check (state <> 'completed' or deal_id is not null),
    constraint conversion_steps_failed_whole check ((state = 'failed') = (reason is not null))
);

alter table deals.conversion_steps enable row level security;
alter table deals.conversion_steps force row level security;
create policy tenant on deals.conversion_steps
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Whether another conversion uses a deal that is to be taken back.
create index conversion_steps_deal on deals.conversion_steps (company_id, deal_id);

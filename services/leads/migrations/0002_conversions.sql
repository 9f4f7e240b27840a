-- Conversions: each the memory of one saga, from the click to an account, a contact and a deal, or back.

create table leads.conversions (
    company_id uuid not null,
    id uuid not null,
    lead_id uuid not null,
    state text not null default 'running',
    -- Where the lead stood, for the way back.
    lead_status_before text not null,
    requested_by uuid,
    owner_id uuid,
    -- The lead when the conversion began, kontor.leads.v1.Lead: each step is told with it, also when told again.
    lead bytea not null,
    -- keep, overwrite or blanks.
    fill text not null,
    -- What the caller wants linked, and the ids of what is made otherwise, chosen before anybody is told.
    given_account_id uuid,
    given_contact_id uuid,
    given_deal_id uuid,
    new_account_id uuid not null,
    new_contact_id uuid not null,
    -- None when no deal is wanted.
    new_deal_id uuid,
    -- What the caller wants the deal to be, kontor.leads.v1.ConvertLeadDeal.
    deal bytea,
    -- What the steps told.
    account_id uuid,
    account_name text,
    account_matched boolean not null default false,
    contact_id uuid,
    contact_matched boolean not null default false,
    deal_id uuid,
    deal_matched boolean not null default false,
    failed_step text,
    failure text,
    started_at timestamptz not null,
    finished_at timestamptz,
    constraint conversions_pk primary key (company_id, id),
    constraint conversions_lead_fk foreign key (company_id, lead_id) references leads.leads (company_id, id),
    constraint conversions_state_known check (state in ('running', 'completed', 'failed', 'undone')),
    constraint conversions_fill_known check (fill in ('keep', 'overwrite', 'blanks')),
    constraint conversions_failed_step_known check (failed_step in ('account', 'contact', 'deal')),
    constraint conversions_failed_whole check (
        (state = 'failed') = (failure is not null) and (failure is null) = (failed_step is null)
    ),
    constraint conversions_completed_whole check (
        state <> 'completed'
        or (account_id is not null and contact_id is not null and (new_deal_id is null) = (deal_id is null))
    ),
    constraint conversions_finished_whole check ((state = 'running') = (finished_at is null))
);

alter table leads.conversions enable row level security;
alter table leads.conversions force row level security;
create policy tenant on leads.conversions
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- A lead converts once: whatever happens at the same time, one conversion is at work or done.
create unique index conversions_one_of_lead on leads.conversions (company_id, lead_id)
where state in ('running', 'completed');
-- The last conversion of a lead.
create index conversions_lead on leads.conversions (company_id, lead_id, started_at);

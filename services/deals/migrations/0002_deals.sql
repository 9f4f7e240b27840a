-- Deals: what may be sold.

-- Places on the board. A new card goes last, and nobody waits for another's transaction to know which place that is:
-- the sequence only ever counts up, and leaves room between two cards for those that are moved there.
create sequence deals.positions;

create table deals.deals (
    company_id uuid not null,
    id uuid not null,
    name text not null,
    -- Other services' records: checked when they are written, and known by name through refs.
    account_id uuid,
    contact_ids uuid[] not null default '{}',
    lead_id uuid,
    amount numeric(19, 4),
    amount_currency text,
    probability integer not null,
    -- The probability was set by a person and stays when the stage changes.
    probability_by_hand boolean not null default false,
    weighted_amount numeric(19, 4) generated always as (round(amount * probability / 100, 4)) stored,
    weighted_amount_currency text generated always as (amount_currency) stored,
    pipeline_id uuid not null,
    stage_id uuid not null,
    stage_entered_at timestamptz not null default now(),
    position bigint not null default nextval('deals.positions') * 65536,
    status text not null default 'open',
    lost_reason text,
    expected_close_date date,
    closed_at timestamptz,
    source text,
    owner_id uuid,
    forecast_category text not null default 'pipeline',
    description text,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}',
    created_by uuid,
    updated_by uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null default 1,
    search text not null default '',
    constraint deals_pk primary key (company_id, id),
    constraint deals_stage_fk foreign key (company_id, pipeline_id, stage_id)
    references deals.stages (company_id, pipeline_id, id),
    constraint deals_probability_percent check (probability between 0 and 100),
    constraint deals_status_known check (status in ('open', 'won', 'lost')),
    constraint deals_closed_when_closed check ((status = 'open') = (closed_at is null)),
    constraint deals_reason_of_lost check (status = 'lost' or lost_reason is null),
    constraint deals_forecast_category_known check (
        forecast_category in ('pipeline', 'best_case', 'commit', 'closed', 'omitted')
    ),
    constraint deals_amount_whole check ((amount is null) = (amount_currency is null))
);

alter table deals.deals enable row level security;
alter table deals.deals force row level security;
create policy tenant on deals.deals
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Two open cards never share a place.
create unique index deals_one_a_place on deals.deals (company_id, stage_id, position)
where status = 'open' and deleted_at is null;

-- The list as it is first asked for, newest first.
create index deals_created_at on deals.deals (company_id, created_at, id) where deleted_at is null;
create index deals_owner on deals.deals (company_id, owner_id, created_at) where deleted_at is null;
create index deals_account on deals.deals (company_id, account_id) where deleted_at is null;
create index deals_close_date on deals.deals (company_id, expected_close_date, id) where deleted_at is null;
create index deals_stage on deals.deals (company_id, stage_id);

-- Words in any order: what `search` looks at, in trigrams.
create index deals_search on deals.deals using gin (search gin_trgm_ops);

-- Leads: people who may become customers.

create table leads.leads (
    company_id uuid not null,
    id uuid not null,
    first_name text,
    last_name text not null,
    -- Generated, so that lists can show, order and filter by it and nobody can forget to keep it.
    full_name text not null generated always as (
        case when first_name is null then last_name else first_name || ' ' || last_name end
    ) stored,
    email text,
    phone text,
    mobile text,
    title text,
    company_name text,
    website text,
    industry text,
    employee_count bigint,
    annual_revenue numeric(19, 4),
    annual_revenue_currency text,
    budget numeric(19, 4),
    budget_currency text,
    timeline text,
    source text,
    status text not null default 'new',
    disqualified_reason text,
    rating text,
    -- Stored, since lists order and filter by it. Written with every change; that it lapses is the sweep's work.
    score integer not null default 0,
    address_street text,
    address_city text,
    address_state text,
    address_postal_code text,
    address_country text,
    territory_id uuid,
    owner_id uuid,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    activity_count integer not null default 0,
    last_activity_at timestamptz,
    description text,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}',
    -- What the lead became. A copy of its conversion's result, so that reading a lead reads one row.
    conversion_id uuid,
    conversion_account_id uuid,
    conversion_contact_id uuid,
    conversion_deal_id uuid,
    conversion_converted_at timestamptz,
    conversion_converted_by uuid,
    created_by uuid,
    updated_by uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null default 1,
    search text not null default '',
    constraint leads_pk primary key (company_id, id),
    constraint leads_status_known check (
        status in ('new', 'working', 'qualified', 'disqualified', 'converting', 'converted')
    ),
    constraint leads_source_known check (
        source in (
            'website', 'referral', 'cold_call', 'email_campaign', 'social_media', 'event', 'partner',
            'advertisement', 'other'
        )
    ),
    constraint leads_timeline_known check (timeline in ('immediate', 'this_quarter', 'this_year', 'later', 'unknown')),
    constraint leads_rating_known check (rating in ('hot', 'warm', 'cold')),
    constraint leads_score_in_bounds check (score between 0 and 100),
    constraint leads_reason_of_disqualified check ((status = 'disqualified') = (disqualified_reason is not null)),
    constraint leads_conversion_of_converted check ((status = 'converted') = (conversion_id is not null)),
    constraint leads_revenue_whole check ((annual_revenue is null) = (annual_revenue_currency is null)),
    constraint leads_budget_whole check ((budget is null) = (budget_currency is null))
);

alter table leads.leads enable row level security;
alter table leads.leads force row level security;
create policy tenant on leads.leads
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The list as it is first asked for, newest first, and the sweep for leads that stopped being recent.
create index leads_created_at on leads.leads (company_id, created_at, id) where deleted_at is null;
-- The list of one state, the commonest filter.
create index leads_status on leads.leads (company_id, status, created_at, id) where deleted_at is null;
-- The best first.
create index leads_score on leads.leads (company_id, score, id) where deleted_at is null;
create index leads_last_name on leads.leads (company_id, last_name, id) where deleted_at is null;
create index leads_owner on leads.leads (company_id, owner_id, created_at, id) where deleted_at is null;

-- How an import finds duplicates.
create index leads_email on leads.leads (company_id, lower(email)) where deleted_at is null;
-- Words in any order: what `search` looks at, in trigrams.
create index leads_search on leads.leads using gin (search gin_trgm_ops);

-- Leads as the tests of this crate have them: every kind of column that a record can have.

create table leads (
    company_id uuid not null,
    id uuid not null,
    first_name text,
    last_name text not null,
    full_name text not null generated always as (case when first_name is null then last_name else first_name || ' ' || last_name end) stored,
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
    budget numeric,
    budget_currency text,
    timeline text,
    source text,
    status text not null,
    disqualified_reason text,
    rating text,
    score integer not null,
    address_street text,
    address_city text,
    address_state text,
    address_postal_code text,
    address_country text,
    territory_id uuid,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    activity_count integer not null,
    last_activity_at timestamptz,
    description text,
    conversion_id uuid,
    conversion_account_id uuid,
    conversion_contact_id uuid,
    conversion_deal_id uuid,
    conversion_converted_at timestamptz,
    conversion_converted_by uuid,
    owner_id uuid,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}',
    created_by uuid,
    updated_by uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null,
    search text not null default '',
    constraint leads_pk primary key (company_id, id)
);

alter table leads enable row level security;
alter table leads force row level security;

create policy tenant on leads
    using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
    with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create unique index leads_email_once on leads (company_id, lower(email)) where deleted_at is null;
create index leads_newest on leads (company_id, created_at, id) where deleted_at is null;
create index leads_status on leads (company_id, status, created_at, id) where deleted_at is null;
create index leads_search on leads using gin (search public.gin_trgm_ops);

-- Accounts: companies that one deals with.

create table accounts.accounts (
    company_id uuid not null,
    id uuid not null,
    name text not null,
    -- The name without case, accents, punctuation, blanks and legal form: by it a conversion finds its account.
    name_key text not null,
    account_number text,
    type text,
    industry text,
    website text,
    -- The website's host in lower case without `www.`, for the same purpose.
    domain text,
    phone text,
    email text,
    employee_count bigint,
    annual_revenue numeric(19, 4),
    annual_revenue_currency text,
    rating text,
    status text not null default 'active',
    billing_address_street text,
    billing_address_city text,
    billing_address_state text,
    billing_address_postal_code text,
    billing_address_country text,
    shipping_address_street text,
    shipping_address_city text,
    shipping_address_state text,
    shipping_address_postal_code text,
    shipping_address_country text,
    parent_id uuid,
    territory_id uuid,
    owner_id uuid,
    description text,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}',
    -- Kept by the events of contacts, deals and activities; they are no change of the account and leave its version.
    contact_count integer not null default 0,
    open_deal_count integer not null default 0,
    last_activity_at timestamptz,
    created_by uuid,
    updated_by uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null default 1,
    search text not null default '',
    constraint accounts_pk primary key (company_id, id),
    -- The company is in the key, so that a parent can't be another company's account.
    constraint accounts_parent_fk foreign key (company_id, parent_id) references accounts.accounts (company_id, id),
    constraint accounts_not_own_parent check (parent_id <> id),
    constraint accounts_type_known check (
        type in ('prospect', 'customer', 'partner', 'vendor', 'competitor', 'other')
    ),
    constraint accounts_status_known check (status in ('active', 'inactive')),
    constraint accounts_revenue_whole check ((annual_revenue is null) = (annual_revenue_currency is null))
);

alter table accounts.accounts enable row level security;
alter table accounts.accounts force row level security;
create policy tenant on accounts.accounts
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The list as it is first asked for, newest first.
create index accounts_created_at on accounts.accounts (company_id, created_at, id) where deleted_at is null;
create index accounts_name on accounts.accounts (company_id, name, id) where deleted_at is null;
create index accounts_owner on accounts.accounts (company_id, owner_id, created_at) where deleted_at is null;
create index accounts_parent on accounts.accounts (company_id, parent_id) where parent_id is not null;

-- How a conversion and an import find an account.
create index accounts_name_key on accounts.accounts (company_id, name_key) where deleted_at is null;
create index accounts_domain on accounts.accounts (company_id, domain) where deleted_at is null;
create index accounts_number on accounts.accounts (company_id, account_number) where deleted_at is null;
create index accounts_email on accounts.accounts (company_id, lower(email)) where deleted_at is null;

-- Words in any order: what `search` looks at, in trigrams.
create index accounts_search on accounts.accounts using gin (search gin_trgm_ops);

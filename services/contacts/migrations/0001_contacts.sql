-- Contacts: people, mostly at accounts.

create table contacts.contacts (
    company_id uuid not null,
    id uuid not null,
    first_name text,
    last_name text not null,
    full_name text not null,
    email text,
    secondary_email text,
    phone text,
    mobile text,
    title text,
    department text,
    -- Another service's record: checked when it is written, and known by name through refs.
    account_id uuid,
    is_primary boolean not null default false,
    reports_to_id uuid,
    mailing_address_street text,
    mailing_address_city text,
    mailing_address_state text,
    mailing_address_postal_code text,
    mailing_address_country text,
    birthday date,
    linkedin_url text,
    do_not_call boolean not null default false,
    do_not_email boolean not null default false,
    source text,
    territory_id uuid,
    owner_id uuid,
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
    constraint contacts_pk primary key (company_id, id),
    -- The company is in the key, so that nobody reports to another company's contact.
    constraint contacts_reports_to_fk foreign key (company_id, reports_to_id)
    references contacts.contacts (company_id, id),
    constraint contacts_not_own_superior check (reports_to_id <> id),
    constraint contacts_primary_has_account check (account_id is not null or not is_primary)
);

alter table contacts.contacts enable row level security;
alter table contacts.contacts force row level security;
create policy tenant on contacts.contacts
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- One primary contact an account, whatever happens at the same time.
create unique index contacts_one_primary on contacts.contacts (company_id, account_id)
where is_primary and deleted_at is null;

-- The list as it is first asked for, newest first.
create index contacts_created_at on contacts.contacts (company_id, created_at, id) where deleted_at is null;
create index contacts_last_name on contacts.contacts (company_id, last_name, id) where deleted_at is null;
create index contacts_owner on contacts.contacts (company_id, owner_id, created_at) where deleted_at is null;
create index contacts_account on contacts.contacts (company_id, account_id, is_primary desc, id)
where deleted_at is null;
create index contacts_reports_to on contacts.contacts (company_id, reports_to_id) where reports_to_id is not null;

-- How a conversion and an import find a contact.
create index contacts_email on contacts.contacts (company_id, lower(email)) where deleted_at is null;

-- Words in any order: what `search` looks at, in trigrams.
create index contacts_search on contacts.contacts using gin (search gin_trgm_ops);

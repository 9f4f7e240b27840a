-- What every service of records has beside its records. These tables stand in every such service's schema.

-- What was done to a record: a row for each changed field, or one row without a field when the whole is meant.
create table history (
    company_id uuid not null,
    record_id uuid not null,
    -- UUIDv7: the order in which things happened.
    id uuid not null,
    at timestamptz not null,
    -- Who did it; null when the suite did it by itself.
    actor uuid,
    action text not null,
    field text,
    before text,
    after text,
    constraint history_pk primary key (company_id, record_id, id)
);

alter table history enable row level security;
alter table history force row level security;

create policy tenant on history
    using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
    with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Records of other services and the company's members, by id and name, as their events tell. An older version never
-- overwrites a newer one; a deleted record stays, so that its name is still known and that it can't be referred to.
create table refs (
    company_id uuid not null,
    kind text not null,
    id uuid not null,
    name text not null,
    deleted boolean not null,
    version bigint not null,
    constraint refs_pk primary key (company_id, kind, id)
);

alter table refs enable row level security;
alter table refs force row level security;

create policy tenant on refs
    using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
    with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

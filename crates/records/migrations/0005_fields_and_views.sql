-- What a company sets up for itself: fields of its own, and views of lists.

-- The values stand in the records' own column `custom_fields`, an object by key. So a field is defined without changing a
-- table.
create table field_definitions (
    company_id uuid not null,
    -- The word for many of the record's kind: a schema may hold several kinds.
    kind text not null,
    key text not null,
    label text not null,
    type text not null,
    choices text [] not null default '{}',
    required boolean not null default false,
    position integer not null default 0,
    created_at timestamptz not null default now(),
    constraint field_definitions_pk primary key (company_id, kind, key),
    constraint field_definitions_key_plain check (key ~ '^[a-z][a-z0-9_]{0,49}$'),
    constraint field_definitions_type_known check (
        type in ('text', 'number', 'money', 'date', 'boolean', 'choice', 'multi_choice', 'url')
    )
);

alter table field_definitions enable row level security;
alter table field_definitions force row level security;
create policy tenant on field_definitions
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create table views (
    company_id uuid not null,
    id uuid not null,
    kind text not null,
    name text not null,
    -- Seen by the whole company; else by its maker alone.
    shared boolean not null default false,
    filter text not null default '',
    search text not null default '',
    order_by text not null default '',
    -- [{"field", "width"}]
    columns jsonb not null default '[]',
    shown_as text not null default 'table',
    created_by uuid not null,
    created_at timestamptz not null default now(),
    constraint views_pk primary key (company_id, id),
    constraint views_shown_as_known check (shown_as in ('table', 'board'))
);

alter table views enable row level security;
alter table views force row level security;
create policy tenant on views
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create index views_of_kind on views (company_id, kind);

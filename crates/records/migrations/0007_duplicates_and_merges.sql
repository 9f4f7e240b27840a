-- Records that are the same, and records that are not.

-- Pairs of which a person said that they are not the same; the smaller id first.
create table dismissed_duplicates (
    company_id uuid not null,
    -- The word for many of the record's kind.
    kind text not null,
    first_id uuid not null,
    second_id uuid not null,
    dismissed_by uuid,
    dismissed_at timestamptz not null default now(),
    constraint dismissed_duplicates_pk primary key (company_id, kind, first_id, second_id),
    constraint dismissed_duplicates_in_order check (first_id < second_id)
);

alter table dismissed_duplicates enable row level security;
alter table dismissed_duplicates force row level security;
create policy tenant on dismissed_duplicates
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Merges that were done here.
create table merges (
    company_id uuid not null,
    id uuid not null,
    kind text not null,
    winner_id uuid not null,
    source_ids uuid [] not null,
    -- What was written into the winner: an object of field to {"before": …, "after": …}.
    written jsonb not null default '{}',
    merged_by uuid,
    merged_at timestamptz not null,
    unmerged_by uuid,
    unmerged_at timestamptz,
    constraint merges_pk primary key (company_id, id)
);

alter table merges enable row level security;
alter table merges force row level security;
create policy tenant on merges
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create index merges_of_winner on merges (company_id, kind, winner_id, id desc);

-- Where records have gone that were merged and are not back: those of this service, and those of others that were heard of.
create table merged_records (
    company_id uuid not null,
    -- The word for one of the record's kind.
    kind text not null,
    record_id uuid not null,
    winner_id uuid not null,
    merge_id uuid not null,
    -- One that is heard to have gone twice came back between, which is still to be heard.
    constraint merged_records_pk primary key (company_id, kind, record_id, merge_id)
);

alter table merged_records enable row level security;
alter table merged_records force row level security;
create policy tenant on merged_records
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create index merged_records_of_merge on merged_records (company_id, merge_id);

-- Records here that referred to one that was merged, here or in another service, and what was written into them.
create table moved_references (
    company_id uuid not null,
    merge_id uuid not null,
    kind text not null,
    record_id uuid not null,
    written jsonb not null,
    constraint moved_references_pk primary key (company_id, merge_id, kind, record_id)
);

alter table moved_references enable row level security;
alter table moved_references force row level security;
create policy tenant on moved_references
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Merges in other services that were heard of, so that one whose end is heard first does nothing.
create table heard_merges (
    company_id uuid not null,
    merge_id uuid not null,
    -- The word for many of the records here that follow.
    kind text not null,
    winner_id uuid not null,
    source_ids uuid [] not null,
    undone boolean not null,
    constraint heard_merges_pk primary key (company_id, merge_id, kind)
);

alter table heard_merges enable row level security;
alter table heard_merges force row level security;
create policy tenant on heard_merges
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create index heard_merges_undone on heard_merges (company_id, kind, winner_id) where undone;

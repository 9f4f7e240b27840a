-- Territories, in every service that has records in them. The service they belong to writes them here; the others take
-- over what it tells, and an older version never overwrites a newer one. A deleted one stays, so that nothing older
-- brings it back.

create table territories (
    company_id uuid not null,
    id uuid not null,
    name text not null,
    -- Not held by a constraint: in a projection a part may come before the whole.
    parent_id uuid,
    priority integer not null default 0,
    rules_countries text [] not null default '{}',
    rules_states text [] not null default '{}',
    rules_postal_prefixes text [] not null default '{}',
    rules_industries text [] not null default '{}',
    rules_employees_min bigint,
    rules_employees_max bigint,
    rules_revenue_min numeric(19, 4),
    rules_revenue_min_currency text,
    rules_revenue_max numeric(19, 4),
    rules_revenue_max_currency text,
    member_ids uuid [] not null default '{}',
    assignment text not null default 'none',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null,
    search text not null default '',
    constraint territories_pk primary key (company_id, id),
    constraint territories_not_own_parent check (parent_id <> id),
    constraint territories_assignment_known check (assignment in ('none', 'round_robin', 'least_loaded'))
);

alter table territories enable row level security;
alter table territories force row level security;
create policy tenant on territories
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Whose turn it is. The row is locked until the record that the turn is for is committed, so that two records that come
-- at once are not given to the same member.
create table territory_turns (
    company_id uuid not null,
    territory_id uuid not null,
    turn bigint not null,
    constraint territory_turns_pk primary key (company_id, territory_id)
);

alter table territory_turns enable row level security;
alter table territory_turns force row level security;
create policy tenant on territory_turns
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The territories that a member works in, and all below them.
create function territories_of(company uuid, member uuid) returns uuid []
language sql stable
begin atomic
    with recursive mine as (
        select t.id
        from territories t
        where t.company_id = company
          and t.member_ids @> array[member]
          and t.deleted_at is null
        union
        select t.id
        from territories t
        join mine on t.parent_id = mine.id
        where t.company_id = company
          and t.deleted_at is null
    )
    select coalesce(array_agg(mine.id), '{}')
    from mine;
end;

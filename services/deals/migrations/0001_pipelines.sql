-- Pipelines and their stages.

create table deals.pipelines (
    company_id uuid not null,
    id uuid not null,
    name text not null,
    is_default boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null default 1,
    constraint pipelines_pk primary key (company_id, id)
);

alter table deals.pipelines enable row level security;
alter table deals.pipelines force row level security;
create policy tenant on deals.pipelines
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- One default a company. Two that make it at the same moment make one.
create unique index pipelines_one_default on deals.pipelines (company_id) where is_default;

create table deals.stages (
    company_id uuid not null,
    id uuid not null,
    pipeline_id uuid not null,
    name text not null,
    -- How likely its deals are won, in percent.
    probability integer not null,
    -- After so many days a deal in it is rotting; none for never.
    rotting_days integer,
    -- From 0, in the order of the pipeline.
    place integer not null,
    constraint stages_pk primary key (company_id, id),
    constraint stages_pipeline_fk foreign key (company_id, pipeline_id)
    references deals.pipelines (company_id, id) on delete cascade,
    -- For the deals, whose stage has to be one of their pipeline.
    constraint stages_of_pipeline unique (company_id, pipeline_id, id),
    -- Deferred, so that stages can change places.
    constraint stages_one_a_place unique (company_id, pipeline_id, place) deferrable initially deferred,
    constraint stages_probability_percent check (probability between 0 and 100),
    constraint stages_rotting_days_positive check (rotting_days > 0)
);

alter table deals.stages enable row level security;
alter table deals.stages force row level security;
create policy tenant on deals.stages
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

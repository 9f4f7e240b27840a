-- The weights of scores, for companies that have their own. The defaults are in the code.

create table leads.scoring (
    company_id uuid not null,
    email integer not null,
    phone integer not null,
    company integer not null,
    industry integer not null,
    revenue integer not null,
    budget integer not null,
    rating_hot integer not null,
    rating_warm integer not null,
    engagement_each integer not null,
    engagement_max integer not null,
    recency integer not null,
    window_days integer not null,
    updated_by uuid,
    updated_at timestamptz not null,
    constraint scoring_pk primary key (company_id),
    constraint scoring_window_in_bounds check (window_days between 1 and 365)
);

alter table leads.scoring enable row level security;
alter table leads.scoring force row level security;
create policy tenant on leads.scoring
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- What a company counts in and by whose clock, as identity tells; and what its members are to sell.

create table deals.companies (
    company_id uuid not null,
    -- ISO 4217.
    currency text not null,
    -- A name that PostgreSQL knows.
    time_zone text not null,
    -- The versions of the company that told currency and time zone, and the rates: an older one never overwrites a newer
    -- one. 0 when identity was asked.
    version bigint not null,
    rates_version bigint not null,
    constraint companies_pk primary key (company_id)
);

alter table deals.companies enable row level security;
alter table deals.companies force row level security;
create policy tenant on deals.companies
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create table deals.rates (
    company_id uuid not null,
    currency text not null,
    -- One unit of it is so many of the company's own.
    rate numeric(20, 10) not null,
    constraint rates_pk primary key (company_id, currency),
    constraint rates_positive check (rate > 0)
);

alter table deals.rates enable row level security;
alter table deals.rates force row level security;
create policy tenant on deals.rates
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create table deals.quotas (
    company_id uuid not null,
    owner_id uuid not null,
    -- Its first day.
    month date not null,
    amount numeric(19, 4) not null,
    amount_currency text not null,
    constraint quotas_pk primary key (company_id, month, owner_id),
    constraint quotas_month_is_a_first_day check (extract(day from month) = 1),
    constraint quotas_amount_not_negative check (amount >= 0)
);

alter table deals.quotas enable row level security;
alter table deals.quotas force row level security;
create policy tenant on deals.quotas
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- What was won and lost in a span of time.
create index deals_closed_at on deals.deals (company_id, closed_at)
where status <> 'open' and deleted_at is null;

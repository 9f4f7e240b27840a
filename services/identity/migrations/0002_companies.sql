-- Companies, their roles and their members: the tenants' own tables. Row-Level Security is forced on each.
--
-- A statement sees the rows of `kontor.company_id`, the company of the caller's token. Signing in, listing one's
-- companies and switching between them happen before or beside that company; for these, a person (`kontor.user_id`)
-- also sees the own memberships and what hangs on them. Both settings hold for one transaction; without them there are
-- no rows. Nothing sees all rows.

create table identity.companies (
  id uuid not null,
  name text not null,
  currency text not null,
  time_zone text not null,
  locale text not null,
  fiscal_year_start_month smallint not null,
  website text,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint companies_pkey primary key (id),
  constraint companies_currency_is_a_code check (currency ~ '^[A-Z]{3}$'),
  constraint companies_fiscal_year_start_month_is_a_month check (fiscal_year_start_month between 1 and 12)
);

-- The built-in roles are rows too, so that memberships refer to all roles alike; what they may do stands in the code
-- and grows with the product, so their permissions are empty here.
create table identity.roles (
  company_id uuid not null,
  id uuid not null,
  name text not null,
  description text,
  built_in boolean not null,
  permissions text[] not null default '{}',
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint roles_pkey primary key (company_id, id),
  constraint roles_company_fkey foreign key (company_id) references identity.companies (id) on delete cascade,
  constraint roles_built_in_carry_no_permissions check (not built_in or permissions = '{}')
);

create unique index roles_name_key on identity.roles (company_id, lower(name));

create table identity.memberships (
  company_id uuid not null,
  user_id uuid not null,
  role_id uuid not null,
  active boolean not null default true,
  -- Also the version of the member in MembersChanged.
  version bigint not null default 1,
  joined_at timestamptz not null,
  updated_at timestamptz not null,
  constraint memberships_pkey primary key (company_id, user_id),
  constraint memberships_company_fkey foreign key (company_id) references identity.companies (id) on delete cascade,
  constraint memberships_user_fkey foreign key (user_id) references identity.users (id) on delete cascade,
  -- The company is part of the reference: a role of another company can't be given.
  constraint memberships_role_fkey foreign key (company_id, role_id) references identity.roles (company_id, id)
);

-- The companies of a person, oldest first: the first active one is where signing in leads by default.
create index memberships_of_a_user on identity.memberships (user_id, joined_at);

-- One unit of `currency` is `rate` units of the company's own.
create table identity.currency_rates (
  company_id uuid not null,
  currency text not null,
  rate numeric(20, 10) not null,
  constraint currency_rates_pkey primary key (company_id, currency),
  constraint currency_rates_company_fkey foreign key (company_id) references identity.companies (id) on delete cascade,
  constraint currency_rates_currency_is_a_code check (currency ~ '^[A-Z]{3}$'),
  constraint currency_rates_rate_is_positive check (rate > 0)
);

alter table identity.companies enable row level security;
alter table identity.companies force row level security;
alter table identity.roles enable row level security;
alter table identity.roles force row level security;
alter table identity.memberships enable row level security;
alter table identity.memberships force row level security;
alter table identity.currency_rates enable row level security;
alter table identity.currency_rates force row level security;

create policy tenant on identity.companies
  using (id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create policy tenant on identity.roles
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create policy tenant on identity.memberships
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create policy tenant on identity.currency_rates
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Reading only: what one belongs to; a company that has shut a person out shows nothing but that. Changing a company
-- takes a token of that company.
create policy own on identity.memberships
  for select
  using (user_id = (select nullif(current_setting('kontor.user_id', true), '')::uuid));

create policy own on identity.companies
  for select
  using (
    id in (
      select m.company_id
      from identity.memberships m
      where m.user_id = (select nullif(current_setting('kontor.user_id', true), '')::uuid)
        and m.active
    )
  );

create policy own on identity.roles
  for select
  using (
    company_id in (
      select m.company_id
      from identity.memberships m
      where m.user_id = (select nullif(current_setting('kontor.user_id', true), '')::uuid)
        and m.active
    )
  );

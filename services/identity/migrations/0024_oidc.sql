-- Signing in with a company's own identity provider (OpenID Connect).

create table identity.oidc_providers (
  company_id uuid not null,
  issuer text not null,
  client_id text not null,
  -- Encrypted with the key for secrets at rest, bound to the company.
  client_secret bytea,
  -- Of the addresses it may vouch for.
  domains text[] not null,
  just_in_time boolean not null,
  role_id uuid not null,
  updated_at timestamptz not null,
  constraint oidc_providers_pkey primary key (company_id),
  constraint oidc_providers_company_fkey foreign key (company_id) references identity.companies (id) on delete cascade,
  constraint oidc_providers_role_fkey foreign key (company_id, role_id) references identity.roles (company_id, id),
  constraint oidc_providers_domains_are_some check (cardinality(domains) > 0)
);

-- Whom a provider means by a subject. An address may change hands, a subject never does.
create table identity.oidc_subjects (
  company_id uuid not null,
  issuer text not null,
  subject text not null,
  user_id uuid not null,
  linked_at timestamptz not null,
  constraint oidc_subjects_pkey primary key (company_id, issuer, subject),
  constraint oidc_subjects_member_fkey foreign key (company_id, user_id)
    references identity.memberships (company_id, user_id) on delete cascade
);

create index oidc_subjects_of_a_member on identity.oidc_subjects (company_id, user_id);

alter table identity.oidc_providers enable row level security;
alter table identity.oidc_providers force row level security;
alter table identity.oidc_subjects enable row level security;
alter table identity.oidc_subjects force row level security;

create policy tenant on identity.oidc_providers
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create policy tenant on identity.oidc_subjects
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- A person on the way to the provider and back. Found by what only the client that began holds; good once.
create table identity.oidc_attempts (
  hash bytea not null,
  entered_company uuid not null,
  state text not null,
  nonce text not null,
  -- The PKCE verifier, encrypted and bound to the company.
  verifier bytea not null,
  expires_at timestamptz not null,
  constraint oidc_attempts_pkey primary key (hash),
  constraint oidc_attempts_hash_is_sha256 check (length(hash) = 32)
);

create index oidc_attempts_by_end_of_life on identity.oidc_attempts (expires_at);

-- Whether members other than admins enter the company through the provider alone.
alter table identity.companies add column sso_enforced boolean not null default false;
-- Whether a provider vouched for the person: then the session is for that company alone, whose provider it was.
alter table identity.sessions add column sso boolean not null default false;

-- API keys: bearer tokens of a member for a program, in one company.
--
-- A key has 238 random bits, so a plain SHA-256 is enough to make a stolen table useless. What a key may do is the
-- narrower of its own permissions and its maker's role, worked out whenever it is used: so it shrinks with the maker.

create table identity.api_keys (
  company_id uuid not null,
  id uuid not null,
  -- The maker, whom the program acts as.
  user_id uuid not null,
  name text not null,
  hash bytea not null,
  -- The first characters, by which a person knows it.
  prefix text not null,
  permissions text[] not null,
  expires_at timestamptz,
  -- Exact to a minute, so that a busy program costs no write for each request.
  last_used_at timestamptz,
  created_at timestamptz not null,
  constraint api_keys_pkey primary key (company_id, id),
  -- Who leaves the company leaves the keys behind, and they are gone.
  constraint api_keys_member_fkey foreign key (company_id, user_id)
    references identity.memberships (company_id, user_id) on delete cascade,
  constraint api_keys_hash_is_sha256 check (length(hash) = 32)
);

create unique index api_keys_hash_key on identity.api_keys (hash);
create index api_keys_of_a_member on identity.api_keys (company_id, user_id, id desc);

alter table identity.api_keys enable row level security;
alter table identity.api_keys force row level security;

create policy tenant on identity.api_keys
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- Reading only: who holds a key sees its row before any company is known.
create policy held on identity.api_keys
  for select
  using (hash = (select decode(nullif(current_setting('kontor.api_key', true), ''), 'hex')));

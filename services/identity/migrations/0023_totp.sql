-- The second factor of a person: codes of an authenticator (RFC 6238), and recovery codes for when it is lost. As people,
-- they belong to no company.

create table identity.totp (
  user_id uuid not null,
  -- Encrypted with the key for secrets at rest, bound to the person; the key is not in the database.
  secret bytea not null,
  created_at timestamptz not null,
  -- Until the first code was typed it doesn't count.
  confirmed_at timestamptz,
  -- The step of the last code that was taken: that one and older ones are spent.
  last_step bigint,
  constraint totp_pkey primary key (user_id),
  constraint totp_user_fkey foreign key (user_id) references identity.users (id) on delete cascade
);

-- A recovery code has 80 random bits, so a plain SHA-256 is enough. Taking one deletes it.
create table identity.recovery_codes (
  user_id uuid not null,
  hash bytea not null,
  constraint recovery_codes_pkey primary key (user_id, hash),
  constraint recovery_codes_totp_fkey foreign key (user_id) references identity.totp (user_id) on delete cascade,
  constraint recovery_codes_hash_is_sha256 check (length(hash) = 32)
);

alter table identity.users add column totp_enabled boolean not null default false;

-- People and how they are signed in.
--
-- The tables of this file belong to persons, not to companies: a person may be a member of several companies, and is
-- looked up by address or by the hash of a token before any company is known. They carry no company_id, and every
-- statement on them names the person, the session or the hash.

create table identity.users (
  id uuid not null,
  -- Normalised before it comes here: trimmed, lower case, the domain in its ASCII form.
  email text not null,
  email_verified_at timestamptz,
  first_name text not null,
  last_name text not null,
  phone text,
  job_title text,
  time_zone text,
  locale text,
  avatar_url text,
  -- argon2id as a PHC string, so that the cost can grow later without a migration.
  password_hash text not null,
  -- The etag: counts up with every change that the person can see.
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint users_pkey primary key (id),
  constraint users_email_key unique (email),
  constraint users_email_is_normal check (email = lower(btrim(email)) and length(email) between 3 and 254)
);

-- A session begins with a password and lives as long as it is refreshed. It is a person's, and moves from company to
-- company with switch-company; hence the company is a property that changes and no part of a key.
create table identity.sessions (
  id uuid not null,
  user_id uuid not null,
  -- The company that the next access token is for.
  entered_company uuid not null,
  device text,
  address text,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  -- Set once, never taken back. The row stays for a while, so that a late refresh is told from an unknown one.
  ended_at timestamptz,
  constraint sessions_pkey primary key (id),
  constraint sessions_user_fkey foreign key (user_id) references identity.users (id) on delete cascade
);

create index sessions_of_a_user on identity.sessions (user_id, last_seen_at desc);
create index sessions_by_end_of_life on identity.sessions (expires_at);

-- Refresh tokens are 256 random bits, so a plain SHA-256 is enough to make a stolen table useless. Each is good once.
-- A spent one stays as long as its session: seeing it again is the sign that somebody stole it.
create table identity.refresh_tokens (
  hash bytea not null,
  session_id uuid not null,
  issued_at timestamptz not null,
  rotated_at timestamptz,
  constraint refresh_tokens_pkey primary key (hash),
  constraint refresh_tokens_session_fkey foreign key (session_id) references identity.sessions (id) on delete cascade,
  constraint refresh_tokens_hash_is_sha256 check (length(hash) = 32)
);

create index refresh_tokens_of_a_session on identity.refresh_tokens (session_id);

-- What every other service must refuse although the token has not expired. Written in the transaction that ends a
-- session, together with a notification; rows older than the life of an access token are of no use and are deleted.
create table identity.ended_sessions (
  session_id uuid not null,
  ended_at timestamptz not null,
  constraint ended_sessions_pkey primary key (session_id)
);

create index ended_sessions_by_time on identity.ended_sessions (ended_at);

-- Links in mails. Good once: taking one deletes it.
create table identity.mail_tokens (
  hash bytea not null,
  purpose text not null,
  user_id uuid not null,
  -- The address the link went to: it proves that one, not a later one.
  email text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  constraint mail_tokens_pkey primary key (hash),
  constraint mail_tokens_user_fkey foreign key (user_id) references identity.users (id) on delete cascade,
  constraint mail_tokens_hash_is_sha256 check (length(hash) = 32),
  constraint mail_tokens_purpose_is_known check (purpose in ('verify_email', 'reset_password'))
);

create index mail_tokens_of_a_user on identity.mail_tokens (user_id, purpose);
create index mail_tokens_by_end_of_life on identity.mail_tokens (expires_at);

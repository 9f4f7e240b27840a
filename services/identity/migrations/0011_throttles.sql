-- Who has tried too often. Shared by all processes of identity; a row is a network address or an account, of which only a
-- hash is kept, and it counts whether there is such an account or not.
create table identity.throttles (
  key bytea not null,
  attempts integer not null,
  last_at timestamptz not null,
  -- Before this time no attempt is let in.
  free_at timestamptz not null,
  constraint throttles_pkey primary key (key),
  constraint throttles_key_is_sha256 check (length(key) = 32)
);

create index throttles_by_time on identity.throttles (last_at);

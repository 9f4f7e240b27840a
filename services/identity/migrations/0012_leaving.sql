-- Members who leave, and where their sessions are.

-- Who left stays as a row, so that the version which other services compare goes on counting should the person come back.
alter table identity.memberships
  add column left_at timestamptz,
  add constraint memberships_who_left_is_not_active check (left_at is null or not active);

-- After a switch an access token of the company before is still about for a while, so that a member who is shut out of a
-- company loses also the sessions that have just left it.
alter table identity.sessions add column switched_at timestamptz;

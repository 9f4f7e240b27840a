-- What a member may do can change while access tokens of before are about. Each names the grant under which it was issued.
-- When a member gets another role, or the role changes, the member is under another grant from then on, and the one before
-- stands in `ended_sessions`: every service hears of it at once, and asks what the member may do now.
alter table identity.memberships add column grant_id uuid not null default gen_random_uuid();

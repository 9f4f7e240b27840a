-- What every service has: the answers of requests that came with an `Idempotency-Key`, kept for 24 hours.

create table idempotency (
    company_id uuid not null,
    user_id uuid not null,
    -- As the client sent it: keys belong to their company and user.
    key text not null,
    -- What was asked: the rpc and the SHA-256 of its request; the latter is null while a stream still comes.
    rpc text not null,
    request bytea,
    -- The answer. Without `answered_at` it is what is answered should the one at work never come back.
    headers jsonb,
    body bytea,
    answered_at timestamptz,
    -- The work was committed and its answer is still to come. Whoever works on it moves this on; once it has passed,
    -- nobody does.
    busy_until timestamptz,
    created_at timestamptz not null default now(),
    constraint idempotency_pk primary key (company_id, user_id, key)
);

alter table idempotency enable row level security;
alter table idempotency force row level security;
create policy tenant on idempotency
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- For forgetting what is older than a day.
create index idempotency_created_at on idempotency (company_id, created_at);

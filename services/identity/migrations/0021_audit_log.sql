-- Who did what to which record, when, from where.
--
-- Identity's own changes are written in the transaction that makes them. The other services write an event into their
-- outbox in theirs, and identity appends it here when it comes, once. Names stand as they were at that time.

create table identity.audit_log (
  company_id uuid not null,
  -- UUIDv7: the order in which entries were written, which is the order of the list.
  id uuid not null,
  at timestamptz not null,
  -- None when the suite did it by itself. No reference: the log outlives whom it speaks of.
  user_id uuid,
  user_name text,
  -- `lead.updated`, `session.started`.
  action text not null,
  resource text,
  resource_id text,
  resource_name text,
  address text,
  device text,
  fields text[] not null,
  constraint audit_log_pkey primary key (company_id, id)
);

create index audit_log_by_time on identity.audit_log (company_id, at desc, id desc);
create index audit_log_of_a_record on identity.audit_log (company_id, resource_id, at desc, id desc);
create index audit_log_of_a_person on identity.audit_log (company_id, user_id, at desc, id desc);

alter table identity.audit_log enable row level security;
alter table identity.audit_log force row level security;

-- Two policies, and none for update and delete.
create policy tenant_reads on identity.audit_log
  for select
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create policy tenant_appends on identity.audit_log
  for insert
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- `kontor migrate` grants the service no more than select and insert on a table marked so.
comment on table identity.audit_log is 'append-only';

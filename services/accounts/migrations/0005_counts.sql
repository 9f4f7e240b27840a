-- What is counted of an account: which contact and which deal is whose, as contacts and deals tell. A count is made of
-- these rows rather than kept by adding, so that what is told twice, late or in another order counts once.

create table accounts.counted (
    company_id uuid not null,
    -- `contact` or `deal`.
    kind text not null,
    record_id uuid not null,
    -- Of which account; of none when the record is deleted, closed, or belongs to none.
    account_id uuid,
    version bigint not null,
    constraint counted_pk primary key (company_id, kind, record_id)
);

alter table accounts.counted enable row level security;
alter table accounts.counted force row level security;
create policy tenant on accounts.counted
using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

create index counted_account on accounts.counted (company_id, account_id, kind) where account_id is not null;

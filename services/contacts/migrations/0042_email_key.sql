-- lower() is not leakproof: under row-level security no index over it is used, and each conversion read every contact of the
-- company to match one by its address. The comparison of a column is leakproof.

alter table contacts.contacts add column email_key text generated always as (lower(email)) stored;

drop index contacts.contacts_email;
create index contacts_email_key on contacts.contacts (company_id, email_key) where deleted_at is null;

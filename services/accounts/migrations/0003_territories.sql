-- Accounts lie in territories: put there by the rules, unless a person did.

alter table accounts.accounts add column territory_by_hand boolean not null default false;

-- Those of a territory, and how many of them each member has.
create index accounts_territory on accounts.accounts (company_id, territory_id, owner_id) where deleted_at is null;

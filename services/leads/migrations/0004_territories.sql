-- Leads lie in territories: put there by the rules, unless a person did.

alter table leads.leads add column territory_by_hand boolean not null default false;

-- Those of a territory, and how many of them each member has.
create index leads_territory on leads.leads (company_id, territory_id, owner_id) where deleted_at is null;

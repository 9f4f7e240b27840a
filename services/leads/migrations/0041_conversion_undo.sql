-- A conversion that was completed can be taken back: each service takes back its part and says so, and when all have, the
-- lead is where it was and may be converted again.

alter table leads.conversions
add column undo_requested_by uuid,
-- Which parts are taken back.
add column account_undone boolean not null default false,
add column contact_undone boolean not null default false,
add column deal_undone boolean not null default false,
drop constraint conversions_state_known,
add constraint conversions_state_known check (state in ('running', 'completed', 'failed', 'undoing', 'undone'));

-- One that is being taken back still holds the lead.
drop index leads.conversions_one_of_lead;
create unique index conversions_one_of_lead on leads.conversions (company_id, lead_id)
where state in ('running', 'completed', 'undoing');

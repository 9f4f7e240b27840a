-- The person's page on LinkedIn: where a seller looks first.

alter table leads.leads add column linkedin_url text;

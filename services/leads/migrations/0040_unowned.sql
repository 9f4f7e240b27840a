-- Those that nobody owns belong to who made them: what the scope `own` looks at beside the owner.
create index leads_unowned on leads.leads (company_id, created_by) where owner_id is null and deleted_at is null;

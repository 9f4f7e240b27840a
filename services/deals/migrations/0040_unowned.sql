-- Those that nobody owns belong to who made them: what the scope `own` looks at beside the owner.
create index deals_unowned on deals.deals (company_id, created_by) where owner_id is null and deleted_at is null;

-- Those that nobody owns belong to who made them: what the scope `own` looks at beside the owner.
create index accounts_unowned on accounts.accounts (company_id, created_by) where owner_id is null and deleted_at is null;

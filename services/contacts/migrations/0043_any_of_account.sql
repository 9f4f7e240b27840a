-- An account that is called otherwise renames its deleted contacts too, as they may come back. The index knew none of those, so
-- each change of an account read every contact of the company.

drop index contacts.contacts_account;
create index contacts_account on contacts.contacts (company_id, account_id, is_primary desc, id);

-- The name of a contact's account stands beside its id, so that lists show, order and filter by it. The database keeps it
-- from `refs`, whichever statement moves a contact; that an account is called otherwise now is written when it is heard.

alter table contacts.contacts add column account_name text;

create function contacts.name_account() returns trigger
language plpgsql
as $$
begin
    new.account_name := (
        select r.name
        from contacts.refs r
        where r.company_id = new.company_id
          and r.kind = 'account'
          and r.id = new.account_id
    );
    return new;
end
$$;

create trigger contacts_name_account
before insert or update of account_id on contacts.contacts
for each row execute function contacts.name_account();

update contacts.contacts c
set account_name = r.name
from contacts.refs r
where r.company_id = c.company_id
  and r.kind = 'account'
  and r.id = c.account_id;

-- By the account's name, without a sort.
create index contacts_account_name on contacts.contacts (company_id, account_name, id) where deleted_at is null;
-- Those of a territory.
create index contacts_territory on contacts.contacts (company_id, territory_id, owner_id) where deleted_at is null;

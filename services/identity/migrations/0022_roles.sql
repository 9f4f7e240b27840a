-- Before a role is deleted, the reference of the members to it is checked: by this index.

create index memberships_of_a_role on identity.memberships (company_id, role_id);

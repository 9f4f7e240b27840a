-- Who is invited to a company. A row is an invitation that was not accepted yet; accepting it or taking it back deletes it.
create table identity.invitations (
  company_id uuid not null,
  id uuid not null,
  -- As it was typed, and in the form in which addresses are compared.
  email text not null,
  email_key text not null,
  role_id uuid not null,
  invited_by uuid not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  constraint invitations_pkey primary key (company_id, id),
  -- Inviting again replaces the invitation before, whose link is then of no use.
  constraint invitations_email_key unique (company_id, email_key),
  constraint invitations_company_fkey foreign key (company_id) references identity.companies (id) on delete cascade,
  constraint invitations_role_fkey foreign key (company_id, role_id)
    references identity.roles (company_id, id),
  constraint invitations_invited_by_fkey foreign key (invited_by) references identity.users (id)
);

alter table identity.invitations enable row level security;
alter table identity.invitations force row level security;

create policy tenant on identity.invitations
  using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
  with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));

-- The link of an invitation is found by its hash before any company is known, as every link is; what it leads to is seen
-- only in that company.
alter table identity.mail_tokens
  alter column user_id drop not null,
  add column invited_to uuid,
  add column invitation_id uuid,
  drop constraint mail_tokens_purpose_is_known,
  add constraint mail_tokens_purpose_is_known check (purpose in ('verify_email', 'reset_password', 'invitation')),
  add constraint mail_tokens_lead_to_one_thing check (
    case purpose
      when 'invitation' then user_id is null and invited_to is not null and invitation_id is not null
      else user_id is not null and invited_to is null and invitation_id is null
    end
  );

-- Mails to be sent: written in the transaction of what they speak of, sent by whichever process of identity comes first.
--
-- They are transport and belong to no company: a mail may be for somebody who is in none, or for nobody at all. A row
-- says what is to be told and to which address, never the secret of a link: that is made when the mail is sent, so it
-- rests nowhere and its life begins when it can be used. It also makes asking for a mail the same work whether the
-- address is known: who it belongs to is looked up by the one who sends.
create table identity.mails (
  id uuid not null,
  -- As it was typed.
  recipient text not null,
  letter jsonb not null,
  created_at timestamptz not null,
  -- Not tried before this time. Whoever takes a mail moves it on, so that nobody else takes it meanwhile, and so that it
  -- is taken again should the one who took it die.
  due_at timestamptz not null,
  -- Of no use after this time.
  expires_at timestamptz not null,
  attempts integer not null default 0,
  constraint mails_pkey primary key (id)
);

create index mails_by_time on identity.mails (due_at);

-- An address is kept as it was typed and compared in one form: lower case, the domain in ASCII.
alter table identity.users
  drop constraint users_email_is_normal,
  drop constraint users_email_key,
  add column email_key text;

update identity.users set email_key = email;

alter table identity.users
  alter column email_key set not null,
  add constraint users_email_key unique (email_key),
  add constraint users_email_key_is_folded check (email_key = lower(email_key) and length(email_key) between 3 and 254);

-- A link proves the address it went to, in the form in which addresses are compared.
comment on column identity.mail_tokens.email is 'In the form in which addresses are compared.';

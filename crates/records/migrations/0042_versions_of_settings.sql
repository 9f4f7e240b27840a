-- Views and definitions of fields count their changes, for their etags.

alter table views add column version bigint not null default 1;
alter table field_definitions add column version bigint not null default 1;

-- What conversions did here moves to where every service keeps what sagas did: saga_steps, of the records' own migrations.
-- What was written into a record was a pair of objects, before and after; it becomes one object of field to such a pair.

-- The tables' owner sees no rows under forced RLS.
alter table contacts.conversion_steps no force row level security;
alter table saga_steps no force row level security;

insert into saga_steps
    (company_id, saga_id, state, record_id, matched_existing, version_after, filled, reason, changed_at)
select
    company_id,
    conversion_id,
    state,
    contact_id,
    matched_existing,
    version_after,
    coalesce(written.fields, '{}'),
    reason,
    changed_at
from contacts.conversion_steps
left join lateral (
    select jsonb_object_agg(name, jsonb_build_array(before, after)) as fields
    from (values
        ('email', filled #>> '{0,email}', filled #>> '{1,email}'),
        ('phone', filled #>> '{0,phone}', filled #>> '{1,phone}'),
        ('mobile', filled #>> '{0,mobile}', filled #>> '{1,mobile}'),
        ('title', filled #>> '{0,title}', filled #>> '{1,title}'),
        ('source', filled #>> '{0,source}', filled #>> '{1,source}'),
        ('account_id', filled #>> '{0,account_id}', filled #>> '{1,account_id}'),
        ('mailing_address.street', filled #>> '{0,mailing_address,0}', filled #>> '{1,mailing_address,0}'),
        ('mailing_address.city', filled #>> '{0,mailing_address,1}', filled #>> '{1,mailing_address,1}'),
        ('mailing_address.state', filled #>> '{0,mailing_address,2}', filled #>> '{1,mailing_address,2}'),
        ('mailing_address.postal_code', filled #>> '{0,mailing_address,3}', filled #>> '{1,mailing_address,3}'),
        ('mailing_address.country', filled #>> '{0,mailing_address,4}', filled #>> '{1,mailing_address,4}')
    ) as field (name, before, after)
    where jsonb_typeof(filled) = 'array'
) as written on true;

alter table saga_steps force row level security;
drop table contacts.conversion_steps;

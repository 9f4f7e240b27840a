-- What conversions did here moves to where every service keeps what sagas did: saga_steps, of the records' own migrations.
-- What was written into a record was a pair of objects, before and after; it becomes one object of field to such a pair.

-- The tables' owner sees no rows under forced RLS.
alter table accounts.conversion_steps no force row level security;
alter table saga_steps no force row level security;

insert into saga_steps
    (company_id, saga_id, state, record_id, matched_existing, version_after, filled, reason, changed_at)
select
    company_id,
    conversion_id,
    state,
    account_id,
    matched_existing,
    version_after,
    coalesce(written.fields, '{}'),
    reason,
    changed_at
from accounts.conversion_steps
left join lateral (
    select jsonb_object_agg(name, jsonb_build_array(before, after)) as fields
    from (values
        ('website', filled #>> '{0,website}', filled #>> '{1,website}'),
        ('phone', filled #>> '{0,phone}', filled #>> '{1,phone}'),
        ('industry', filled #>> '{0,industry}', filled #>> '{1,industry}'),
        ('employee_count', filled #>> '{0,employee_count}', filled #>> '{1,employee_count}'),
        ('annual_revenue', filled #>> '{0,annual_revenue,0}', filled #>> '{1,annual_revenue,0}'),
        ('annual_revenue_currency', filled #>> '{0,annual_revenue,1}', filled #>> '{1,annual_revenue,1}'),
        ('billing_address.street', filled #>> '{0,billing_address,0}', filled #>> '{1,billing_address,0}'),
        ('billing_address.city', filled #>> '{0,billing_address,1}', filled #>> '{1,billing_address,1}'),
        ('billing_address.state', filled #>> '{0,billing_address,2}', filled #>> '{1,billing_address,2}'),
        ('billing_address.postal_code', filled #>> '{0,billing_address,3}', filled #>> '{1,billing_address,3}'),
        ('billing_address.country', filled #>> '{0,billing_address,4}', filled #>> '{1,billing_address,4}')
    ) as field (name, before, after)
    where jsonb_typeof(filled) = 'array'
) as written on true;

alter table saga_steps force row level security;
drop table accounts.conversion_steps;

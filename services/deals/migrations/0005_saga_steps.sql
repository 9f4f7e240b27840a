-- What conversions did here moves to where every service keeps what sagas did: saga_steps, of the records' own migrations.
-- What was written into a record was a pair of objects, before and after; it becomes one object of field to such a pair.
-- An expected closing date that a conversion wrote is not among it: it was kept in no form that SQL can read.

-- The tables' owner sees no rows under forced RLS.
alter table deals.conversion_steps no force row level security;
alter table saga_steps no force row level security;

insert into saga_steps
    (company_id, saga_id, state, record_id, matched_existing, version_after, filled, reason, changed_at)
select
    company_id,
    conversion_id,
    state,
    deal_id,
    matched_existing,
    version_after,
    coalesce(written.fields, '{}'),
    reason,
    changed_at
from deals.conversion_steps
left join lateral (
    select jsonb_object_agg(name, jsonb_build_array(before, after)) as fields
    from (values
        ('account_id', filled #>> '{0,account_id}', filled #>> '{1,account_id}'),
        ('lead_id', filled #>> '{0,lead_id}', filled #>> '{1,lead_id}'),
        ('source', filled #>> '{0,source}', filled #>> '{1,source}'),
        ('amount', filled #>> '{0,amount,0}', filled #>> '{1,amount,0}'),
        ('amount_currency', filled #>> '{0,amount,1}', filled #>> '{1,amount,1}'),
        (
            'contact_ids',
            (select string_agg(id, ';') from jsonb_array_elements_text(filled -> 0 -> 'contact_ids') as id),
            (select string_agg(id, ';') from jsonb_array_elements_text(filled -> 1 -> 'contact_ids') as id)
        )
    ) as field (name, before, after)
    where jsonb_typeof(filled) = 'array'
) as written on true;

alter table saga_steps force row level security;
drop table deals.conversion_steps;

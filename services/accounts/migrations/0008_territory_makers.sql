-- Who made a territory and who changed it last, as every record tells; nobody knows of those that are there.

alter table accounts.territories
    add column created_by uuid,
    add column updated_by uuid;

-- Who made a pipeline and who changed it last, as every record tells; nobody made the one that a company begins with.

alter table deals.pipelines
    add column created_by uuid,
    add column updated_by uuid;

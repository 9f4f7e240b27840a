-- What carries facts out of a service and into it. These tables stand in every service's schema. They hold no tenant's
-- records and have no company column: a message belongs to the transport, and its company travels in the headers.

-- Messages that were decided in a transaction and are not yet with the broker. Sent rows are deleted.
create table outbox (
    id uuid not null,
    type text not null,
    payload bytea not null,
    headers jsonb not null,
    created_at timestamptz not null default now(),
    -- Not tried again before this time, after the transport did not take it.
    held_until timestamptz,
    attempts integer not null default 0,
    constraint outbox_pk primary key (id)
);

-- The relay sleeps until somebody writes; the trigger makes it impossible to forget to wake it.
create function outbox_wake() returns trigger
language plpgsql
as $$
begin
    perform pg_notify(tg_table_schema || '_outbox', '');
    return null;
end
$$;

create trigger outbox_wake
after insert on outbox
for each statement
execute function outbox_wake();

-- Messages whose effect is in this schema, so that one that comes twice has its effect once.
create table inbox (
    consumer text not null,
    message_id text not null,
    received_at timestamptz not null default now(),
    constraint inbox_pk primary key (consumer, message_id)
);

-- For forgetting messages so old that they can't come again.
create index inbox_received_at on inbox (received_at);

-- Things to do at a time.
create table timers (
    id uuid not null,
    kind text not null,
    due_at timestamptz not null,
    payload bytea not null,
    headers jsonb not null,
    constraint timers_pk primary key (id)
);

create index timers_due_at on timers (due_at);

-- Messages that the in-process transport gave up. With RabbitMQ they are in the queue `<service>.events.dead`.
create table dead_letters (
    consumer text not null,
    message_id text not null,
    type text not null,
    payload bytea not null,
    headers jsonb not null,
    reason text not null,
    died_at timestamptz not null default now(),
    constraint dead_letters_pk primary key (consumer, message_id)
);

-- The relay is woken by the commits of its own process. `notify` woke it too, but at a price: from the commit of one who has
-- something to tell until that is on disk, it holds a lock of the whole server, so that no two of them went there together.

drop trigger outbox_wake on outbox;
drop function outbox_wake();

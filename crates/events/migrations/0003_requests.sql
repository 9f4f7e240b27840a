-- Requests have a relay of their own. It finds them at once, however many facts wait beside them.
create index outbox_requests on outbox (id) where (headers -> 'addressed')::boolean;

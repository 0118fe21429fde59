-- Held by the session until released: two loads of one channel would interleave their sequence numbers.
SELECT pg_advisory_lock(hashtextextended(%(app)s::text || ' ' || %(cid)s, 0))

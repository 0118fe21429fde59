SELECT pg_advisory_unlock(hashtextextended(%(app)s::text || ' ' || %(cid)s, 0))

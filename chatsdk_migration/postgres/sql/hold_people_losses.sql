-- Two channels that meet the same person at the same time would both count what that person lost.
SELECT pg_advisory_xact_lock(hashtextextended(%(app)s::text || ' losses of people', 0))

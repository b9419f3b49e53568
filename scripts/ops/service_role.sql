-- What the role of service and rounds may do on PostgreSQL. It is not the owner of the tables, who migrates, restores and rebuilds.
-- As the owner, after each migration:  psql -1 -v service=credanchor_service -f service_role.sql credanchor

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"service";

-- Nothing takes back a record, or that its hash was posted.
REVOKE UPDATE, DELETE ON audit_record, audit_head FROM :"service";

-- An entry stays its issuer's. Erasure empties these columns, and canaries are settled.
REVOKE UPDATE, DELETE ON entry, canary FROM :"service";
GRANT UPDATE (digest, salt, canonicalization) ON entry TO :"service";
GRANT UPDATE (checked_at, passed, detail) ON canary TO :"service";

-- Only the owner rebuilds and migrates.
REVOKE INSERT, UPDATE, DELETE ON rebuilt_mark, alembic_version FROM :"service";

-- What the role of service and rounds may do on PostgreSQL. It is not the owner of the tables, who migrates, restores and rebuilds.
-- As the owner, after each migration:  psql -1 -v service=credanchor_service -f service_role.sql credanchor

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"service";

-- Nothing takes back a record, or that its hash was posted.
REVOKE UPDATE, DELETE ON audit_record, audit_head FROM :"service";

-- An entry stays its issuer's. Erasure empties these columns, and canaries are settled.
REVOKE UPDATE, DELETE ON entry, canary FROM :"service";
GRANT UPDATE (digest, salt, canonicalization) ON entry TO :"service";
GRANT UPDATE (checked_at, passed, detail) ON canary TO :"service";

-- An issuer keeps its DID and its name, above all the service's own, and a batch its entries. How a batch stands changes.
REVOKE UPDATE, DELETE ON issuer, batch FROM :"service";
GRANT UPDATE (items_per_day) ON issuer TO :"service";
GRANT UPDATE (
    state, root, right_edge, sealed_at, sequence, anchored_leaf_count, anchored_by, tx_hash, block_number, block_hash,
    anchored_at, final_at, bundle_block_hash
) ON batch TO :"service";

-- Only the owner rebuilds, migrates, and detaches entries or brings them back.
REVOKE INSERT, UPDATE, DELETE ON rebuilt_mark, alembic_version, issuer_detached FROM :"service";

-- Partitions of entries are written through the whole, whose rights are above. Whoever took them apart would get past those.
-- What was detached from one is nobody's but the owner's.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT DISTINCT pg_class.oid::regclass AS partition, grantee::regrole AS grantee
        FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid CROSS JOIN aclexplode(relacl)
        WHERE (inhparent = 'entry'::regclass OR relname ~ '^entry_\d+_detached(_\d+)?$') AND relkind = 'r'
            AND relnamespace = 'public'::regnamespace AND grantee NOT IN (0, relowner)
    LOOP
        EXECUTE 'REVOKE ALL ON ' || one.partition || ' FROM ' || one.grantee;
    END LOOP;
END
$$;

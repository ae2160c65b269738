-- A third PostgreSQL through which a map over two servers is read as one map: viewfix locate 'postgresql://COORDINATOR/DATABASE?map=city'
--
--   psql -v map=city -v dim=512 -v host0=HOST -v host1=HOST -v database=DATABASE -v user=USER -f coordinator.sql DATABASE
--
-- Everything is foreign: nothing is copied here. The rows of shard n begin at n * 2^40, so that a query for rows goes to one
-- server. ORDER BY … LIMIT runs on each server, by its own index: postgres_fdw knows that pgvector is installed there too.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;

CREATE SERVER shard0 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (
    host :'host0', dbname :'database', extensions 'vector', async_capable 'true', fetch_size '200',
    options '-c hnsw.ef_search=120 -c hnsw.iterative_scan=relaxed_order -c enable_seqscan=off'
);
CREATE SERVER shard1 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (
    host :'host1', dbname :'database', extensions 'vector', async_capable 'true', fetch_size '200',
    options '-c hnsw.ef_search=120 -c hnsw.iterative_scan=relaxed_order -c enable_seqscan=off'
);
CREATE USER MAPPING FOR CURRENT_USER SERVER shard0 OPTIONS (user :'user');
CREATE USER MAPPING FOR CURRENT_USER SERVER shard1 OPTIONS (user :'user');

CREATE SCHEMA :"map";
SET search_path TO :"map", public;

-- Stored on all servers, by row.
CREATE TABLE photos (
    row bigint, id text, source text, at point, radius_m float8, heading_deg float8, taken_at text,
    attribution text, licence text, content_hash text, content_hint text, view text, camera text
) PARTITION BY RANGE (row);
CREATE FOREIGN TABLE photos_0 PARTITION OF photos FOR VALUES FROM (0) TO (1099511627776)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'photos');
CREATE FOREIGN TABLE photos_1 PARTITION OF photos FOR VALUES FROM (1099511627776) TO (2199023255552)
    SERVER shard1 OPTIONS (schema_name :'map', table_name 'photos');

CREATE TABLE descriptors (row bigint, vector halfvec(:dim)) PARTITION BY RANGE (row);
CREATE FOREIGN TABLE descriptors_0 PARTITION OF descriptors FOR VALUES FROM (0) TO (1099511627776)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'descriptors');
CREATE FOREIGN TABLE descriptors_1 PARTITION OF descriptors FOR VALUES FROM (1099511627776) TO (2199023255552)
    SERVER shard1 OPTIONS (schema_name :'map', table_name 'descriptors');

CREATE TABLE local_features (row bigint, number bigint, bytes bigint, features bytea) PARTITION BY RANGE (row);
CREATE FOREIGN TABLE local_features_0 PARTITION OF local_features FOR VALUES FROM (0) TO (1099511627776)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'local_features');
CREATE FOREIGN TABLE local_features_1 PARTITION OF local_features FOR VALUES FROM (1099511627776) TO (2199023255552)
    SERVER shard1 OPTIONS (schema_name :'map', table_name 'local_features');

CREATE FOREIGN TABLE skipped_0 (id text, reason text) SERVER shard0 OPTIONS (schema_name :'map', table_name 'skipped');
CREATE FOREIGN TABLE skipped_1 (id text, reason text) SERVER shard1 OPTIONS (schema_name :'map', table_name 'skipped');
CREATE VIEW skipped AS SELECT * FROM skipped_0 UNION ALL SELECT * FROM skipped_1;

CREATE FOREIGN TABLE counts_0 (photos bigint, removals bigint, last_row bigint)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'counts');
CREATE FOREIGN TABLE counts_1 (photos bigint, removals bigint, last_row bigint)
    SERVER shard1 OPTIONS (schema_name :'map', table_name 'counts');
CREATE VIEW counts AS SELECT sum(photos)::bigint AS photos, sum(removals)::bigint AS removals,
    sum(last_row % 1099511627776)::bigint AS last_row FROM (SELECT * FROM counts_0 UNION ALL SELECT * FROM counts_1) AS each;

-- What lies on the first server alone. That it is a shard is no matter here: all of them are behind this map.
CREATE FOREIGN TABLE meta_0 (key text, value text) SERVER shard0 OPTIONS (schema_name :'map', table_name 'meta');
CREATE VIEW meta AS SELECT * FROM meta_0 WHERE key <> 'shard';
CREATE FOREIGN TABLE point_sources (source bigint, file text, attribution text, licence text, added_at text, points bigint)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'point_sources');
CREATE FOREIGN TABLE points (
    number bigint, source bigint, id text, name text, name_key text, kind text, lat float8, lon float8,
    notability float8, wikidata text, names text, links text
) SERVER shard0 OPTIONS (schema_name :'map', table_name 'points');
CREATE FOREIGN TABLE model_files (fingerprint text, content bytea)
    SERVER shard0 OPTIONS (schema_name :'map', table_name 'model_files');
COMMIT;

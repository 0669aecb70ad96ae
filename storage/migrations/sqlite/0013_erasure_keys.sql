-- The id of the key that a digest was made with; those of before have none (stream/fold/erasure_keys.py).

ALTER TABLE erasures ADD COLUMN key_id VARCHAR(16) NOT NULL DEFAULT '';

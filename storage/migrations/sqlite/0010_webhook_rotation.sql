-- The secret before a rotation, which signs beside the new one until its moment (ms UTC).

ALTER TABLE webhooks ADD COLUMN old_secret VARCHAR(100) NOT NULL DEFAULT '';

ALTER TABLE webhooks ADD COLUMN old_secret_until BIGINT NOT NULL DEFAULT 0;

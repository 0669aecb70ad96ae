-- Signals that lists show and sort by; null where unknown, and in rows of before there were signals.

ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS cart_quantity DOUBLE NULL,
    ADD COLUMN IF NOT EXISTS cart_value DOUBLE NULL,
    ADD COLUMN IF NOT EXISTS checkout_step INTEGER NULL,
    ADD COLUMN IF NOT EXISTS previous_sessions INTEGER NULL;

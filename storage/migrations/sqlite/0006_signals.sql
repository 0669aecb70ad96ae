-- Signals that lists show and sort by; null where unknown, and in rows of before there were signals.

ALTER TABLE sessions ADD COLUMN cart_quantity DOUBLE NULL;

ALTER TABLE sessions ADD COLUMN cart_value DOUBLE NULL;

ALTER TABLE sessions ADD COLUMN checkout_step INTEGER NULL;

ALTER TABLE sessions ADD COLUMN previous_sessions INTEGER NULL;

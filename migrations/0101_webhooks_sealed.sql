-- Personal data that a message is to tell stays sealed until the message is sent:
-- see 0015_sealed.sql. It says what body leaves out.

-- +goose Up
ALTER TABLE payloom_kept.webhook_deliveries ADD COLUMN IF NOT EXISTS personal bytea; -- NULL: body is whole

-- +goose Down
ALTER TABLE payloom_kept.webhook_deliveries DROP COLUMN IF EXISTS personal;

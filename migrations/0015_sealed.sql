-- Personal data that is sealed on the stream stays sealed in the row: whoever shows
-- it opens it with the payment's data key, and nobody once that is destroyed. So an
-- erasure needs no change here, nor in any backup of this database.

-- +goose Up
ALTER TABLE payments ADD COLUMN personal bytea; -- of the last event's snapshot; NULL: none, or buyer has it in clear

-- +goose Down
ALTER TABLE payments DROP COLUMN personal;

-- How things end that no event ends: commands that were buried, and ledgers that
-- the stream has forgotten.

-- +goose Up

-- When the operation's command was buried last. An operation that waits for its
-- worker and was not heard of since is dead: that is its status.
ALTER TABLE operations ADD COLUMN buried_at timestamptz;

UPDATE operations o SET buried_at = d.at,
    status = CASE WHEN o.status IN ('accepted', 'open', 'unknown', 'waiting') AND (o.version = 0 OR o.at <= d.at) THEN 'dead' ELSE o.status END
FROM (
    SELECT split_part(subject, '.', 5) AS merchant, split_part(subject, '.', 6) AS command_id, max(at) AS at
    FROM dead_letters WHERE stream LIKE 'COMMANDS\_%' GROUP BY 1, 2) d
WHERE o.merchant = d.merchant AND o.command_id = d.command_id;

CREATE INDEX operations_dead ON operations (provider, at) WHERE status = 'dead';

-- The payment's former events have expired and others began a ledger anew, which
-- knows nothing of them: the row stays as it was, but for its place in the chain.
ALTER TABLE payments ADD COLUMN outlived boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE payments DROP COLUMN outlived;
UPDATE operations SET status = CASE WHEN version = 0 THEN 'accepted' ELSE 'unknown' END WHERE status = 'dead';
ALTER TABLE operations DROP COLUMN buried_at;
DROP INDEX IF EXISTS operations_dead;

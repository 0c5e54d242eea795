-- Who was told what by HTTP: package webhook. No projection: streams do not say
-- which endpoint took which message, so a rebuild must leave these rows alone.
-- They live in a schema of their own, the only one that a file names, and the
-- statements do nothing where it exists: a rebuild runs this file too.
--
-- Times are those of the machine that wrote them.

-- +goose Up

CREATE SCHEMA IF NOT EXISTS payloom_kept;

-- One row per message and endpoint.
CREATE TABLE IF NOT EXISTS payloom_kept.webhook_deliveries (
    merchant   text COLLATE "C" NOT NULL,
    endpoint   text COLLATE "C" NOT NULL, -- its id in the accounts
    message_id text COLLATE "C" NOT NULL, -- the header webhook-id
    type       text        NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    version    bigint      NOT NULL,      -- of the event
    stream     text        NOT NULL,      -- where the event stands, as does the next
    seq        bigint      NOT NULL,
    body       bytea       NOT NULL,      -- as signed and sent; empty once delivered
    state      text        NOT NULL,      -- pending, delivered, expired
    attempts   integer     NOT NULL,      -- begun
    due_at     timestamptz NOT NULL,      -- of the next attempt; while one is under way: when it counts as crashed
    expires_at timestamptz NOT NULL,      -- after which there is no further attempt
    event_at   timestamptz NOT NULL,      -- broker time
    created_at timestamptz NOT NULL,
    done_at    timestamptz,               -- delivered or expired
    last_at    timestamptz,               -- of the last attempt, as are the next two
    last_status smallint   NOT NULL,      -- HTTP; 0: no answer
    last_error text        NOT NULL,      -- a word from a closed list; empty: none
    PRIMARY KEY (merchant, endpoint, message_id)
) WITH (fillfactor = 80);

CREATE INDEX IF NOT EXISTS webhook_deliveries_due
    ON payloom_kept.webhook_deliveries (merchant, endpoint, due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS webhook_deliveries_expiry
    ON payloom_kept.webhook_deliveries (expires_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS webhook_deliveries_oldest
    ON payloom_kept.webhook_deliveries (created_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS webhook_deliveries_done
    ON payloom_kept.webhook_deliveries (done_at) WHERE state <> 'pending';
CREATE INDEX IF NOT EXISTS webhook_deliveries_by_payment
    ON payloom_kept.webhook_deliveries (merchant, payment_id, version);

-- What is known of an endpoint beside its configuration. No row: nothing.
CREATE TABLE IF NOT EXISTS payloom_kept.webhook_endpoints (
    merchant    text COLLATE "C" NOT NULL,
    endpoint    text COLLATE "C" NOT NULL,
    hold_until  timestamptz, -- it asked for a pause
    disabled_at timestamptz, -- it said 410; until a person resumes it
    PRIMARY KEY (merchant, endpoint)
);

-- How far each stream of events is looked through. It changes in the transaction
-- of the deliveries.
CREATE TABLE IF NOT EXISTS payloom_kept.webhook_checkpoints (
    stream text PRIMARY KEY,
    seq    bigint NOT NULL,
    digest bytea  NOT NULL -- SHA-256 of the message at seq; empty: there was none
);

-- +goose Down
DROP SCHEMA IF EXISTS payloom_kept CASCADE;

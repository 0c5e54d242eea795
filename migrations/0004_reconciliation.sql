-- Where payments and their providers' books differ.

-- +goose Up

-- One row per difference, as its last event tells.
CREATE TABLE reconcile_breaks (
    merchant   text COLLATE "C" NOT NULL,
    break_id   text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    provider   text        NOT NULL,
    account    text        NOT NULL,
    kind       text        NOT NULL,
    figure     text        NOT NULL, -- what of the payment differs
    status     text        NOT NULL, -- open, healed, closed
    currency   text        NOT NULL, -- of the payment
    here       bigint      NOT NULL, -- minor units, as is the next
    there      bigint      NOT NULL,
    ours       text        NOT NULL, -- our word where states or currencies differ
    theirs     text        NOT NULL,
    ref        text        NOT NULL, -- the provider's
    found_at   timestamptz NOT NULL,
    at         timestamptz NOT NULL, -- last change
    reason     text        NOT NULL, -- why a person closed it
    actor      text        NOT NULL, -- who did
    version    bigint      NOT NULL, -- of the payment's event that told
    PRIMARY KEY (merchant, break_id)
);

CREATE INDEX reconcile_breaks_open ON reconcile_breaks (provider, kind) WHERE status = 'open';
CREATE INDEX reconcile_breaks_by_payment ON reconcile_breaks (merchant, payment_id);

-- The runs that compare, and that somebody asked for. No projection: a rebuild begins
-- without, and with a run.
CREATE TABLE reconcile_runs (
    wanted_at  timestamptz PRIMARY KEY,
    everything boolean     NOT NULL, -- also payments that were compared since they changed
    ended_at   timestamptz,
    asked      bigint      NOT NULL DEFAULT 0
);

-- Commands come in the order of time, so this index costs next to nothing.
CREATE INDEX commands_by_time ON commands USING brin (accepted_at);

-- +goose Down
DROP INDEX commands_by_time;
DROP TABLE reconcile_runs, reconcile_breaks;

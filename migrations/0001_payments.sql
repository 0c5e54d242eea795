-- The projection: what the streams add up to, in rows. Everything here but the
-- sweeper's wakes can be dropped and made again from the streams; see
-- docs/adr/0005-rebuild-beside-and-rename.md.
--
-- Amounts are minor units. Times are the broker's. Text that identifies is in
-- the C collation, so that a prefix is found by the index and order is the same
-- on every machine.

-- +goose Up

-- One row per payment, as its last event tells, or as accepted when only the
-- command that opens it is known.
CREATE TABLE payments (
    merchant     text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    provider     text        NOT NULL,
    account      text        NOT NULL,
    state        text        NOT NULL, -- accepted, or a state of pkg/payment
    settled      boolean     NOT NULL, -- nothing follows unless somebody asks for it
    version      bigint      NOT NULL, -- events folded; 0: accepted only
    shard        smallint    NOT NULL, -- of its events; -1: accepted only
    last_seq     bigint      NOT NULL, -- of its last event in the shard's stream
    last_hash    bytea       NOT NULL, -- SHA-256 of its last event: what the next one must name
    currency     text        NOT NULL,
    amount       bigint      NOT NULL,
    authorized   bigint      NOT NULL,
    captured     bigint      NOT NULL,
    refunded     bigint      NOT NULL,
    capturable   bigint      NOT NULL, -- reservations counted, as in the next
    refundable   bigint      NOT NULL,
    capture_mode text        NOT NULL,
    action       jsonb,               -- what the buyer has to do
    buyer        jsonb,               -- personal data
    mandate      jsonb,
    refs         jsonb,               -- the provider's references
    attention    boolean     NOT NULL, -- a person has to look
    frozen       text        NOT NULL, -- why no money is moved; empty: not frozen
    quarantined  text        NOT NULL DEFAULT '', -- which event could not be projected; empty: all were
    opened_by    text COLLATE "C" NOT NULL, -- the command that opened it
    created_at   timestamptz NOT NULL, -- first event or acceptance, whichever was earlier
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (merchant, payment_id)
) WITH (fillfactor = 85);

CREATE INDEX payments_by_time ON payments (merchant, created_at DESC, payment_id DESC);
CREATE INDEX payments_attention ON payments (merchant, updated_at) WHERE attention;

-- The provider's references of a payment and its operations, to find it by.
CREATE TABLE refs (
    merchant   text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant, value, payment_id)
);

-- One row per command: what became of it. The row is made by the command or by
-- its first event, whichever is projected first, and ends up the same either way.
CREATE TABLE operations (
    merchant    text COLLATE "C" NOT NULL,
    payment_id  text COLLATE "C" NOT NULL,
    command_id  text COLLATE "C" NOT NULL,
    provider    text        NOT NULL,
    kind        text        NOT NULL,
    status      text        NOT NULL, -- accepted, or a status of pkg/payment
    version     bigint      NOT NULL, -- of the payment's event that told; 0: accepted only
    currency    text        NOT NULL,
    amount      bigint      NOT NULL, -- as asked
    effect      bigint      NOT NULL, -- what took effect
    reason      text        NOT NULL,
    code        text        NOT NULL, -- the provider's
    ref         text        NOT NULL, -- the provider's
    attempts    integer     NOT NULL,
    retry_at    timestamptz,          -- nothing happens before it
    at          timestamptz NOT NULL, -- last change
    accepted_at timestamptz,          -- the command's, as is the next
    own_ref     text        NOT NULL DEFAULT '', -- the merchant's own reference
    PRIMARY KEY (merchant, payment_id, command_id)
) WITH (fillfactor = 85);

CREATE INDEX operations_open ON operations (status, at)
    WHERE status IN ('accepted', 'open', 'unknown', 'waiting', 'action_required', 'pending', 'parked');

-- Every event. body is the event as it stands on the stream without its
-- snapshot; hash is that of the whole event.
CREATE TABLE events (
    shard      smallint    NOT NULL,
    seq        bigint      NOT NULL,
    at         timestamptz NOT NULL, -- of the message
    merchant   text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    version    bigint      NOT NULL,
    type       text        NOT NULL,
    command_id text COLLATE "C" NOT NULL,
    source     text        NOT NULL,
    body       bytea       NOT NULL,
    prev_hash  bytea       NOT NULL,
    hash       bytea       NOT NULL,
    PRIMARY KEY (shard, seq, at),
    -- A unique key of a partitioned table holds the partition's column; across
    -- months the projector's own check of versions keeps them unique.
    UNIQUE (merchant, payment_id, version, at)
) PARTITION BY RANGE (at);

CREATE TABLE events_rest PARTITION OF events DEFAULT;

-- The registry of ReqIDs: every accepted command, kept thirteen months.
CREATE TABLE commands (
    merchant    text COLLATE "C" NOT NULL,
    command_id  text COLLATE "C" NOT NULL,
    accepted_at timestamptz NOT NULL,
    req_id      text COLLATE "C" NOT NULL,
    payment_id  text COLLATE "C" NOT NULL,
    provider    text        NOT NULL,
    account     text        NOT NULL,
    kind        text        NOT NULL,
    fingerprint bytea       NOT NULL, -- SHA-256 of what was asked
    shard       smallint    NOT NULL,
    seq         bigint      NOT NULL,
    PRIMARY KEY (merchant, command_id, accepted_at)
) PARTITION BY RANGE (accepted_at);

CREATE TABLE commands_rest PARTITION OF commands DEFAULT;

-- Callbacks as they came in, without header, query and body: those are personal
-- data and stay in the stream, where seq finds them.
CREATE TABLE callbacks (
    seq         bigint PRIMARY KEY,
    at          timestamptz NOT NULL,
    callback_id text COLLATE "C" NOT NULL,
    provider    text        NOT NULL,
    merchant    text COLLATE "C" NOT NULL,
    account     text        NOT NULL,
    kind        text        NOT NULL,
    page        text        NOT NULL,
    method      text        NOT NULL,
    verdict     text        NOT NULL,
    reason      text        NOT NULL,
    payment_id  text COLLATE "C" NOT NULL, -- empty while nobody knows
    dedup       text        NOT NULL,
    bytes       integer     NOT NULL, -- of the body
    received_at timestamptz NOT NULL
);

CREATE INDEX callbacks_by_payment ON callbacks (merchant, payment_id, seq) WHERE payment_id <> '';
CREATE INDEX callbacks_suspicious ON callbacks (seq) WHERE verdict <> 'accepted';

-- Messages that nobody could handle; their bytes are in the stream.
CREATE TABLE dead_letters (
    seq        bigint PRIMARY KEY,
    at         timestamptz NOT NULL,
    service    text        NOT NULL,
    reason     text        NOT NULL,
    stream     text        NOT NULL, -- where it came from, as do the next two
    stream_seq bigint      NOT NULL,
    subject    text        NOT NULL,
    deliveries bigint      NOT NULL,
    buried_at  timestamptz NOT NULL
);

-- How far each stream is projected. It changes in the transaction of the rows.
CREATE TABLE checkpoints (
    stream text PRIMARY KEY,
    seq    bigint      NOT NULL,
    at     timestamptz NOT NULL, -- of the message at seq
    digest bytea       NOT NULL, -- SHA-256 of that message
    -- The first sequence that was projected. Above 1 it stands for what the
    -- stream had forgotten by then: a payment may begin with a later version.
    origin bigint      NOT NULL
);

-- The sweeper's memory: which commands were handed out again. No projection: a
-- rebuild begins without.
CREATE TABLE wakes (
    merchant   text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    command_id text COLLATE "C" NOT NULL,
    times      integer     NOT NULL,
    last_at    timestamptz NOT NULL,
    next_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant, payment_id, command_id)
);

-- make_partitions makes the monthly partitions of a table from one month to
-- another, both included, and returns how many it made. Months are UTC.
-- +goose StatementBegin
CREATE FUNCTION make_partitions(parent text, first timestamptz, last timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    home text := current_schema();
    month timestamp := date_trunc('month', first AT TIME ZONE 'UTC');
    stop timestamp := date_trunc('month', last AT TIME ZONE 'UTC');
    child text;
    made integer := 0;
BEGIN
    -- One at a time: two trackers start together.
    PERFORM pg_advisory_xact_lock(hashtext(home || '.' || parent));
    WHILE month <= stop LOOP
        child := parent || to_char(month, '_YYYY_MM');
        IF to_regclass(format('%I.%I', home, child)) IS NULL THEN
            EXECUTE format('CREATE TABLE %I.%I PARTITION OF %I.%I FOR VALUES FROM (%L) TO (%L)',
                home, child, home, parent, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
-- +goose StatementEnd

-- drop_partitions drops the monthly partitions of a table that end at or before
-- a time, and returns how many.
-- +goose StatementBegin
CREATE FUNCTION drop_partitions(parent text, before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    home text := current_schema();
    stop text := parent || to_char(date_trunc('month', before AT TIME ZONE 'UTC'), '_YYYY_MM');
    child text;
    dropped integer := 0;
BEGIN
    FOR child IN
        SELECT c.relname FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(format('%I.%I', home, parent))
          AND c.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$') AND c.relname::text < stop
    LOOP
        EXECUTE format('DROP TABLE %I.%I', home, child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION drop_partitions(text, timestamptz);
DROP FUNCTION make_partitions(text, timestamptz, timestamptz);
DROP TABLE wakes, checkpoints, dead_letters, callbacks, commands, events, operations, refs, payments;

-- What results are looked through by: whether a row is a payment or a payout, and
-- the mandates that payments gave and that others charge.
--
-- Which mandate an operation charges only its command tells, so operations from
-- before this file have none: payctl rebuild --swap --force fills them in.

-- +goose Up

ALTER TABLE payments ADD COLUMN kind text NOT NULL DEFAULT ''; -- of the operation that opened it; empty: none was begun

UPDATE payments p SET kind = o.kind FROM operations o
WHERE o.merchant = p.merchant AND o.payment_id = p.payment_id AND o.command_id = p.opened_by;

ALTER TABLE operations ADD COLUMN mandate text COLLATE "C" NOT NULL DEFAULT ''; -- that it charges; empty: none

CREATE INDEX operations_by_mandate ON operations (merchant, mandate, at) WHERE mandate <> '';

-- The rights to charge again: those that were given here, and those that only were
-- charged here. How often and when is in operations.
CREATE TABLE mandates (
    merchant   text COLLATE "C" NOT NULL,
    mandate_id text COLLATE "C" NOT NULL, -- the provider's
    provider   text        NOT NULL,
    account    text        NOT NULL,
    payment_id text COLLATE "C" NOT NULL, -- that gave it; empty: it came from elsewhere
    cycle      text        NOT NULL, -- as agreed; empty: not known
    at         timestamptz NOT NULL, -- given, or, from elsewhere, its first charge accepted
    PRIMARY KEY (merchant, mandate_id)
);

CREATE INDEX mandates_by_time ON mandates (merchant, at DESC, mandate_id DESC);

INSERT INTO mandates (merchant, mandate_id, provider, account, payment_id, cycle, at)
SELECT DISTINCT ON (p.merchant, p.mandate->>'id')
    p.merchant, p.mandate->>'id', p.provider, p.account, p.payment_id, coalesce(p.mandate->>'cycle', ''), e.at
FROM events e JOIN payments p USING (merchant, payment_id)
WHERE e.type = 'MandateIssued' AND octet_length(p.mandate->>'id') BETWEEN 1 AND 512
ORDER BY p.merchant, p.mandate->>'id', e.at, p.payment_id;

-- +goose Down
DROP TABLE mandates;
ALTER TABLE operations DROP COLUMN mandate;
ALTER TABLE payments DROP COLUMN kind;

package doctor

import (
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

// Vitals are what was found by looking.
type Vitals struct {
	Now time.Time // by the broker's clock where it answers, else by ours

	Broker     *bus.Survey // nil: it did not answer
	BrokerErr  error
	Durability error // why it is not known to sync every write; nil: it is
	Laptop     bool  // no durability is wanted
	Stranded   []bus.Advisory
	// AdvisoryErr, DeadErr and AuditErr tell why not all of them could be read.
	AdvisoryErr error
	Dead        []time.Time // when the open dead letters were buried
	DeadErr     error
	Audit       int // records
	AuditErr    error

	Rows    *Rows // nil: the database did not answer, or none is named
	NoRows  bool  // none is named
	RowsErr error

	Accounts    string // the file; empty: none is named
	AccountsErr error
	Secrets     []Aged // files with keys and seeds
	Certs       []Cert
}

// Rows are what the database says.
type Rows struct {
	Migrated   error
	Lags       []Lag
	Positions  []string // checkpoints that do not belong to their streams
	Partitions []string // of the coming month, that are missing
	Overdue    int64    // commands that the sweeper should have handed out, and did not
	Parked     Waiting
	Frozen     Waiting
	Unknown    Waiting
	Webhooks   Waiting // overdue deliveries
	GivenUp    int64   // deliveries that expired in the last day
	Disabled   int64   // endpoints
}

// Lag is how far the rows are behind a stream.
type Lag struct {
	Stream   string
	Messages uint64
	Age      time.Duration
}

// Waiting is how many wait, and since when the oldest does.
type Waiting struct {
	Count  int64
	Oldest time.Time
}

// Aged is a file that should be replaced now and then.
type Aged struct {
	Path    string
	Changed time.Time
}

// Cert is a certificate in a file.
type Cert struct {
	Path     string
	NotAfter time.Time
	Err      error // it could not be read
}

package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

// Draft is the schema that a rebuild fills.
const Draft = Live + "_draft"

// ErrDiffers means that a rebuild ended with other rows than the live ones have.
var ErrDiffers = errors.New("projection: the rebuilt rows differ from the live ones")

// RebuildOptions are how a rebuild goes.
type RebuildOptions struct {
	// Swap puts the rebuilt rows in the place of the live ones when they are equal.
	Swap bool
	// Force swaps rows that differ: the live ones are known to be wrong.
	Force bool
	// Progress is told now and then how many messages of all are projected; nil:
	// nobody is.
	Progress func(done, all uint64)
	Log      *zap.Logger // nil: none
}

// Report is what a rebuild found and did.
type Report struct {
	Live, Rebuilt Picture  // at the same sequences
	Differences   []string // none: the rows are equal
	Carried       int64    // messages that the streams have forgotten, whose rows were carried along
	Missing       uint64   // such messages without rows
	Swapped       bool
	Retired       string // the schema that holds the former rows after a swap
	Took          time.Duration
}

// Rebuild projects all streams into a schema beside the live one, from their
// first message to where the live rows stand, and compares. The live projection
// goes on meanwhile; a swap holds it up for as long as the last few messages
// take. After ErrDiffers the rebuilt rows stay in the schema Draft to be looked
// at, until the next rebuild.
func Rebuild(ctx context.Context, src Source, dsn string, o RebuildOptions) (Report, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Progress == nil {
		o.Progress = func(uint64, uint64) {}
	}
	start := time.Now()
	r, err := openRebuild(ctx, src, dsn, o)
	if err != nil {
		return Report{}, err
	}
	defer r.close()
	err = locked(ctx, r.live, rebuildLock, func() error { return r.run(ctx) })
	r.report.Took = time.Since(start)
	return r.report, err
}

type rebuild struct {
	src         Source
	opts        RebuildOptions
	live, draft *pgxpool.Pool
	report      Report
}

func openRebuild(ctx context.Context, src Source, dsn string, o RebuildOptions) (*rebuild, error) {
	live, err := open(ctx, dsn, "payloom-rebuild", Live, 0)
	if err != nil {
		return nil, err
	}
	if err := CheckMigrated(ctx, live); err != nil {
		live.Close()
		return nil, err
	}
	draft, err := open(ctx, dsn, "payloom-rebuild", Draft, 0)
	if err != nil {
		live.Close()
		return nil, err
	}
	return &rebuild{src: src, opts: o, live: live, draft: draft}, nil
}

func (r *rebuild) close() {
	r.draft.Close()
	r.live.Close()
}

func (r *rebuild) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	if len(r.report.Differences) > 0 && !r.opts.Force {
		return ErrDiffers
	}
	if !r.opts.Swap {
		return r.drop(ctx)
	}
	return r.swap(ctx)
}

func (r *rebuild) drop(ctx context.Context) error {
	_, err := r.live.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{Draft}.Sanitize()+" CASCADE")
	if err != nil {
		return fmt.Errorf("drop the draft: %w", err)
	}
	return nil
}

// prepare makes an empty draft, and carries what cannot be projected again.
func (r *rebuild) prepare(ctx context.Context) error {
	if err := r.drop(ctx); err != nil {
		return err
	}
	if _, err := migrate(ctx, r.draft, Draft); err != nil {
		return err
	}
	if err := r.copyPartitions(ctx); err != nil {
		return err
	}
	gone, err := r.forgotten(ctx)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, r.draft, func(tx pgx.Tx) error {
		for _, f := range gone {
			n, err := carry(ctx, tx, f)
			if err != nil {
				return err
			}
			r.report.Carried += n
			r.report.Missing += f.first - 1 - min(uint64(n), f.first-1)
		}
		return nil
	})
}

// copyPartitions makes the months that the live tables have.
func (r *rebuild) copyPartitions(ctx context.Context) error {
	for table, column := range map[string]string{"events": "at", "commands": "accepted_at"} {
		var first *time.Time
		if err := r.live.QueryRow(ctx, "SELECT min("+column+") FROM "+table).Scan(&first); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		if first == nil {
			continue
		}
		if err := makePartitions(ctx, r.draft, table, *first, time.Now().AddDate(0, monthsAhead, 0)); err != nil {
			return err
		}
	}
	return nil
}

// forgotten returns what the streams have no longer: commands first, as their
// rows are what events write over.
func (r *rebuild) forgotten(ctx context.Context) ([]forgotten, error) {
	var all []forgotten
	for shard, stream := range r.src.CommandStreams() {
		all = append(all, forgotten{stream: stream, table: "commands", shard: shard})
	}
	for shard, stream := range r.src.EventStreams() {
		all = append(all, forgotten{stream: stream, table: "events", shard: shard})
	}
	all = append(all, forgotten{stream: bus.CallbackStream, table: "callbacks"}, forgotten{stream: bus.DeadStream, table: "dead_letters"})
	var gone []forgotten
	for _, f := range all {
		state, err := r.src.StreamState(ctx, f.stream)
		if err != nil {
			return nil, err
		}
		if f.first = state.FirstSeq; f.first > 1 {
			gone = append(gone, f)
		}
	}
	return gone, nil
}

// compare projects the draft to where a picture of the live rows was taken.
func (r *rebuild) compare(ctx context.Context) error {
	var err error
	if r.report.Live, err = picture(ctx, r.live, Live); err != nil {
		return err
	}
	if err := r.projectTo(ctx, r.report.Live.At); err != nil {
		return err
	}
	if r.report.Rebuilt, err = picture(ctx, r.draft, Draft); err != nil {
		return err
	}
	r.report.Differences = r.report.Live.Diff(r.report.Rebuilt)
	return nil
}

// projectTo brings the draft to the given sequences; streams that are not among
// them stay where they are.
func (r *rebuild) projectTo(ctx context.Context, end map[string]uint64) error {
	until := make(map[string]uint64)
	for _, stream := range streamsOf(r.src) {
		until[stream] = end[stream]
	}
	p := New(r.src, r.draft, Options{Until: until, Batch: 1000, Log: r.opts.Log})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() { defer close(watched); r.watch(ctx, until) }()
	err := p.Run(ctx)
	cancel()
	<-watched
	return err
}

// watch tells how far the draft is, a few times a second.
func (r *rebuild) watch(ctx context.Context, end map[string]uint64) {
	var all uint64
	for n := range maps.Values(end) {
		all += n
	}
	for {
		at, err := checkpoints(ctx, r.draft)
		if err == nil {
			var done uint64
			for stream, c := range at {
				done += min(c.Seq, end[stream])
			}
			r.opts.Progress(done, all)
		}
		if sleep(ctx, 250*time.Millisecond) != nil {
			r.opts.Progress(all, all)
			return
		}
	}
}

// swap puts the draft in the place of the live schema.
func (r *rebuild) swap(ctx context.Context) error {
	// As far as possible while nobody waits.
	at, err := sequences(ctx, r.live)
	if err != nil {
		return err
	}
	if err := r.projectTo(ctx, at); err != nil {
		return err
	}
	retired := Live + "_until_" + time.Now().UTC().Format("20060102_150405")
	err = pgx.BeginFunc(ctx, r.live, func(tx pgx.Tx) error { return r.rename(ctx, tx, retired) })
	if err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	r.report.Swapped, r.report.Retired = true, retired
	r.opts.Log.Info("projection swapped", zap.String("retired", retired))
	return nil
}

func sequences(ctx context.Context, q queryer) (map[string]uint64, error) {
	at, err := checkpoints(ctx, q)
	if err != nil {
		return nil, err
	}
	seqs := make(map[string]uint64, len(at))
	for stream, c := range at {
		seqs[stream] = c.Seq
	}
	return seqs, nil
}

// rename swaps the names. Every projector's transaction begins by writing to
// checkpoints: those under way end first, and those that wait for the lock look
// the name up again and go on in the new schema.
func (r *rebuild) rename(ctx context.Context, tx pgx.Tx, retired string) error {
	if _, err := tx.Exec(ctx, "LOCK TABLE checkpoints IN EXCLUSIVE MODE"); err != nil {
		return err
	}
	at, err := sequences(ctx, tx)
	if err != nil {
		return err
	}
	if err := r.projectTo(ctx, at); err != nil {
		return err
	}
	live, draft, old := pgx.Identifier{Live}.Sanitize(), pgx.Identifier{Draft}.Sanitize(), pgx.Identifier{retired}.Sanitize()
	for _, sql := range []string{
		// Nobody may go on in the former rows, whatever it has cached.
		"UPDATE checkpoints SET seq = -1 - seq",
		"ALTER SCHEMA " + live + " RENAME TO " + old,
		"ALTER SCHEMA " + draft + " RENAME TO " + live,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Retired lists the schemas that swaps have left, oldest first.
func Retired(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `SELECT nspname FROM pg_namespace WHERE nspname LIKE $1 ORDER BY nspname`, Live+`\_until\_%`)
	if err != nil {
		return nil, fmt.Errorf("retired schemas: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

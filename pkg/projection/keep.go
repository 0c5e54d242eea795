package projection

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// registryMonths is how long ReqIDs are remembered: a year that a caller may
// rely on, and a month to be late in.
const registryMonths = 13

// Keep makes the partitions of the months to come and drops those of commands
// that need not be remembered any longer. now is broker time. It may be called
// at any time, by several at once.
func Keep(ctx context.Context, pool *pgxpool.Pool, now time.Time) (dropped int, err error) {
	for _, table := range []string{"events", "commands"} {
		if err := makePartitions(ctx, pool, table, now, now.AddDate(0, monthsAhead, 0)); err != nil {
			return 0, err
		}
	}
	err = pool.QueryRow(ctx, "SELECT drop_partitions('commands', $1)", now.AddDate(0, -registryMonths, 0)).Scan(&dropped)
	if err != nil {
		return 0, fmt.Errorf("drop partitions: %w", err)
	}
	return dropped, nil
}
